"""What may stand under `smoke:` in a stack.yaml: what `devctl smoke` proves of a running stack.

Read only by the commands that need it: an `up` leaves the section as it is. Its texts keep their `${NAME}`, since
most of those are values that a step captures while the checks run.
"""

from __future__ import annotations

from typing import Annotated, Any

from devctl.manifest.nodes import Mapping, Node, Scalar, Sequence
from devctl.manifest.shapes.base import Entries, InvalidValue, Reader, Schema, Shape
from devctl.manifest.shapes.groups import ListOf, MapOf
from devctl.manifest.shapes.objects import Object, Section
from devctl.manifest.shapes.scalars import Choice, Duration, Number, core_value
from devctl.text import DURATION

COMPARISON = r"(==|!=|<=|>=|<|>)?\s*(-?[0-9]+(?:\.[0-9]+)?)"
TIME_COMPARISON = rf"(==|!=|<=|>=|<|>)?\s*({DURATION})"
NAME = r"\*|[A-Za-z0-9][A-Za-z0-9_-]{0,62}"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
CALL = r"\S+(?: via \S+)?"
PATH = r"\$(?:\.[^.\[\]()]+(?:\(\))?|\[(?:-?\d+|\*)\]|\['[^']*'\])*"
CAPTURED = rf"header \S+|{PATH}"
LEVELS = ("", "trace", "debug", "info", "warning", "error", "fatal")


class RawText(Shape):
    """A text as it is written; `${NAME}` in it is replaced while the checks run."""

    def __init__(self, pattern: str = "", expected: str = "text") -> None:
        self.pattern = pattern
        self.expected = expected

    def read(self, node: Node, reader: Reader, name: str) -> str:
        import re

        if not isinstance(node, Scalar) or node.is_null:
            raise self.invalid(node, reader, name)
        if self.pattern and "$" not in node.text and not re.fullmatch(self.pattern, node.text):
            raise self.invalid(node, reader, name)
        return node.text

    def schema(self, definitions: Schema) -> Schema:
        if not self.pattern:
            return {"type": ["string", "number", "boolean"]}
        matching: Schema = {"type": "string", "pattern": f"^(?:{self.pattern})$"}
        return {"anyOf": [matching, {"type": "number"}, {"type": "string", "pattern": r"\$"}]}


class RawValue(Shape):
    """Any value, read with YAML 1.2's core schema; `${NAME}` in its texts is replaced while the checks run."""

    expected = "any value"

    def read(self, node: Node, reader: Reader, name: str) -> Any:
        if isinstance(node, Mapping):
            return {key: self.read(value, reader, f"{name}.{key}") for key, value in node.items.items()}
        if isinstance(node, Sequence):
            return [self.read(item, reader, f"{name}[{index}]") for index, item in enumerate(node.items)]
        assert isinstance(node, Scalar)
        return core_value(node, node.text)

    def schema(self, definitions: Schema) -> Schema:
        return {}


Raw = Annotated[str, RawText()]
Comparison = Annotated[str, RawText(COMPARISON, "a number, or a comparison such as `>= 2`")]
TimeComparison = Annotated[str, RawText(TIME_COMPARISON, "a comparison with a duration, such as `< 800ms`")]
Values = Annotated[Entries[Any], MapOf(RawValue())]
Texts = Annotated[Entries[str], MapOf(RawText())]
Names = Annotated[tuple[str, ...], ListOf(RawText(), single=True)]
Seconds = Annotated[float, Duration()]


class HttpStep(Section):
    """A request to a service."""

    method: Annotated[str, Choice(METHODS)] = "GET"
    """The method."""
    service: Raw
    """The service that is asked."""
    port: Raw = ""
    """The name of its port; without it the port named `http`, else the only one."""
    path: Raw = "/"
    """The path, with its query."""
    headers: Texts = Entries()
    """Headers to send; `traceparent` is set by devctl."""
    json: Annotated[Any, RawValue()] = None
    """The body, sent as JSON."""
    body: Raw = ""
    """The body as text."""


class EventStep(Section):
    """An event that must be on a topic, sent since the check began."""

    topic: Raw
    """The topic."""
    type: Raw = ""
    """The CloudEvents type."""
    key: Raw = ""
    """The key of the message."""
    where: Values = Entries()
    """JSON paths of the event and what must stand there."""
    count: Comparison = ">= 1"
    """How many there must be."""


class LogStep(Section):
    """A log line that must be there, or must not, since the check began."""

    service: Raw = ""
    """The service that writes it; any unless given."""
    contains: Raw = ""
    """What the line contains."""
    matches: Raw = ""
    """A regular expression that matches the line."""
    level: Annotated[str, Choice(LEVELS)] = ""
    """The least severe level that counts."""
    forbidden: bool = False
    """With true no such line may be there."""


class MetricStep(Section):
    """A PromQL query whose every series must be as `expect` says."""

    query: Raw
    """The query."""
    expect: Comparison = ">= 0"
    """What each value must be; without a series nothing holds but `== 0`."""


class SpanSelect(Section):
    """Which spans of the check's own trace are meant; everything left out means any."""

    service: Raw = ""
    """The service that sent the span."""
    name: Raw = ""
    """Its name; `*` stands for any text."""
    attr: Texts = Entries()
    """Attributes that it has."""
    kind: Annotated[str, Choice(("", "internal", "server", "client", "producer", "consumer"))] = ""
    """Its kind."""


class SpanExpect(Section):
    """What must hold of one span."""

    status: Annotated[str, Choice(("", "ok", "error"))] = ""
    """`ok`: it did not fail; `error`: it failed."""
    duration: Annotated[str, RawText(TIME_COMPARISON, "a comparison with a duration, such as `< 800ms`")] = ""
    """How long it took."""
    attr: Texts = Entries()
    """Attributes that it has."""
    child: Annotated[SpanSelect | None, Object(SpanSelect)] = None
    """A span below it, near or far, is like this."""


class TraceExpect(Section):
    """What must hold of the spans that were selected."""

    count: Comparison = ">= 1"
    """How many there are."""
    duration: Annotated[str, RawText(TIME_COMPARISON, "a comparison with a duration, such as `< 800ms`")] = ""
    """How long each took."""
    every: Annotated[SpanExpect | None, Object(SpanExpect)] = None
    """Holds of each of them."""
    some: Annotated[SpanExpect | None, Object(SpanExpect)] = None
    """Holds of at least one of them."""


class TraceStep(Section):
    """An assertion on the check's own trace."""

    select: Annotated[SpanSelect, Object(SpanSelect)] = SpanSelect()
    """Which spans are meant."""
    expect: Annotated[TraceExpect, Object(TraceExpect)] = TraceExpect()
    """What must hold of them."""


class HttpExpect(Section):
    """What the answer must be."""

    status: Annotated[tuple[int, ...], ListOf(Number(100, 599), single=True)] = ()
    """The statuses that are right; 200 to 299 unless given."""
    json: Values = Entries()
    """JSON paths (`$.items[0].id`) and what must stand there; `*` for anything, `> 3` for a comparison."""
    headers: Texts = Entries()
    """Headers and a text that they contain."""
    contains: Names = ()
    """Texts that the body contains."""
    duration: TimeComparison = ""
    """How long the answer may take."""


class Step(Section):
    """One step of a check: exactly one of `http`, `event`, `log`, `metric` and `trace`."""

    http: Annotated[HttpStep | None, Object(HttpStep)] = None
    """A request."""
    event: Annotated[EventStep | None, Object(EventStep)] = None
    """An event on a topic."""
    log: Annotated[LogStep | None, Object(LogStep)] = None
    """A log line."""
    metric: Annotated[MetricStep | None, Object(MetricStep)] = None
    """A query to Prometheus."""
    trace: Annotated[TraceStep | None, Object(TraceStep)] = None
    """An assertion on the trace of this check."""
    expect: Annotated[HttpExpect | None, Object(HttpExpect)] = None
    """What the answer to `http` must be."""
    capture: Texts = Entries()
    """Names and the JSON path of the answer that each is taken from (`header NAME` for a header); `${NAME}` later."""
    within: Seconds | None = None
    """The step is tried again until it holds, for this long: 10s unless given, `http` once."""
    repeat: Annotated[int, Number(1, 100_000)] = 1
    """Send the request so often; every answer must be right."""


class Check(Section):
    """One thing to prove: its steps in order. It has a trace of its own, which each request carries."""

    name: Raw
    """What is proved; also its name in reports."""
    steps: Annotated[tuple[Step, ...], ListOf(Object(Step))]
    """What is done, in order; the first that does not hold ends the check."""
    timeout: Seconds = 60.0
    """How long all of it may take."""
    retries: Annotated[int, Number(0, 10)] = 0
    """How often it is tried again when it fails; one that passes then is flaky."""
    allow_errors: bool = False
    """With true its requests may fail: `never: {errors: true}` does not count the errors in its trace."""
    suite: Raw = "checks"
    """The name by which `devctl smoke SUITE` chooses it."""


class LogContract(Section):
    """What log lines of a service must have."""

    fields: Names = ()
    """Fields that must be seen."""


class Never(Section):
    """What must not be seen."""

    errors: bool = False
    """Spans that failed, but for those of checks with `allow_errors`."""
    secrets: bool = False
    """Values that look like secrets, or that a check sent as one, in log lines and span attributes."""
    unbounded: bool = False
    """Names of spans that hold an id, so that their number has no bound."""


class Contract(Section):
    """The telemetry that a service must show, and must not, while the checks run."""

    spans: Names = ()
    """Names of spans; `*` stands for any text."""
    calls: Annotated[tuple[str, ...], ListOf(RawText(CALL, "a service, or `SERVICE via TOPIC`"), single=True)] = ()
    """Services that it calls, or that consume what it sends (`payment via shop.order.v1`)."""
    metrics: Names = ()
    """Metrics that it exposes on its `metrics` path."""
    logs: Annotated[LogContract, Object(LogContract)] = LogContract()
    """What its log lines have."""
    resource: Names = ()
    """Resource attributes that each of its spans has."""
    conventions: bool = False
    """Its spans have the names and attributes that OpenTelemetry's semantic conventions require of HTTP, messaging
    and databases, and none that is out of date."""
    never: Annotated[Never, Object(Never)] = Never()
    """What must not be seen of it."""


class Smoke(Section):
    """What `devctl smoke` proves."""

    stay_healthy: Seconds = 2.0
    """How long everything must stay healthy before the checks begin: no restart, no new kind of error line."""
    start_timeout: Seconds = 300.0
    """How long the start may take."""
    timeout: Seconds = 900.0
    """How long the whole run may take."""
    tests: Raw = "tests/smoke"
    """The folder of the project's own checks, written with pytest."""
    checks: Annotated[tuple[Check, ...], ListOf(Object(Check))] = ()
    """The declared checks, run in this order."""
    contract: Annotated[Entries[Contract], MapOf(Object(Contract), pattern=NAME)] = Entries()
    """Service → the telemetry it must show. `*` stands for every service that is not a third-party product."""


KINDS = ("http", "event", "log", "metric", "trace")
OWN_EXPECT = ("metric", "trace")


def read(node: Node | None, reader: Reader, services: Any) -> Smoke:
    """Return the section with every mistake in it noted; `services` are the names that it may use."""
    if node is None:
        return Smoke()
    try:
        smoke = Object(Smoke).read(node, reader, "smoke")
    except InvalidValue:
        return Smoke()
    assert isinstance(smoke, Smoke)
    _check(smoke, reader, services)
    return smoke


def _check(smoke: Smoke, reader: Reader, services: Any) -> None:
    """Note steps that are none or several, names that are no service, and checks of one name."""
    seen: set[str] = set()
    for check in smoke.checks:
        if check.name in seen:
            reader.problems.add(check.at("name"), f"two checks have the name {check.name!r}")
        seen.add(check.name)
        if not check.steps:
            reader.problems.add(check.at("name"), f"the check {check.name!r} has no step: it would prove nothing")
        for step in check.steps:
            _check_step(step, reader, services)
    for name, contract in smoke.contract.items():
        if name != "*":
            _check_service(name, smoke.contract.locations[name], reader, services)
        for call in contract.calls:
            _check_service(call.partition(" via ")[0], contract.at("calls"), reader, services)


def _check_step(step: Step, reader: Reader, services: Any) -> None:
    _check_kind(step, reader)
    _check_texts(step, reader)
    part = step.http or step.log
    if part is not None and part.service and "$" not in part.service:
        _check_service(part.service, part.at("service"), reader, services)


def _check_kind(step: Step, reader: Reader) -> None:
    """Note a step of no kind or of several, and keys that only a request has: elsewhere they would prove nothing."""
    kinds = [kind for kind in KINDS if getattr(step, kind) is not None]
    if len(kinds) != 1 and not any(step.has(kind) for kind in KINDS):
        reader.problems.add(step.node.location, "a step needs exactly one of its kinds", allowed=KINDS)
    elif len(kinds) > 1:
        reader.problems.add(step.node.location, f"a step is one of {', '.join(kinds)}, not several")
    elif kinds and kinds != ["http"]:
        for key in ("expect", "capture", "repeat"):
            if step.has(key):
                is_inside = key == "expect" and kinds[0] in OWN_EXPECT
                hint = f"`expect` of a {kinds[0]} stands inside it." if is_inside else ""
                reader.problems.add(step.at(key), f"`{key}` belongs to `http`, not to `{kinds[0]}`", hint=hint)


def _check_texts(step: Step, reader: Reader) -> None:
    """Note JSON paths and regular expressions that are none."""
    import re

    paths = [*(step.expect.json if step.expect else ()), *(step.event.where if step.event else ())]
    for path in paths:
        if "${" not in path and not re.fullmatch(PATH, path):
            reader.problems.add(step.node.location, f"not a JSON path: {path!r}", hint="Such as `$.items[0].id`.")
    for path in step.capture.values():
        if "${" not in path and not re.fullmatch(CAPTURED, path):
            hint = "Such as `$.items[0].id`, or `header NAME`."
            reader.problems.add(step.at("capture"), f"not a JSON path: {path!r}", hint=hint)
    if step.log is not None and "$" not in step.log.matches.rstrip("$"):
        try:
            re.compile(step.log.matches)
        except re.error as error:
            reader.problems.add(step.log.at("matches"), f"not a regular expression: {error}")


def _check_service(name: str, location: Any, reader: Reader, services: Any) -> None:
    if name not in services:
        reader.problems.unknown(location, "no such service:", name, services)
