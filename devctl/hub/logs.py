"""OTLP log records become lines of the run's logs, in the one format that every reader knows."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from typing import Any

from devctl.hub.intake import number_name
from devctl.record.lines import LEVELS, level_name
from devctl.record.spans import attributes, plain, service_name
from devctl.record.store import Run
from devctl.record.writer import LogWriter, OtlpRecord


class LogSink:
    """Writes log records into the logs of a run."""

    def __init__(self, run: Run) -> None:
        self._writer = LogWriter(run)

    def add(self, groups: Iterable[Any]) -> None:
        """Append the records of repeated ResourceLogs."""
        self._writer.write(records(groups))

    def close(self) -> None:
        self._writer.close()


def records(groups: Iterable[Any]) -> Iterator[OtlpRecord]:
    """Yield the records of repeated ResourceLogs (OpenTelemetry logs data model)."""
    for group in groups:
        service = service_name(group.resource.attributes)
        instance = str(attributes(group.resource.attributes).get("service.instance.id", ""))
        for scoped in group.scope_logs:
            for record in scoped.log_records:
                yield _record(record, service, instance, scoped.scope.name)


def _record(record: Any, service: str, instance: str, scope: str) -> OtlpRecord:
    fields = {key: _with_named_numbers(value) for key, value in attributes(record.attributes).items()}
    if scope:
        fields.setdefault("logger", scope)
    if _is_id(record.span_id, 8):
        fields.setdefault("span_id", record.span_id.hex())
    return OtlpRecord(
        service=service,
        instance=instance,
        time_ns=record.time_unix_nano or record.observed_time_unix_nano,
        level=_level(record),
        message=_message(record),
        trace_id=record.trace_id.hex() if _is_id(record.trace_id, 16) else None,
        fields=fields,
    )


def _is_id(value: bytes, length: int) -> bool:
    return len(value) == length and any(value)


def _message(record: Any) -> str:
    if record.body.WhichOneof("value") is None and record.event_name:
        return str(record.event_name)
    body = plain(record.body)
    return body if isinstance(body, str) else json.dumps(_with_named_numbers(body))


def _with_named_numbers(value: Any) -> Any:
    """Return plain data in which NaN and the infinities are their names, since JSON has no word for them."""
    match value:
        case float() if not math.isfinite(value):
            return number_name(value)
        case list():
            return [_with_named_numbers(item) for item in value]
        case dict():
            return {key: _with_named_numbers(item) for key, item in value.items()}
    return value


def _level(record: Any) -> str | None:
    """Severity numbers 1-4, 5-8, … are trace, debug, info, warning, error, fatal; the enumeration is open."""
    if record.severity_number > 0:
        return LEVELS[min((record.severity_number - 1) // 4, len(LEVELS) - 1)]
    return level_name(record.severity_text)
