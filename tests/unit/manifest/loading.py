"""Helpers of the manifest's tests: load a text as a stack.yaml, with recipes and tools that are made up."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from devctl.core.checks import KafkaCheck
from devctl.core.spec import File, Port, Service, Spec, Variant
from devctl.core.status import Kind
from devctl.engine.base import Address, Engine, NoEngine
from devctl.manifest.load import Loaded, LoadRequest, load
from devctl.manifest.problems import ManifestError
from devctl.paths import StackPaths
from devctl.products.base import Context, Product, Recipe
from devctl.tools.base import Available, Unavailable


@dataclass(frozen=True)
class Topic:
    """One topic."""

    partitions: int = 1


@dataclass(frozen=True)
class BrokerSettings:
    """Settings of the made-up broker."""

    topics: dict[str, Topic] = field(default_factory=dict)
    heap: str = "256m"
    config: str = ""
    fast: bool = False


@dataclass(frozen=True)
class NoSettings:
    """Settings of what has none."""


def broker(kind: str, settings: BrokerSettings, context: Context) -> Variant:
    """Make a variant that shows what the recipe got."""
    if settings.heap == "0":
        raise ValueError("a broker needs memory")
    seen = ",".join(sorted(context.services))
    text = context.read(settings.config) if settings.config else ""
    return Variant(
        name=kind,
        kind=Kind.PROCESS,
        argv=("broker", *(f"{name}={topic.partitions}" for name, topic in settings.topics.items()), seen),
        environment={"HEAP": settings.heap, "A": "recipe"},
        check=KafkaCheck(port="broker"),
        files=(File(f"{context.data}/conf", text),),
        tools=("java",) if kind == "native" else (),
    )


KINDS = ("native", "container", "embedded")
BROKER = Product(
    name="broker",
    summary="A made-up broker.",
    settings=BrokerSettings,
    ports=(Port("broker", 9092), Port("http", 8888)),
    variants={kind: Recipe(partial(broker, kind), provides={"kafka": "broker"}) for kind in KINDS},
    page="http",
    remedy="install Java 17",
    stop_grace_seconds=30.0,
)


def tracer(kind: str, _: NoSettings, context: Context) -> Variant:
    """Make a variant of a store of traces."""
    return Variant(name=kind, kind=Kind.PROCESS, argv=("tracer",), tools=("java",) if kind == "native" else ())


TRACER = Product(
    name="tracer",
    summary="A made-up store of traces, whose emulator takes no spans.",
    settings=NoSettings,
    ports=(Port("page"), Port("intake")),
    variants={
        "native": Recipe(partial(tracer, "native"), provides={"spans": "intake"}),
        "embedded": Recipe(partial(tracer, "embedded")),
    },
)
ZIPPER = Product(
    name="zipper",
    summary="Another one, that speaks another format.",
    settings=NoSettings,
    ports=(Port("page"),),
    variants={"embedded": Recipe(partial(tracer, "embedded"), provides={"zipkin": "page"})},
)
PRODUCTS = {product.name: product for product in (BROKER, TRACER, ZIPPER)}


def has_java(tool: str) -> Any:
    """Answer for a machine that has every tool."""
    return Available(tool, "path", "17")


def lacks_java(tool: str) -> Any:
    """Answer for a machine that has no tool."""
    return Unavailable(tool, f"no {tool} here", "get one")


NO_ENGINE = NoEngine("no engine here", "Start one.")


def lacks_engine(_: Mapping[str, str]) -> NoEngine:
    """Answer for a machine without a container engine."""
    return NO_ENGINE


def has_engine(_: Mapping[str, str]) -> Engine:
    """Answer for a machine with a container engine."""
    return Engine(Address("unix:///engine.sock", "Docker"), "Docker", "29.0.0", "1.52")


def load_text(
    folder: Path,
    text: str | bytes,
    *,
    environ: Mapping[str, str] | None = None,
    files: Iterable[Path] = (),
    available: Callable[[str], Any] = has_java,
    **rest: Any,
) -> Loaded:
    """Load `text` as the stack.yaml of `folder`."""
    raw = text if isinstance(text, bytes) else text.encode()
    (folder / "stack.yaml").write_bytes(raw)
    request = LoadRequest(
        StackPaths(folder.resolve(), rest.pop("project", "")),
        tuple(files),
        environ if environ is not None else {},
        find_product=PRODUCTS.get,
        product_names=lambda: PRODUCTS,
        available=available,
        find_engine=rest.pop("find_engine", lacks_engine),
        **rest,
    )
    return load(request)


def spec_of(folder: Path, text: str, **rest: Any) -> Spec:
    """Return the Spec of `text`, without the hub."""
    return load_text(folder, f"telemetry: off\n{text}", **rest).spec


def service_of(folder: Path, text: str, **rest: Any) -> Service:
    """Return the service `a` that `text` is the body of, as a flow mapping."""
    return spec_of(folder, f"services: {{a: {text}}}", **rest).services["a"]


def mistakes_of(folder: Path, text: str | bytes, **rest: Any) -> list[str]:
    """Return the mistakes of a manifest as texts, none when it can be loaded."""
    try:
        load_text(folder, text, **rest)
    except ManifestError as error:
        return [str(problem) for problem in error.problems]
    return []
