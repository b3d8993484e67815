"""Random valid OTLP: every field of every message, at its extremes as often as not."""

import json
import math
import random
from collections.abc import Iterator
from typing import Any, TypeVar

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

R = TypeVar("R", bound=Message)

MARK = "fuzz.id"
"""The attribute that tells log records and data points apart."""

_TEXTS = [
    "",
    "\0",
    "a\0",
    "0",
    " ",
    "x" * 1_500,
    "größe",
    "\u2028",
    '"\\\n\r\t',
    "\U0001f600",
    "NaN",
    "true",
    "[1]",
    "{",
]
_TEXTS += [
    "service.name",
    "span.kind",
    "error",
    "ip",
    "event",
    "le",
    "job",
    "__name__",
    "(other services)",
    "..",
    "%2E",
]
_DOUBLES = [0.0, -0.0, 1.5, math.nan, math.inf, -math.inf, 5e-324, 1.7976931348623157e308, -1e300, 2.0**53]
_KINDS = FieldDescriptor
_BOUNDS = {
    _KINDS.TYPE_INT32: (-(1 << 31), (1 << 31) - 1),
    _KINDS.TYPE_SINT32: (-(1 << 31), (1 << 31) - 1),
    _KINDS.TYPE_SFIXED64: (-(1 << 63), (1 << 63) - 1),
    _KINDS.TYPE_INT64: (-(1 << 63), (1 << 63) - 1),
    _KINDS.TYPE_ENUM: (-(1 << 31), (1 << 31) - 1),
    _KINDS.TYPE_UINT32: (0, (1 << 32) - 1),
    _KINDS.TYPE_FIXED32: (0, (1 << 32) - 1),
    _KINDS.TYPE_FIXED64: (0, (1 << 64) - 1),
    _KINDS.TYPE_UINT64: (0, (1 << 64) - 1),
}
_DEEPEST_VALUE = 4
_ID_LENGTHS = {"trace_id": 16, "span_id": 8, "parent_span_id": 8}


class Generator:
    """Makes export requests from one seed; ids and marks are unique within it."""

    def __init__(self, seed: str) -> None:
        self._chance = random.Random(seed)
        self._marked = 0
        self._traces = [self._chance.randbytes(16) for _ in range(20)]

    def traces(self) -> ExportTraceServiceRequest:
        request = self._filled(ExportTraceServiceRequest())
        for span in spans_of(request):
            span.trace_id = self._chance.choice(self._traces)
            span.span_id = self._chance.randbytes(8)
        return self._named(request, request.resource_spans)

    def logs(self) -> ExportLogsServiceRequest:
        request = self._filled(ExportLogsServiceRequest())
        for group in request.resource_logs:
            for scoped in group.scope_logs:
                for record in scoped.log_records:
                    self._mark(record)
        return self._named(request, request.resource_logs)

    def metrics(self) -> ExportMetricsServiceRequest:
        request = self._filled(ExportMetricsServiceRequest())
        for point in points_of(request):
            self._mark(point)
        return self._named(request, request.resource_metrics)

    def _named(self, request: R, groups: Any) -> R:
        """Give most resources a name of their service, of any text and now and then of another type."""
        for group in groups:
            if self._chance.random() < 0.8:
                pair = group.resource.attributes.add(key="service.name")
                pair.value.string_value = self._chance.choice(_TEXTS)
                if self._chance.random() < 0.1:
                    self._filled(pair.value)
        return request

    def _mark(self, item: Any) -> None:
        self._marked += 1
        kept = [pair for pair in item.attributes if pair.key != MARK]
        del item.attributes[:]
        item.attributes.extend(kept)
        item.attributes.add(key=MARK).value.string_value = f"m{self._marked}m"

    def _filled(self, message: Any, depth: int = 0) -> Any:
        chosen = {oneof.name: self._chance.choice(oneof.fields).name for oneof in message.DESCRIPTOR.oneofs}
        for field in message.DESCRIPTOR.fields:
            oneof = field.containing_oneof
            if oneof is not None and chosen[oneof.name] != field.name:
                continue
            if oneof is None and self._chance.random() < 0.2:
                continue
            self._set(message, field, depth)
        return message

    def _set(self, message: Any, field: FieldDescriptor, depth: int) -> None:
        if field.message_type is not None and field.message_type.name in ("ArrayValue", "KeyValueList", "AnyValue"):
            depth += 1
            if depth > _DEEPEST_VALUE:
                return
        if not field.is_repeated:
            if field.message_type is not None:
                self._filled(getattr(message, field.name), depth).SetInParent()
            else:
                setattr(message, field.name, self._scalar(field))
            return
        for _ in range(self._chance.choice([0, 1, 1, 2, 3])):
            if field.message_type is not None:
                self._filled(getattr(message, field.name).add(), depth)
            else:
                getattr(message, field.name).append(self._scalar(field))

    def _scalar(self, field: FieldDescriptor) -> Any:
        chance = self._chance
        if field.type == _KINDS.TYPE_STRING:
            return chance.choice([*_TEXTS, f"t{chance.randrange(50)}"])
        if field.type == _KINDS.TYPE_BYTES:
            return self._bytes(field.name)
        if field.type == _KINDS.TYPE_BOOL:
            return chance.random() < 0.5
        if field.type == _KINDS.TYPE_DOUBLE:
            return chance.choice(_DOUBLES)
        low, high = _BOUNDS[field.type]
        return chance.choice([low, high, 0, 1, 2, chance.randint(low, high), chance.randint(max(low, -40), 40)])

    def _bytes(self, name: str) -> bytes:
        length = _ID_LENGTHS.get(name)
        if length is None:
            return self._chance.randbytes(self._chance.choice([0, 1, 40]))
        return self._chance.choice([b"", bytes(length), self._chance.randbytes(length)])


def spans_of(request: ExportTraceServiceRequest) -> list[Any]:
    return [span for group in request.resource_spans for scoped in group.scope_spans for span in scoped.spans]


def points_of(request: ExportMetricsServiceRequest) -> Iterator[Any]:
    """Yield the data points of all metrics."""
    for group in request.resource_metrics:
        for scoped in group.scope_metrics:
            for metric in scoped.metrics:
                shape = metric.WhichOneof("data")
                if shape:
                    yield from getattr(metric, shape).data_points


def marks(items: Any) -> set[str]:
    """Return the marks of log records or data points."""
    return {pair.value.string_value for item in items for pair in item.attributes if pair.key == MARK}


def as_json(request: Message) -> bytes:
    """Return a request as OTLP JSON: enumerations as numbers, ids as hex."""
    document = json_format.MessageToDict(request, use_integers_for_enums=True)
    return json.dumps(_with_hex_ids(document)).encode()


def _with_hex_ids(value: Any) -> Any:
    import base64

    if isinstance(value, list):
        return [_with_hex_ids(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(item).hex() if key in ("traceId", "spanId", "parentSpanId") else _with_hex_ids(item)
        for key, item in value.items()
    }


def with_named_numbers(message: Any) -> Any:
    """Replace NaN and the infinities of attribute values by their names, in place, as the hub does."""
    descriptor: Descriptor = message.DESCRIPTOR
    if descriptor.name == "AnyValue" and message.WhichOneof("value") == "double_value":
        number = message.double_value
        if not math.isfinite(number):
            message.string_value = "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
        return message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for inner in value if field.is_repeated else [value]:
                with_named_numbers(inner)
    return message
