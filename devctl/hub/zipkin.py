"""OTLP spans as Zipkin v2 JSON, by the OpenTelemetry specification's "OpenTelemetry to Zipkin transformation"."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from devctl.record.spans import attributes, service_name, text_of

_KINDS = {2: "SERVER", 3: "CLIENT", 4: "PRODUCER", 5: "CONSUMER"}
_STATUS = {1: "OK", 2: "ERROR"}
_PEERS = ("peer.service", "server.address", "network.peer.address", "db.name")


def zipkin(body: bytes) -> bytes:
    """Return the spans of an OTLP export request (protobuf) as a JSON list."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return json.dumps(list(_spans(ExportTraceServiceRequest.FromString(body)))).encode()


def _spans(request: Any) -> Iterator[dict[str, Any]]:
    for group in request.resource_spans:
        service = service_name(group.resource.attributes)
        for scoped in group.scope_spans:
            for span in scoped.spans:
                yield _span(span, service, scoped.scope)


def _span(span: Any, service: str, scope: Any) -> dict[str, Any]:
    tags = attributes(span.attributes)
    entry = {
        "traceId": span.trace_id.hex(),
        "id": span.span_id.hex(),
        "name": span.name,
        "timestamp": span.start_time_unix_nano // 1000,
        "duration": max((span.end_time_unix_nano - span.start_time_unix_nano) // 1000, 1),
        "localEndpoint": {"serviceName": service},
        "tags": _tags(span, tags, scope),
        "annotations": [_annotation(event) for event in span.events],
    }
    if span.parent_span_id:
        entry["parentId"] = span.parent_span_id.hex()
    if span.kind in _KINDS:
        entry["kind"] = _KINDS[span.kind]
    peer = next((tags[key] for key in _PEERS if key in tags), None)
    if peer is not None and span.kind in (3, 4):
        entry["remoteEndpoint"] = {"serviceName": text_of(peer)}
    return entry


def _tags(span: Any, span_tags: dict[str, Any], scope: Any) -> dict[str, str]:
    tags = {key: text_of(value) for key, value in span_tags.items()}
    if span.status.code in _STATUS:
        tags["otel.status_code"] = _STATUS[span.status.code]
    if span.status.code == 2:
        tags.setdefault("error", span.status.message or "true")
    if scope.name:
        tags["otel.scope.name"] = scope.name
    if scope.version:
        tags["otel.scope.version"] = scope.version
    return tags


def _annotation(event: Any) -> dict[str, Any]:
    tags = attributes(event.attributes)
    value = json.dumps({event.name: tags}) if tags else event.name
    return {"timestamp": event.time_unix_nano // 1000, "value": value}
