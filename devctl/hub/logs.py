"""OTLP log records become lines of the run's logs, in the one format that every reader knows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from devctl.record.spans import attributes, plain, service_name

_LEVELS = ("trace", "debug", "info", "warning", "error", "critical")  # severity numbers 1-4, 5-8, … (OTel logs)


class LogSink:
    """Writes log records into the folder of logs of a run."""

    def __init__(self, folder: Path) -> None:
        from devctl.record.logs import LogWriter

        self._writer = LogWriter(folder)

    def add(self, groups: Iterable[Any]) -> None:
        """Append the records of repeated ResourceLogs."""
        for group in groups:
            resource = attributes(group.resource.attributes)
            service = service_name(group.resource.attributes)
            instance = str(resource.get("service.instance.id", ""))
            for scoped in group.scope_logs:
                for record in scoped.log_records:
                    self._writer.append(service, instance, _time_ns(record), _line(record, scoped.scope.name))

    def close(self) -> None:
        self._writer.close()


def _time_ns(record: Any) -> int:
    """The record's own time, never later than its arrival."""
    return min(record.time_unix_nano or record.observed_time_unix_nano or time.time_ns(), time.time_ns())


def _line(record: Any, scope: str) -> bytes:
    body = plain(record.body)
    fields = attributes(record.attributes)
    if scope:
        fields.setdefault("logger", scope)
    entry: dict[str, Any] = {
        "level": _level(record),
        "message": body if isinstance(body, str) else json.dumps(body),
        **({"trace_id": record.trace_id.hex()} if any(record.trace_id) else {}),
        **({"span_id": record.span_id.hex()} if any(record.span_id) else {}),
        **{key: value for key, value in fields.items() if key not in ("level", "message", "trace_id", "span_id")},
    }
    return json.dumps(entry).encode()


def _level(record: Any) -> str:
    if record.severity_number:
        return _LEVELS[min((record.severity_number - 1) // 4, len(_LEVELS) - 1)]
    return str(record.severity_text or "info").lower()
