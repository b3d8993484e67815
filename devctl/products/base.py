"""The agreement that every recipe keeps. A recipe is a module-level `RECIPE`; it computes and touches nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from devctl.core.spec import Port, Service, Variant


@dataclass(frozen=True, slots=True)
class Context:
    """What a recipe may look at besides its own settings.

    `folder` is the manifest's, `data` the service's own volume folder, `python` the interpreter that runs
    devctl's modules, `services` all services of the stack that are active (before recipes are expanded: their
    names, ports, `metrics` and `uses` are set), `read` returns the text of a file beside the manifest.
    """

    service: str
    folder: str
    data: str
    python: str
    services: Mapping[str, Service]
    read: Callable[[str], str]
    files: Callable[[str], list[str]]  # the files under a folder beside the manifest, sorted
    telemetry: bool = True
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Recipe:
    """A bought-in product.

    `settings` is a frozen dataclass whose fields are the keys of `with:`; `expand` makes one variant from them.
    """

    name: str
    summary: str
    settings: type
    ports: tuple[Port, ...]
    variants: tuple[str, ...]  # in the order auto tries them: native, container, embedded
    expand: Callable[[Any, str, Context], Variant]
    page: str = ""
    metrics: str = ""
    cure: str = ""  # what would bring the real one, for a person
    lacks: str = ""  # what the embedded variant does not do, for a person
    stop_grace_seconds: float = 10.0
    stop_signal: str = "SIGTERM"
