"""What shall run, fully said: the manifest after interpolation, checks and recipes, as plain dataclasses.

The command makes it and hands it to the supervisor as JSON. It holds no decision and does nothing.

Some values in it are known only later: addresses (ports are allocated before the first spawn) and the paths
of native programs (fetched at need). They stand in the text as placeholders between NUL bytes, which no
environment, argument or manifest can contain, so that nothing a user writes is ever taken for one:
`\\0services.kafka.broker\\0` and `\\0tools.java\\0`. `core.launch` fills them in.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import types
import typing
from collections.abc import Callable, Iterator, Mapping
from dataclasses import field
from enum import StrEnum
from typing import Any, TypeVar

from devctl.core.checks import Check
from devctl.core.container import Build, Container
from devctl.core.status import Condition, Kind
from devctl.values import dataclass

VERSION = 1
MARK = "\0"
HUB = "hub"
RELAY = "relay"
RESERVED = frozenset({HUB, RELAY})
"""The names of services that devctl adds by itself, so that no manifest may have them."""


def placeholder(dotted: str) -> str:
    """Return what stands for `services.NAME.PORT[.host|.port|.all]` or `tools.NAME` for use in any text."""
    return f"{MARK}{dotted}{MARK}"


def placeholders(text: str) -> Iterator[str]:
    """Yield the dotted names that `text` refers to."""
    return iter(text.split(MARK)[1::2])


def substitute(text: str, values: Mapping[str, str]) -> str:
    """Return `text` with each placeholder replaced by its value; KeyError names one that is not known."""
    parts = text.split(MARK)
    parts[1::2] = [values[name] for name in parts[1::2]]
    return "".join(parts)


def stored_as(key: str, default: Any = dataclasses.MISSING) -> Any:
    """Return a field that JSON has under another name than the code: what is on disk outlives a better word."""
    return field(default=default, metadata={"key": key})


@dataclass(frozen=True, slots=True)
class Dependency:
    """What must hold of `service` before the dependent starts."""

    service: str
    condition: Condition = Condition.STARTED
    required: bool = True
    restart: bool = False  # restart the dependent when this service is restarted by a person


class RestartCondition(StrEnum):
    """When an instance that ended by itself is started again (Compose's words)."""

    NO = "no"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"
    UNLESS_STOPPED = "unless-stopped"


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How often an instance may be restarted: `max_attempts` within `window_seconds` is a crash loop.

    `is_explicit`: a person wrote it, so it also holds for a first start and for jobs; else those fail at once.
    """

    condition: RestartCondition = RestartCondition.ON_FAILURE
    delay_seconds: float | None = None
    max_attempts: int = 5
    window_seconds: float = 60.0
    is_explicit: bool = False


class UpdateOrder(StrEnum):
    """Which comes first when an instance is replaced (Compose's words)."""

    START_FIRST = "start-first"
    STOP_FIRST = "stop-first"


class FailureAction(StrEnum):
    """What is done when a new instance does not become healthy (Compose's words)."""

    ROLLBACK = "rollback"
    PAUSE = "pause"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class UpdatePolicy:
    """How instances are replaced one after the other. `order` None: start-first where the service is relayed.

    `monitor_seconds`: how long a new instance must stay good before the next is replaced.
    """

    parallelism: int = 1
    order: UpdateOrder | None = None
    delay_seconds: float = 0.0
    failure_action: FailureAction = FailureAction.ROLLBACK
    monitor_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Port:
    """A named port. `number` 0 = any free one. `inherited`: the keeper binds it and hands the socket over
    as file descriptor 3, 4, … in order of declaration (LISTEN_FDS as systemd has it)."""

    name: str
    number: int = 0
    inherited: bool = False


@dataclass(frozen=True, slots=True)
class File:
    """A file to write before the start. `live`: rewritten in place when it changes, without a restart."""

    path: str
    content: str
    mode: int = 0o600
    live: bool = False


@dataclass(frozen=True, slots=True)
class Watch:
    """Restart the service when a file under `path` changes."""

    path: str
    ignore: tuple[str, ...] = ()
    dependents: bool = False


@dataclass(frozen=True, slots=True)
class Hook:
    """A command that runs beside an instance. `user`: in a container alone."""

    argv: tuple[str, ...]
    environment: dict[str, str] = field(default_factory=dict)
    working_dir: str = ""
    user: str = ""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run a service. `name` is process, native, container or embedded."""

    name: str
    kind: Kind
    argv: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    unset: tuple[str, ...] = ()  # variables that it does not get from anywhere
    working_dir: str = ""
    check: Check | None = None
    liveness: Check | None = None  # restarts an instance that fails it
    ports: tuple[Port, ...] = ()  # further ports that only this variant has
    files: tuple[File, ...] = ()
    folders: tuple[str, ...] = ()  # made (0700) before the start
    tools: tuple[str, ...] = ()  # native programs to be at hand, see devctl.products
    on_change: tuple[str, ...] = ()  # a command that brings rewritten live files into force in what runs
    image: str = ""
    image_id: str = ""  # of an image that was built here: another one is another definition
    container: Container | None = None  # beside the image, for a container
    note: str = ""  # what a person should know of it, such as that it is an emulator
    provides: dict[str, str] = field(default_factory=dict)  # what others use it for → the port, see products.base
    unserved: tuple[str, ...] = ()  # ports of the service on which this variant does not listen

    @property
    def must_be_fetched(self) -> bool:
        """Whether something must be at hand before it starts: native programs, or an image."""
        return bool(self.tools or self.image)


@dataclass(frozen=True, slots=True)
class MissingVariant:
    """A variant that this machine cannot have: why, and what would remedy it."""

    variant: str
    reason: str
    remedy: str = stored_as("cure", default="")


@dataclass(frozen=True, slots=True)
class Service:
    """One entry of the stack. `variants`: what may run, in order of preference; the first that can be had does.

    `ports` are the ports that others may refer to; they are the same for every variant.
    """

    name: str
    variants: tuple[Variant, ...] = ()
    missing: tuple[MissingVariant, ...] = ()
    uses: str = ""
    ports: tuple[Port, ...] = ()
    depends_on: tuple[Dependency, ...] = ()
    restart: RestartPolicy = RestartPolicy()
    replicas: int = 1
    front: bool = False  # its ports are always held by the relay
    update: UpdatePolicy = UpdatePolicy()
    optional: bool = False
    profiles: tuple[str, ...] = ()
    watch: tuple[Watch, ...] = ()
    stop_signal: str = "SIGTERM"
    stop_grace_seconds: float = 10.0
    post_start: tuple[Hook, ...] = ()
    pre_stop: tuple[Hook, ...] = ()
    metrics: str = ""  # path that Prometheus scrapes
    page: str = ""  # port name of the page that `open` shows
    telemetry: bool = True  # gets OTEL_* variables
    labels: dict[str, str] = field(default_factory=dict)
    build: Build | None = None  # how its image is made; also where it runs as a process
    kept: str = ""  # why its first variant is not the first that can be had, for people
    provides: dict[str, str] = field(default_factory=dict)  # what any of its variants would, also a missing one

    @property
    def has_image(self) -> bool:
        """Whether it runs by an image that is not built here."""
        return self.build is None and any(variant.image for variant in self.variants)

    @property
    def is_relayed(self) -> bool:
        """Whether the relay holds its ports and passes connections to instances on ports of their own."""
        return bool(self.ports) and (self.front or (self.replicas > 1 and any(p.number for p in self.ports)))

    @property
    def update_order(self) -> UpdateOrder:
        """Which comes first when an instance is replaced. Without the relay the old one still holds the address, and
        two of a third-party product would share one folder of data."""
        if not self.is_relayed:
            return UpdateOrder.STOP_FIRST
        return self.update.order or (UpdateOrder.STOP_FIRST if self.uses else UpdateOrder.START_FIRST)

    @property
    def rolling(self) -> UpdatePolicy | None:
        """How its instances are replaced one after the other; None where there is one alone, at its own address."""
        if not self.is_relayed and self.replicas < 2:
            return None
        return dataclasses.replace(self.update, order=self.update_order)


@dataclass(frozen=True, slots=True)
class Exporter:
    """Where the hub passes spans on to: `kind` is otlp or zipkin."""

    name: str
    kind: str
    url: str
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Journey:
    """How `devctl journey` finds one thing: the span attribute and log field that carry its id."""

    name: str
    attribute: str
    field: str


@dataclass(frozen=True, slots=True)
class Spec:
    """A whole stack. `host_environment` is the allow-listed part of the command's environment that every
    process gets beneath its own; it is no part of a definition. `active` are the services asked for, with
    what they depend on. `tools` are the paths of native programs that were at hand when the manifest was read."""

    name: str
    folder: str
    services: dict[str, Service] = field(default_factory=dict)
    active: tuple[str, ...] = ()
    exporters: tuple[Exporter, ...] = ()
    journeys: tuple[Journey, ...] = ()
    telemetry: bool = True
    record_bytes: int = 2 << 30
    log_bytes: int = 256 << 20  # per service
    host_environment: dict[str, str] = field(default_factory=dict)
    manifests: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    tools: dict[str, str] = field(default_factory=dict)
    engine: str = ""  # the address of the container engine, where a service may need it
    version: int = VERSION


def digest(service: Service, variant: Variant) -> str:
    """Return what identifies a definition: equal digests need no restart. Live files and times of checks are
    followed without one."""
    lasting = [f for f in variant.files if not f.live]
    parts = (
        variant.argv, sorted(variant.environment.items()), variant.working_dir, variant.image, variant.name,
        [(p.name, p.number, p.inherited) for p in (*service.ports, *variant.ports)],
        [(f.path, f.content, f.mode) for f in lasting], *sorted(variant.unset),
        *(["relayed"] if service.is_relayed else []),
        *([to_json(variant.container)] if variant.container else []),
        *([to_json(service.post_start), to_json(service.pre_stop)] if service.post_start or service.pre_stop else []),
        *([variant.image_id] if variant.image_id else []),
    )  # fmt: skip
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


T = TypeVar("T")


_PLAIN = frozenset({str, int, float, bool, type(None)})
_keys: dict[type, tuple[tuple[str, str], ...]] = {}


def keys_of(kind: type) -> tuple[tuple[str, str], ...]:
    """Return the name of each field of a dataclass, and its key in JSON."""
    return tuple((each.name, each.metadata.get("key", each.name)) for each in dataclasses.fields(kind))


def to_json(value: Any) -> Any:
    """Return plain JSON data for any dataclass of `core`. Five times as fast as `dataclasses.asdict`."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if names := _keys.get(kind):
        return {key: to_json(getattr(value, name)) for name, key in names}
    if kind is dict:
        return {key: to_json(item) for key, item in value.items()}
    if kind is tuple or kind is list:
        return [to_json(item) for item in value]
    if not dataclasses.is_dataclass(kind):
        return value.value if isinstance(value, StrEnum) else value
    _keys[kind] = keys_of(kind)
    return {key: to_json(getattr(value, name)) for name, key in _keys[kind]}


def from_json(kind: type[T], data: Any) -> T:
    """Return the dataclass `kind` that `to_json` made `data` from; KeyError, TypeError or ValueError when it is not
    of this version's shape."""
    return typing.cast(T, _decoder_of(typing.cast(Any, kind))(data))


_Decode = Callable[[Any], Any]
_fields: dict[type, dict[str, tuple[str, _Decode]]] = {}
"""For each dataclass, by the key of a field in JSON: its name, and what makes its value."""


@functools.cache
def _decoder_of(kind: Any) -> _Decode:
    """Return what makes a value of `kind` from JSON data; made once for each type, a state has thousands of values."""
    origin, members = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return functools.partial(_decode_union, [member for member in members if member is not type(None)])
    if origin is tuple:
        return functools.partial(_decode_tuple, _decoder_of(members[0]))
    if origin is dict:
        return functools.partial(_decode_dict, kind, _decoder_of(members[1]))
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return functools.partial(_decode_fields, kind)
    return kind if isinstance(kind, type) and issubclass(kind, StrEnum) else _as_it_is


def _as_it_is(data: Any) -> Any:
    return data


def _decode_tuple(decode: _Decode, data: Any) -> tuple[Any, ...]:
    return tuple(data) if decode is _as_it_is else tuple(map(decode, data))


def _decode_dict(kind: Any, decode: _Decode, data: Any) -> dict[str, Any]:
    _expect_object(kind, data)
    return dict(data) if decode is _as_it_is else {key: decode(item) for key, item in data.items()}


def _decode_fields(kind: type, data: Any) -> Any:
    _expect_object(kind, data)
    fields = _fields.get(kind) or _fields_of(kind)
    values = {}
    for key, item in data.items():
        name, decode = fields[key]
        values[name] = item if decode is _as_it_is else decode(item)
    return kind(**values)


def _expect_object(kind: Any, data: Any) -> None:
    if not isinstance(data, dict):
        raise ValueError(f"{kind.__name__} is made from an object, not from {data!r}")


def _fields_of(kind: type) -> dict[str, tuple[str, _Decode]]:
    hints = typing.get_type_hints(kind)
    fields = _fields[kind] = {key: (name, _decoder_of(hints[name])) for name, key in keys_of(kind)}
    return fields


def _decode_union(classes: list[Any], data: Any) -> Any:
    """Decode what is one of several classes by its `kind`; the only class there is needs none."""
    if data is None:
        return None
    if len(classes) == 1:
        return _decoder_of(classes[0])(data)
    by_kind = {each.__dataclass_fields__["kind"].default: each for each in classes}
    if not isinstance(data, dict) or (chosen := by_kind.get(data.get("kind"))) is None:
        raise ValueError(f"the kind of a check is one of {', '.join(by_kind)}, not as in {data!r}")
    # Specifications of earlier versions, which may be in force still, give every kind the fields of all.
    return _decode_fields(chosen, {key: item for key, item in data.items() if key in chosen.__dataclass_fields__})
