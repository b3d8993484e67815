"""Spans with all that OTLP allows, and questions to Jaeger about them; what is seen is free of what is by chance."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote, urlencode

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tests.reference.running import HTTP

Seen = Any

BASE_NS = 1_790_000_000_000_000_000
MS = 1_000_000
SHOP, LOOSE, LATE, ODD, SKEWED = "0a" * 16, "0" * 16 + "00000000000000b1", "0c" * 16, "0d" * 16, "0e" * 16
SDK = {"telemetry.sdk.name": "opentelemetry", "telemetry.sdk.language": "python", "host.name": "here"}
MAX_64 = (1 << 63) - 1


class Batch:
    """An export request of one service, built span by span."""

    def __init__(self, service: str | None, scope: str = "", version: str = "", **resource: Any) -> None:
        self.request = ExportTraceServiceRequest()
        group = self.request.resource_spans.add()
        for key, value in {**({"service.name": service} if service else {}), **resource}.items():
            fill(group.resource.attributes.add(key=key).value, value)
        self._scope = group.scope_spans.add()
        self._scope.scope.name, self._scope.scope.version = scope, version

    def span(
        self,
        trace: str,
        span: str,
        name: str,
        start_ms: float,
        length_ms: float,
        parent: str = "",
        kind: int = 1,
        **more: Any,
    ) -> Any:
        """Add a span; gives it for more."""
        made = self._scope.spans.add(name=name, kind=kind)
        made.trace_id, made.span_id = bytes.fromhex(trace), bytes.fromhex(span * 8)
        made.parent_span_id = bytes.fromhex(parent * 8)
        made.start_time_unix_nano = BASE_NS + int(start_ms * MS)
        made.end_time_unix_nano = made.start_time_unix_nano + int(length_ms * MS)
        for key, value in more.items():
            fill(made.attributes.add(key=key.replace("__", ".")).value, value)
        return made


def fill(target: AnyValue, value: Any) -> None:
    """Set an OTLP value from plain Python data; None stays empty."""
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int):
        target.int_value = value
    elif isinstance(value, float):
        target.double_value = value
    elif isinstance(value, str):
        target.string_value = value
    elif isinstance(value, bytes):
        target.bytes_value = value
    elif isinstance(value, list):
        target.array_value.SetInParent()
        for item in value:
            fill(target.array_value.values.add(), item)
    elif isinstance(value, dict):
        target.kvlist_value.SetInParent()
        for key, item in value.items():
            fill(target.kvlist_value.values.add(key=key).value, item)


def link(span: Any, trace: str, to: str, **attributes: Any) -> None:
    """Let a span link to another one."""
    made = span.links.add(trace_id=bytes.fromhex(trace), span_id=bytes.fromhex(to * 8))
    for key, value in attributes.items():
        fill(made.attributes.add(key=key.replace("__", ".")).value, value)


def event(span: Any, name: str, after_ms: float, **attributes: Any) -> None:
    """Add an event to a span."""
    made = span.events.add(name=name, time_unix_nano=span.start_time_unix_nano + int(after_ms * MS))
    for key, value in attributes.items():
        fill(made.attributes.add(key=key.replace("__", ".")).value, value)


def spans() -> list[ExportTraceServiceRequest]:
    """Everything that is fed to both Jaegers."""
    gateway = Batch("gateway", "http", "1.2", **SDK, **{"service.version": "9"})
    root = gateway.span(SHOP, "01", "POST /orders", 0, 100, kind=2, http__request__method="POST", code=201, ok=True)
    root.status.code, root.trace_state = 1, "a=b,c=d"
    gateway.span(SHOP, "02", "POST", 10, 80, "01", kind=3, peer="order")
    order = Batch("order", "http", **SDK)
    order.span(SHOP, "03", "POST /orders", 20, 60, "02", kind=2)
    failing = order.span(SHOP, "04", "charge", 30, 20, "03", amount=12.5, retries=0)
    failing.status.code, failing.status.message = 2, "card declined"
    event(failing, "exception", 5, exception__type="Declined", z=1, a=True)
    event(failing, "", 6, event="named inside", level="info")
    producing = order.span(SHOP, "05", "shop.order.v1 send", 55, 5, "03", kind=4)
    link(producing, LATE, "31")
    payment = Batch("payment", **SDK)
    consuming = payment.span(LATE, "31", "shop.order.v1 process", 500, 40, kind=5, messaging__system="kafka")
    link(consuming, SHOP, "05")
    link(consuming, SHOP, "03", opentracing__ref_type="child_of")
    inner = payment.span(LATE, "32", "SELECT", 505, 0.75, "31", kind=0)
    link(inner, LATE, "31")
    loose = Batch("payment", version="3")
    loose.span(LOOSE, "21", "tick", 900, 1.5)
    odd = Batch("odd <b>&</b>", "s", numbers=[1, 2.5, "x"])
    odd.span(
        ODD, "41", "\u001b[31mred <script>", 1000, 3,
        big=MAX_64, small=-MAX_64, safe=9007199254740991, unsafe=9007199254740992, exact=0.1, whole=3.0,
        tiny=1e-9, huge=1e300, ip=2130706433, telemetry__sdk__version="9.9",
        raw=b"\x00\xff", empty="", nothing=None, list=["a", 1, True, 0.5, None], map={"b": {"c": "<&>"}, "a": [1]},
        unicode="ü☃",
    )  # fmt: skip
    odd.span(ODD, "42", "child", 1001, 1, "41", same="1")
    skewed = Batch("skewed")
    skewed.span(SKEWED, "51", "parent", 2000, 10, kind=2)
    skewed.span(SKEWED, "52", "before", 1995, 4, "51")
    skewed.span(SKEWED, "53", "longer", 2001, 400, "51")
    skewed.span(SKEWED, "54", "orphan", 2002, 1, "99")
    skewed.span(SKEWED, "55", "twice", 2003, 1, "51")
    skewed.span(SKEWED, "55", "twice", 2003, 1, "51")
    bulk = Batch("bulk")
    for number in range(20):
        trace = f"{number + 0x40:02x}" * 16
        bulk.span(
            trace, f"{number + 1:02x}", f"op-{number % 4}", 3000 + number, number + 1, kind=number % 6, number=number
        )
    return [batch.request for batch in (gateway, order, payment, loose, odd, skewed, bulk)]


def _traces(**parameters: Any) -> str:
    window = {"start": BASE_NS // 1000 - 10, "end": BASE_NS // 1000 + 60_000_000}
    return f"/api/traces?{urlencode({**window, **parameters}, doseq=True)}"


QUESTIONS = {
    "services": "/api/services",
    "operations of a service": "/api/services/bulk/operations",
    "operations of a service with odd letters": f"/api/services/{quote('odd <b>&</b>', safe='')}/operations",
    "operations of nobody": "/api/services/nobody/operations",
    "operations with kinds": "/api/operations?service=bulk",
    "operations of one kind": "/api/operations?service=bulk&spanKind=server",
    "operations without a service": "/api/operations",
    "a trace": f"/api/traces/{SHOP}",
    "a trace as it was sent": f"/api/traces/{LATE}?raw=true",
    "a trace with a short id": "/api/traces/b1",
    "a trace with links": f"/api/traces/{LATE}",
    "a trace with odd values": f"/api/traces/{ODD}",
    "a trace with clock skew, an orphan and a double": f"/api/traces/{SKEWED}",
    "no trace": "/api/traces/123456",
    "no trace id": "/api/traces/xyz",
    "too long a trace id": f"/api/traces/{'1' * 33}",
    "search by service": _traces(service="order"),
    "search by operation": _traces(service="gateway", operation="POST"),
    "search for nothing": _traces(service="gateway", operation="none"),
    "search by least duration": _traces(service="bulk", minDuration="15.5ms"),
    "search by most duration": _traces(service="bulk", maxDuration="3ms"),
    "search by both durations": _traces(service="bulk", minDuration="3ms", maxDuration="5ms"),
    "search by a text tag": _traces(service="gateway", tag="peer:order"),
    "search by a number tag": _traces(service="bulk", tag="number:7"),
    "search by a truth tag": _traces(service="gateway", tag="ok:true"),
    "search by a float tag": _traces(service="order", tag="amount:12.5"),
    "search by error": _traces(service="order", tag="error:true"),
    "search by kind": _traces(service="bulk", tag="span.kind:producer"),
    "search by a tag of the process": _traces(service="gateway", tag="service.version:9"),
    "search by a field of an event": _traces(service="order", tag="exception.type:Declined"),
    "search by the name of an event": _traces(service="order", tag="event:exception"),
    "search by scope": _traces(service="gateway", tag="otel.scope.name:http"),
    "search by two tags of one span": _traces(service="gateway", tag=["ok:true", "code:201"]),
    "search by two tags of two spans": _traces(service="gateway", tag=["ok:true", "peer:order"]),
    "search by tags as JSON": _traces(service="gateway", tags=json.dumps({"ok": "true", "code": "201"})),
    "search by a value with a colon": _traces(service="gateway", tag="w3c.tracestate:a=b,c=d"),
    "search by bytes": _traces(service="odd <b>&</b>", tag="raw:00ff"),
    "search by a tiny number": _traces(service="odd <b>&</b>", tag="tiny:1e-09"),
    "search by a huge number": _traces(service="odd <b>&</b>", tag="huge:1e+300"),
    "search by a whole float": _traces(service="odd <b>&</b>", tag="whole:3"),
    "search by a list": _traces(service="odd <b>&</b>", tag='list:["a",1,true,0.5,null]'),
    "the newest of many": _traces(service="bulk", limit=3),
    "a window of time": _traces(service="bulk", start=BASE_NS // 1000 + 3_005_000, end=BASE_NS // 1000 + 3_008_000),
    "traces by id": f"/api/traces?traceID={SHOP}&traceID={'9' * 32}&traceID=b1",
    "search without a service": _traces(),
    "search with a bad limit": _traces(service="bulk", limit="many"),
    "search with a bad duration": _traces(service="bulk", minDuration="long"),
    "search with durations the wrong way round": _traces(service="bulk", minDuration="5ms", maxDuration="1ms"),
    "search with a bad tag": _traces(service="bulk", tag="novalue"),
    "search with bad tags": _traces(service="bulk", tags='{"a": 1}'),
    "search with a bad time": _traces(service="bulk", start="soon"),
    "search with a bad trace id": "/api/traces?traceID=xyz",
    "dependencies": f"/api/dependencies?endTs={BASE_NS // MS + 60_000}&lookback=3600000",
    "dependencies of one service": f"/api/dependencies?endTs={BASE_NS // MS + 60_000}&lookback=3600000&service=gateway",
    "dependencies of another time": f"/api/dependencies?endTs={BASE_NS // MS - 60_000}&lookback=1000",
    "dependencies with a bad time": "/api/dependencies?endTs=soon",
    "metrics": "/api/metrics/minstep",
}  # fmt: skip


def observe(url: str, question: str) -> Seen:
    """Ask one question and give what is seen."""
    answer = HTTP.get(f"{url}{QUESTIONS[question]}")
    body = answer.json()
    for error in body.get("errors") or ():
        if "cannot unmarshal JSON" in error["msg"]:
            error["msg"] = error["msg"].split(": ")[0]
    data = body.get("data")
    if isinstance(data, list):
        data = (
            [_trace(item) if "spans" in item else item for item in data] if data and isinstance(data[0], dict) else data
        )
        body["data"] = sorted(data, key=lambda item: json.dumps(item, sort_keys=True))
    return [answer.status_code, answer.headers["content-type"].split(";")[0], body]


def _trace(trace: dict[str, Any]) -> dict[str, Any]:
    """Put each span's process into the span, whose number differs by chance, and the spans into an order."""
    processes = trace.pop("processes")
    for span in trace["spans"]:
        span["process"] = processes[span.pop("processID")]
        span["tags"] = [item for item in span["tags"] if not isinstance(item["value"], float) or item["value"] < 1e299]
    trace["spans"].sort(key=lambda item: json.dumps([item["spanID"], item], sort_keys=True))
    return trace
