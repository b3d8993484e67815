"""A span as Jaeger shows it: OTLP turned into tags, logs, references and warnings, with Jaeger's own words."""

from __future__ import annotations

import base64
import ipaddress
import json
import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from devctl.embedded import durations
from devctl.record.spans import Span

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

Tag = dict[str, Any]
JaegerSpan = dict[str, Any]

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
SAFE_INTEGER = (1 << 53) - 1
OF_THE_LIBRARY = {
    "telemetry.sdk.language",
    "telemetry.sdk.name",
    "telemetry.sdk.version",
    "telemetry.distro.name",
    "telemetry.distro.version",
}
FORMAT = "internal.span.format"
_TYPES = ("string", "bool", "int64", "float64", "binary")
_STATUS = {1: "OK", 2: "ERROR"}


def trace_id(hex_text: str) -> str:
    """Return a trace id as Jaeger writes it: the high half only when it is not zero."""
    return hex_text[16:] if hex_text.startswith("0" * 16) else hex_text


def kind_name(number: int) -> str:
    """Return the name of a span's kind; OTLP's enumerations are open, so that it may be any number."""
    return KINDS[number] if 0 <= number < len(KINDS) else KINDS[0]


def process(span: Span) -> dict[str, Any]:
    """Return who sent the span: the service and what is known of it."""
    tags = [tag(pair) for pair in span.resource.attributes if pair.key != "service.name"]
    return {"serviceName": span.service, "tags": tags}


def converted(span: Span) -> JaegerSpan:
    """Return the span in Jaeger's shape, as it is stored: unsorted, and without the process's place."""
    message = span.message
    return {
        "traceID": trace_id(span.trace_id),
        "spanID": span.span_id,
        "operationName": span.name,
        "references": references(span),
        "startTime": message.start_time_unix_nano // 1000,
        "duration": span.duration_ns // 1000,
        "tags": tags(span),
        "logs": [_log(event) for event in message.events],
        "warnings": None,
    }


def tags(span: Span) -> list[Tag]:
    """Return all tags of a span: its scope, its attributes, its kind, its status, its trace state."""
    message, scope = span.message, span.scope
    all_tags = [_text("otel.scope.name", scope.name), _text("otel.scope.version", scope.version)]
    all_tags += [tag(pair) for pair in message.attributes]
    if 0 < message.kind < len(KINDS):
        all_tags.append(_text("span.kind", KINDS[message.kind]))
    all_tags.append(_text("otel.status_code", _STATUS.get(message.status.code, "")))
    if message.status.code == 2:
        all_tags.append({"key": "error", "type": "bool", "value": True})
    all_tags.append(_text("otel.status_description", message.status.message))
    all_tags.append(_text("w3c.tracestate", message.trace_state))
    return [each for each in [*all_tags, _text(FORMAT, "otlp")] if each["value"] != "" or "given" in each]


def references(span: Span) -> list[dict[str, str]]:
    """Return the parent and the links of a span."""
    result: list[dict[str, str]] = []
    parent = (span.trace_id, span.parent_id)
    if _set(span.parent_id):
        result.append(_reference("CHILD_OF", *parent))
    for link in span.message.links:
        kind = _link_kind(link.attributes)
        target = (link.trace_id.hex(), link.span_id.hex())
        if _set(span.parent_id) and target == parent:
            result[0]["refType"] = kind
        else:
            result.append(_reference(kind, *target))
    return result


def _set(id: str) -> bool:
    return id.strip("0") != ""


def _reference(kind: str, trace: str, span: str) -> dict[str, str]:
    return {"refType": kind, "traceID": trace_id(trace), "spanID": span}


def _link_kind(attributes: Iterable[KeyValue]) -> str:
    child = any(pair.key == "opentracing.ref_type" and pair.value.string_value == "child_of" for pair in attributes)
    return "CHILD_OF" if child else "FOLLOWS_FROM"


def _log(event: Any) -> dict[str, Any]:
    fields = [tag(pair) for pair in event.attributes]
    if event.name and not any(field["key"] == "event" for field in fields):
        fields.insert(0, _text("event", event.name))
    return {"timestamp": event.time_unix_nano // 1000, "fields": [_plain(field) for field in fields]}


def tag(pair: KeyValue) -> Tag:
    """Return an attribute as a typed tag; marked as given, since an empty text of the sender's is kept."""
    kind, value = _typed(pair.value)
    return {"key": pair.key, "type": kind, "value": value, "given": True}


def _typed(value: AnyValue) -> tuple[str, Any]:
    match value.WhichOneof("value"):
        case "string_value":
            return "string", value.string_value
        case "bool_value":
            return "bool", value.bool_value
        case "int_value":
            return "int64", _integer(value.int_value)
        case "double_value":
            return "float64", _number(value.double_value)
        case "bytes_value":
            return "binary", base64.b64encode(value.bytes_value).decode()
        case "array_value" | "kvlist_value":
            return "string", _go_json(_raw(value))
    return "string", ""


def _integer(value: int) -> int | str:
    """Return a number that JavaScript can hold, else its digits."""
    return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else str(value)


def _number(value: float) -> float | int | str:
    """Return a number that JSON can hold: NaN and infinities become words, whole ones lose their point."""
    if math.isnan(value) or math.isinf(value):
        return {"nan": "NaN", "inf": "+Inf", "-inf": "-Inf"}[str(value)]
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _raw(value: AnyValue) -> Any:
    match value.WhichOneof("value"):
        case "array_value":
            return [_raw(item) for item in value.array_value.values]
        case "kvlist_value":
            return {pair.key: _raw(pair.value) for pair in value.kvlist_value.values}
        case "int_value":
            return value.int_value
    kind, plain = _typed(value)
    return None if kind == "string" and value.WhichOneof("value") is None else plain


def _go_json(value: Any) -> str:
    """Write JSON as Go does: sorted, tight, and safe inside HTML."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _text(key: str, value: str) -> Tag:
    return {"key": key, "type": "string", "value": value}


def _plain(tag: Tag) -> Tag:
    return {"key": tag["key"], "type": tag["type"], "value": tag["value"]}


def as_text(tag: Tag) -> str:
    """Return a tag's value as searches compare it."""
    value = tag["value"]
    if tag["type"] == "bool":
        return "true" if value else "false"
    if tag["type"] == "float64" and not isinstance(value, str):
        return _go_float(float(value))
    return base64.b64decode(value).hex() if tag["type"] == "binary" else str(value)


def _go_float(value: float) -> str:
    text = f"{value:.10g}"
    if "e" not in text and abs(value) >= 1e-4:
        return text
    mantissa, _, exponent = f"{value:.9e}".partition("e")
    return f"{mantissa.rstrip('0').rstrip('.')}e{exponent}" if value and abs(value) < 1e-4 else text


def sorted_tags(tags: list[Tag]) -> list[Tag]:
    """Return tags in Jaeger's order: by key, then type, then value."""
    ordered = sorted(tags, key=lambda tag: (tag["key"], _TYPES.index(tag["type"]), as_text(tag)))
    return [_plain(tag) for tag in ordered]


def shown(spans: list[Span], *, raw: bool) -> dict[str, Any]:
    """Return a trace as Jaeger's API does; `raw` leaves out what it adds and sorts for its page."""
    processes: list[dict[str, Any]] = []
    entries = []
    for span in spans:
        entry, owner = converted(span), process(span)
        if not raw:
            _adjust(entry, owner)
        entry["tags"] = [_plain(tag) for tag in entry["tags"]]
        owner["tags"] = [_plain(tag) for tag in owner["tags"]]
        if owner not in processes:
            processes.append(owner)
        entries.append(entry | {"processID": f"p{processes.index(owner) + 1}"})
    if not raw:
        _warn(entries, spans)
        entries = _once(entries)
    named = {f"p{number}": owner for number, owner in enumerate(processes, 1)}
    first = entries[0]["traceID"] if entries else ""
    return {"traceID": first, "spans": entries, "processes": named, "warnings": None}


def _adjust(entry: JaegerSpan, owner: dict[str, Any]) -> None:
    """Sort, and move what the SDK says of itself to the process, as Jaeger does before it shows a trace."""
    entry["tags"], owner["tags"] = _with_addresses(entry["tags"]), _with_addresses(owner["tags"])
    moved = [tag for tag in entry["tags"] if tag["key"] in OF_THE_LIBRARY]
    entry["tags"] = sorted_tags([tag for tag in entry["tags"] if tag["key"] not in OF_THE_LIBRARY])
    owner["tags"] = sorted_tags(owner["tags"] + moved)
    for log in entry["logs"]:
        at = next((i for i, tag in enumerate(log["fields"]) if tag["key"] == "event" and tag["type"] == "string"), -1)
        if at > 0:
            log["fields"][0], log["fields"][at] = log["fields"][at], log["fields"][0]
        head = log["fields"][:1] if at >= 0 else []
        log["fields"] = head + sorted_tags(log["fields"][len(head) :])
    _parent_first(entry)


def _with_addresses(tags: list[Tag]) -> list[Tag]:
    """Write IPv4 addresses that were sent as numbers as people write them."""
    return [
        _text(tag["key"], str(ipaddress.IPv4Address(int(tag["value"]) & 0xFFFFFFFF)))
        if tag["key"] in ("ip", "peer.ipv4") and tag["type"] in ("int64", "float64") and _is_number(tag["value"])
        else tag
        for tag in tags
    ]


def _is_number(value: Any) -> bool:
    return not isinstance(value, str) or value.lstrip("-").isdecimal()


def _parent_first(entry: JaegerSpan) -> None:
    local = [i for i, reference in enumerate(entry["references"]) if reference["traceID"] == entry["traceID"]]
    parents = [i for i in local if entry["references"][i]["refType"] == "CHILD_OF"]
    first = (parents or local or [0])[0]
    if first:
        refs = entry["references"]
        refs[0], refs[first] = refs[first], refs[0]


def _once(entries: list[JaegerSpan]) -> list[JaegerSpan]:
    """Return each span once, however often it was sent."""
    seen: set[str] = set()
    return [entry for entry in entries if not ((text := json.dumps(entry, sort_keys=True)) in seen or seen.add(text))]  # type: ignore[func-returns-value]


def _warn(entries: list[JaegerSpan], spans: list[Span]) -> None:
    """Say what Jaeger says of parents that are missing and of children outside their parent's time."""
    times: dict[str, tuple[int, int]] = {}
    for span in spans:
        times.setdefault(span.span_id, (span.start_ns, span.duration_ns))
    met: set[str] = set()
    for entry in entries:
        warnings = []
        if entry["spanID"] in met:
            warnings.append("duplicate span IDs; skipping clock skew adjustment")
        met.add(entry["spanID"])
        parent = _parent(entry)
        if parent and parent not in times:
            warnings.append(f"invalid parent span IDs={parent}; skipping clock skew adjustment")
        elif parent and not warnings:
            skew = _skew(times[entry["spanID"]], times[parent])
            if skew:
                delta = durations.nanoseconds_text(skew)
                warnings.append(f"clock skew adjustment disabled; not applying calculated delta of {delta}")
        entry["warnings"] = warnings or None


def _parent(entry: JaegerSpan) -> str:
    local = [reference for reference in entry["references"] if reference["traceID"] == entry["traceID"]]
    parents = [reference for reference in local if reference["refType"] == "CHILD_OF"] or local
    return str(parents[0]["spanID"]) if parents else ""


def _skew(child: tuple[int, int], parent: tuple[int, int]) -> int:
    """Return by how many nanoseconds the child's clock seems to be off its parent's."""
    (start, duration), (parent_start, parent_duration) = child, parent
    if duration > parent_duration:
        return max(parent_start - start, 0)
    if start >= parent_start and start + duration <= parent_start + parent_duration:
        return 0
    return parent_start + (parent_duration - duration) // 2 - start
