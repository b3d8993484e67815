"""Makes OTLP requests by the thousand: one template is serialised once, each copy gets ids of its own."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from itertools import chain

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

BATCH = 512
_ROUTES = ("/api/v1/orders", "/api/v1/products", "/api/v1/cart", "/inventory/check", "/health/ready")


def bodies(count: int, *, per_trace: int = 8, service: str = "shop") -> Iterator[bytes]:
    """Yield `count` requests of BATCH spans each, `per_trace` spans to a trace."""
    pieces, ids = _template(per_trace, service)
    traces = -(-BATCH // per_trace)
    for _ in range(count):
        random = os.urandom(traces * 16 + BATCH * 8)
        fresh = [random[i * 16 : i * 16 + 16] for i in range(traces)]
        start = traces * 16
        fresh += [random[start + i * 8 : start + i * 8 + 8] for i in range(BATCH)]
        yield b"".join(chain.from_iterable(zip(pieces, (fresh[i] for i in ids), strict=False))) + pieces[-1]


def _template(per_trace: int, service: str) -> tuple[list[bytes], list[int]]:
    """Return the bytes between the ids, and which id (traces first, then spans) stands in each gap."""
    traces = -(-BATCH // per_trace)
    marks = [b"T%015d" % i for i in range(traces)] + [b"S%07d" % i for i in range(BATCH)]
    numbers = {mark: i for i, mark in enumerate(marks)}
    body = _request(marks[:traces], marks[traces:], per_trace, service).SerializeToString()
    pieces = re.split(rb"(T\d{15}|S\d{7})", body)
    return pieces[::2], [numbers[mark] for mark in pieces[1::2]]


def _request(traces: list[bytes], spans: list[bytes], per_trace: int, service: str) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    for key, value in (
        ("service.name", service), ("service.instance.id", f"{service}.1"), ("telemetry.sdk.language", "python"),
        ("telemetry.sdk.name", "opentelemetry"), ("telemetry.sdk.version", "1.30.0"),
    ):  # fmt: skip
        group.resource.attributes.add(key=key).value.string_value = value
    scoped = group.scope_spans.add()
    scoped.scope.name = "opentelemetry.instrumentation.asgi"
    now = time.time_ns()
    for index, span_id in enumerate(spans):
        span = scoped.spans.add(trace_id=traces[index // per_trace], span_id=span_id)
        route = _ROUTES[index % len(_ROUTES)]
        span.name = f"GET {route}"
        span.kind = Span.SPAN_KIND_SERVER
        if index % per_trace:
            span.parent_span_id = spans[index - 1]
        span.start_time_unix_nano = now + index * 1_000
        span.end_time_unix_nano = span.start_time_unix_nano + (index * 7919 % 1000 + 1) * 100_000
        for key, text in (
            ("http.request.method", "GET"), ("http.route", route), ("url.path", route), ("url.scheme", "http"),
            ("server.address", "127.0.0.1"), ("network.protocol.version", "1.1"),
        ):  # fmt: skip
            span.attributes.add(key=key).value.string_value = text
        span.attributes.add(key="http.response.status_code").value.int_value = 200
        span.attributes.add(key="server.port").value.int_value = 8080
    return request
