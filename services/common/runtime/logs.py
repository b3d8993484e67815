"""Log lines: one JSON object per event on stdout, with the trace that it belongs to."""

import contextvars
import json
import logging
import sys
import traceback
from typing import Any, Final

from services.common.runtime.clock import rfc3339, utc_now
from services.common.runtime.telemetry import current_trace_ids

request_id: contextvars.ContextVar[str] = contextvars.ContextVar("request_id", default="")

_LEVELS: Final = {"debug": 10, "info": 20, "warning": 30, "error": 40, "off": 100}
_threshold = _LEVELS["info"]


def configure(level: str = "info") -> None:
    """Write lines from this level up, those of libraries from `warning` up."""
    global _threshold
    _threshold = _LEVELS.get(level, _LEVELS["info"])
    logging.basicConfig(level=max(_threshold, logging.WARNING), handlers=[_Bridge()], force=True)
    # The exporter complains of every batch while the collector is away; which the collector's own log and metrics show.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


class Logger:
    """Writes the lines of one service; fields are given by name, `exc_info` takes an exception."""

    def __init__(self, service: str) -> None:
        self._service = service

    def debug(self, message: str, **fields: Any) -> None:
        """Log a detail for debugging."""
        self._write("debug", message, fields)

    def info(self, message: str, **fields: Any) -> None:
        """Log what happened."""
        self._write("info", message, fields)

    def warning(self, message: str, **fields: Any) -> None:
        """Log what may become a problem."""
        self._write("warning", message, fields)

    def error(self, message: str, **fields: Any) -> None:
        """Log what went wrong."""
        self._write("error", message, fields)

    def _write(self, level: str, message: str, fields: dict[str, Any]) -> None:
        if _LEVELS[level] >= _threshold:
            line = json.dumps(_line(level, self._service, message, fields), default=str)
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


def _line(level: str, service: str, message: str, fields: dict[str, Any]) -> dict[str, Any]:
    """Put time, level, message and ids in front; an empty id is left out."""
    line = {"time": rfc3339(utc_now()), "level": level, "message": message, "service": service}
    trace_id, span_id = current_trace_ids()
    if trace_id:
        line |= {"trace_id": trace_id, "span_id": span_id}
    if request_id.get():
        line["request_id"] = request_id.get()
    error = fields.pop("exc_info", None)
    if isinstance(error, BaseException):
        line["exception"] = "".join(traceback.format_exception(error))
    return line | fields


class _Bridge(logging.Handler):
    """Writes what libraries log through the standard library in the same form."""

    def emit(self, record: logging.LogRecord) -> None:
        level = "error" if record.levelno >= logging.ERROR else record.levelname.lower()
        fields: dict[str, Any] = {"logger": record.name}
        if record.exc_info:
            fields["exc_info"] = record.exc_info[1]
        writer = getattr(_libraries, level, _libraries.info)
        writer(record.getMessage(), **fields)


_libraries = Logger("")
