"""Spans: made with the OpenTelemetry SDK, sent as OTLP over HTTP, named by its semantic conventions.

Middleware and instrumentation are written by hand: those of OpenTelemetry cost more than the requests they watch.
Telemetry never delays a request or the end of the process.
"""

import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    NonRecordingSpan,
    NoOpTracer,
    Span,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
)

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider

    from services.common.runtime.settings import Settings

FLUSH_SECONDS = 1.0  # of the ten that a supervisor gives before it kills
_TRACEPARENT = re.compile(r"^(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?$")
_ROOT = Context()
# Whatever has a parent that is not sampled is not sampled either, here and in the service that is called.
_UNSAMPLED = NonRecordingSpan(SpanContext(1, 1, is_remote=False, trace_flags=TraceFlags(TraceFlags.DEFAULT)))
_QUEUED_SPANS = 16_384  # eight times the default of the SDK, which drops spans while a busy service bursts


class Telemetry:
    """The tracer of one service and the end of its life."""

    def __init__(self, tracer: Tracer, provider: "TracerProvider | None" = None) -> None:
        self.tracer = tracer
        self._provider = provider

    def close(self) -> None:
        """Send what is left, for a bounded time: a collector that is gone must not hold up the exit."""
        if self._provider is None:
            return
        flush = threading.Thread(target=self._provider.shutdown, daemon=True)
        flush.start()
        flush.join(FLUSH_SECONDS)


def build(settings: "Settings") -> Telemetry:
    """Make the tracer of a service; without a collector's address it makes no spans."""
    if not settings.otlp_endpoint:
        return Telemetry(NoOpTracer())
    from opentelemetry.exporter.http.transport._urllib3 import Urllib3HTTPTransport
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.trace_ratio)),
        resource=Resource(_resource(settings)),
        shutdown_on_exit=False,
    )
    # The exporter's own default, requests, loads tables of character sets: 4 MB that nothing uses.
    exporter = OTLPSpanExporter(endpoint=settings.otlp_endpoint, timeout=5, _transport=Urllib3HTTPTransport())
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_QUEUED_SPANS))
    return Telemetry(provider.get_tracer("services.common"), provider)


def _resource(settings: "Settings") -> dict[str, str]:
    env = settings.environment
    configured = dict(pair.split("=", 1) for pair in env.names("OTEL_RESOURCE_ATTRIBUTES") if "=" in pair)
    defaults = {
        "service.name": env.text("OTEL_SERVICE_NAME", settings.service),
        "service.namespace": "shop",
        "service.version": settings.version,
        "deployment.environment.name": "development",
    }
    return defaults | configured


def current_span() -> Span:
    """Return the span that is open here, or one that records nothing."""
    return trace.get_current_span()


def current_trace_id() -> str:
    """Return the id of the trace that is open here, or nothing."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


def current_trace_ids() -> tuple[str, str]:
    """Return trace id and span id as logs carry them, or two empty strings."""
    context = trace.get_current_span().get_span_context()
    return (f"{context.trace_id:032x}", f"{context.span_id:016x}") if context.is_valid else ("", "")


def outgoing() -> dict[str, str]:
    """Return the headers that hand the current trace on (W3C Trace Context)."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    parent = f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"
    state = context.trace_state.to_header() if context.trace_state else ""
    return {"traceparent": parent} | ({"tracestate": state} if state else {})


def remote(traceparent: str, tracestate: str = "") -> SpanContext | None:
    """Parse the trace context of a caller or an event; None when it is malformed."""
    match = _TRACEPARENT.match(traceparent)
    if not match:
        return None
    trace_id, span_id, flags = (int(part, 16) for part in match.groups())
    state = TraceState.from_header([tracestate]) if tracestate else None
    context = SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags & 1), trace_state=state)
    return context if context.is_valid else None


def under(parent: SpanContext | None) -> Context:
    """Return a context whose parent is the given place, or the root."""
    return trace.set_span_in_context(NonRecordingSpan(parent), _ROOT) if parent else _ROOT


@contextmanager
def entered(span: Span) -> Iterator[Span]:
    """Make a span the current one, and end it afterwards; an exception marks it as failed."""
    token = otel_context.attach(trace.set_span_in_context(span))
    try:
        yield span
    except Exception as error:
        fail(span, type(error).__qualname__, error)
        raise
    finally:
        otel_context.detach(token)
        span.end()


@contextmanager
def untraced() -> Iterator[None]:
    """Record no span in here, nor in what is called from here: for questions repeated until they are answered."""
    token = otel_context.attach(trace.set_span_in_context(_UNSAMPLED))
    try:
        yield
    finally:
        otel_context.detach(token)


def fail(span: Span, error_type: str, error: BaseException | None = None) -> None:
    """Mark a span as failed, with the exception as its event."""
    if not span.is_recording():
        return
    span.set_attribute("error.type", error_type)
    span.set_status(Status(StatusCode.ERROR, error_type))
    if error is not None:
        span.record_exception(error)


def http_client(method: str, url: str) -> dict[str, str | int]:
    """Return what a span says of a request that is sent (semantic conventions for HTTP, client)."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {
        "http.request.method": method,
        "url.full": url,
        "server.address": parts.hostname or "",
        "server.port": port,
    }


def start(
    tracer: Tracer, name: str, kind: SpanKind, attributes: Mapping[str, Any], context: Context | None = None
) -> Span:
    """Open a span that is recorded as an error only where the caller says so."""
    return tracer.start_span(
        name,
        context=context,
        kind=kind,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    )
