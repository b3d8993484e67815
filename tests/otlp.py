"""OTLP messages for tests: small ones by hand, large ones by the batch."""

import os
import time
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

PROTOBUF = {"Content-Type": "application/x-protobuf"}


def export(*spans: dict[str, Any], service: str = "shop") -> ExportTraceServiceRequest:
    """Return an export request; each span is a dict of `name`, `trace`, `span`, `parent` (bytes), `start`, `end`,
    `kind`, `error`, `attributes`, `links` with sensible defaults."""
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    pair = group.resource.attributes.add(key="service.name")
    pair.value.string_value = service
    scoped = group.scope_spans.add()
    for fields in spans:
        _fill(scoped.spans.add(), fields)
    return request


def _fill(span: Any, fields: dict[str, Any]) -> None:
    now = time.time_ns()
    span.trace_id = fields.get("trace", os.urandom(16))
    span.span_id = fields.get("span", os.urandom(8))
    span.parent_span_id = fields.get("parent", b"")
    span.name = fields.get("name", "work")
    span.kind = fields.get("kind", 1)
    span.start_time_unix_nano = fields.get("start", now)
    span.end_time_unix_nano = fields.get("end", span.start_time_unix_nano + 1_000_000)
    if fields.get("error"):
        span.status.code = 2
    for key, value in fields.get("attributes", {}).items():
        pair = span.attributes.add(key=key)
        if isinstance(value, float):
            pair.value.double_value = value
        elif isinstance(value, bool):
            pair.value.bool_value = value
        elif isinstance(value, int):
            pair.value.int_value = value
        else:
            pair.value.string_value = value
    for trace, linked in fields.get("links", ()):
        span.links.add(trace_id=trace, span_id=linked)


def batch(size: int = 512, *, per_trace: int = 8, service: str = "shop") -> tuple[bytes, list[str]]:
    """Return the bytes of an export request of `size` spans and the ids of its spans as hex."""
    spans: list[dict[str, Any]] = []
    trace = b""
    for index in range(size):
        if index % per_trace == 0:
            trace = os.urandom(16)
        attributes = {"http.request.method": "GET", "http.route": f"/things/{index % 10}"}
        spans.append(
            {"trace": trace, "span": os.urandom(8), "name": f"GET /things/{index % 10}", "attributes": attributes}
        )
    return export(*spans, service=service).SerializeToString(), [span["span"].hex() for span in spans]
