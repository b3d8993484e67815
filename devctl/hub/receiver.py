"""What becomes of an OTLP export request, whichever way it came: kept, and answered once it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import Message

from devctl.hub import intake
from devctl.hub.logs import LogSink
from devctl.hub.metrics import Metrics
from devctl.hub.store import Store

Receive = Callable[[bytes, str], Awaitable[Any]]
"""Keeps a body of PROTOBUF or JSON and returns the message to answer; intake.Refused says what was wrong with it."""


def export_type(path: str) -> type[Message]:
    """Return the type of the requests to a path of OTLP over HTTP."""
    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    return {
        "/v1/traces": ExportTraceServiceRequest,
        "/v1/logs": ExportLogsServiceRequest,
        "/v1/metrics": ExportMetricsServiceRequest,
    }[path]


class Receiver:
    """Takes the three signals in; `spans_kept` is called after spans were committed."""

    def __init__(self, store: Store, logs: LogSink, metrics: Metrics, *, spans_kept: Callable[[], None]) -> None:
        self._store = store
        self._logs = logs
        self._metrics = metrics
        self._spans_kept = spans_kept
        self.signals: dict[str, Receive] = {
            "/v1/traces": self.traces, "/v1/logs": self.logs, "/v1/metrics": self.metrics,
        }  # fmt: skip
        """What keeps a request, by its path of OTLP over HTTP."""

    async def traces(self, body: bytes, kind: str) -> Any:
        """Keep spans."""
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

        outcome = await self._store.add(body, kind)
        self._spans_kept()
        answer = ExportTraceServiceResponse()
        if outcome.rejected:
            answer.partial_success.rejected_spans = outcome.rejected
            answer.partial_success.error_message = outcome.reason
        return answer

    async def logs(self, body: bytes, kind: str) -> Any:
        """Keep log records."""
        from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
            ExportLogsServiceRequest,
            ExportLogsServiceResponse,
        )

        export, unreadable = intake.read(ExportLogsServiceRequest, body, kind)
        self._logs.add(export.resource_logs)
        answer = ExportLogsServiceResponse()
        if unreadable:
            answer.partial_success.rejected_log_records = unreadable
            answer.partial_success.error_message = "log records that cannot be read were not kept"
        return answer

    async def metrics(self, body: bytes, kind: str) -> Any:
        """Keep the latest value of each series."""
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
            ExportMetricsServiceRequest,
            ExportMetricsServiceResponse,
        )

        export, unreadable = intake.read(ExportMetricsServiceRequest, body, kind)
        surplus = self._metrics.add(export.resource_metrics)
        answer = ExportMetricsServiceResponse()
        if unreadable or surplus:
            answer.partial_success.rejected_data_points = unreadable + surplus
            answer.partial_success.error_message = (
                f"not kept: {unreadable} data points that cannot be read, {surplus} of too many series"
            )
        return answer
