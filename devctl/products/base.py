"""The agreement that every product keeps: a module-level `PRODUCT` in its `recipe.py`. It computes, touches nothing."""

from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any

from devctl.core.spec import Port, Service, Variant
from devctl.core.status import VARIANTS
from devctl.tools.entry import Entry
from devctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Context:
    """What a recipe may look at besides its own settings.

    `folder` is the manifest's, `data` the service's own volume folder, `python` the interpreter that runs
    devctl's modules, `services` all services of the stack that are active (before recipes are expanded: their
    names, ports, `metrics`, `uses` and `provides` are set), `read` returns the text of a file beside the manifest.
    """

    service: str
    folder: str
    data: str
    python: str
    services: Mapping[str, Service]
    read: Callable[[str], str]
    files: Callable[[str], list[str]]  # the files under a folder beside the manifest, sorted
    telemetry: bool = True


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way to run a product: a pure function from its settings to a variant.

    `provides`: what others can use it for → the name of the port that serves it. Nobody asks for a product by name:
    `kafka` speaks Kafka's protocol, `promql` answers Prometheus' HTTP API, `spans` takes OTLP over HTTP, `zipkin`
    takes Zipkin's JSON, `jaeger` answers Jaeger's query API, `metrics` is where Prometheus scrapes the service itself.
    What only a stack's own services ask for (`amqp`, `etcd`) is named as well: `status` shows it.
    `limitations`: what the variant does not do that the original does, for a person.
    """

    expand: Callable[[Any, Context], Variant]
    provides: Mapping[str, str] = field(default_factory=dict)
    limitations: str = ""


@dataclass(frozen=True, slots=True)
class Product:
    """A third-party product.

    `settings` is a frozen dataclass whose fields are the keys of `with:`, `example` one that people write. `images` are
    patterns of the names of images that it stands for when a Compose file is taken over, `compose_settings` the
    settings that stand for variables of its image. `tools` are the native programs that it brings to the catalog.
    """

    name: str
    summary: str
    settings: type
    ports: tuple[Port, ...]
    variants: Mapping[str, Recipe]  # by names of VARIANTS
    example: Mapping[str, Any] = field(default_factory=dict)
    compose_settings: Mapping[str, str] = field(default_factory=dict)
    images: tuple[str, ...] = ()
    tools: tuple[Entry, ...] = ()
    page: str = ""
    metrics: str = ""
    remedy: str = ""  # what would bring the real one, for a person
    stop_grace_seconds: float = 10.0
    stop_signal: str = "SIGTERM"

    def __post_init__(self) -> None:
        """Refuse what devctl would not try or could not reach."""
        if unknown := set(self.variants) - set(VARIANTS):
            raise ValueError(f"{self.name}: there is no variant {sorted(unknown)}")

    @property
    def order(self) -> tuple[str, ...]:
        """The names of its variants in the order in which `auto` tries them."""
        return tuple(name for name in VARIANTS if name in self.variants)

    @property
    def provides(self) -> dict[str, str]:
        """What any of its variants provides: capability → port."""
        return {key: port for name in reversed(self.order) for key, port in self.variants[name].provides.items()}

    @property
    def limitations(self) -> str:
        """What its emulator does not do, for a person; empty where it has none."""
        return self.variants["embedded"].limitations if "embedded" in self.variants else ""
