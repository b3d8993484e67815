"""Log lines: one JSON object per event on stdout, with the trace that it belongs to."""

import contextvars
import logging
import sys
from typing import Any, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from services.common.clock import rfc3339, utc_now
from services.common.telemetry import current_trace_ids

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")

_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def configure(level: str = "info") -> None:
    """Send the lines of structlog and of the standard library to stdout as JSON."""
    threshold = _LEVELS.get(level, 20)
    structlog.configure(
        processors=[
            structlog.processors.format_exc_info,
            _shape,
            structlog.processors.JSONRenderer(ensure_ascii=True, default=str),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(threshold),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=max(threshold, logging.WARNING), handlers=[_Bridge()], force=True)
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


def logger(service: str) -> FilteringBoundLogger:
    """Return the logger of a service."""
    return cast("FilteringBoundLogger", structlog.get_logger(service=service))


def _shape(_logger: WrappedLogger, method: str, fields: EventDict) -> EventDict:
    """Put time, level, message and trace in front; an empty id is left out."""
    trace_id, span_id = current_trace_ids()
    line: dict[str, Any] = {
        "time": rfc3339(utc_now()),
        "level": method,
        "message": fields.pop("event", ""),
        "service": fields.pop("service", ""),
    }
    ids = {"trace_id": trace_id, "span_id": span_id, "request_id": request_id.get()}
    line.update((name, value) for name, value in ids.items() if value)
    line.update(fields)
    return line


class _Bridge(logging.Handler):
    """Hand what libraries log through the standard library to structlog."""

    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname.lower() if record.levelno < logging.CRITICAL else "error"
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info
        log = structlog.get_logger()
        getattr(log, level, log.info)(record.getMessage(), **fields)
