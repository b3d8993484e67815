"""Writing log lines that no keeper captures: OTLP records that the hub took in, and the supervisor's own notes.

The same format as captured output, so that there is one reader. One writer per folder.
"""

import json
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from devctl.keeper.log import SegmentLog
from devctl.record.logs import folder_of
from devctl.record.store import Run

_MOST_OPEN = 64
MOST_SERVICES = 1000
_OVERFLOW = "(other services)"


@dataclass(frozen=True, slots=True)
class OtlpRecord:
    """One OTLP log record. `service` is the service.name of its resource, `time_ns` its own time."""

    service: str
    instance: str
    time_ns: int
    level: str | None
    message: str
    trace_id: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


class LogWriter:
    """Writes OTLP records into a run, one log per service, each capped."""

    def __init__(self, run: Run, cap_bytes: int = 256 << 20) -> None:
        self._run = run
        self._cap_bytes = cap_bytes
        self._open: OrderedDict[str, SegmentLog] = OrderedDict()
        self._services: set[str] = set()
        self._lock = threading.Lock()

    def write(self, records: Iterable[OtlpRecord]) -> None:
        """Append records, from any thread. A disk that is full raises nothing: what was lost is counted and
        marked later."""
        arrival_ns = time.time_ns()
        by_service: dict[str, list[tuple[int, bytes]]] = {}
        for record in records:
            time_ns = min(record.time_ns or arrival_ns, arrival_ns)
            folder = self._admit(record.service)
            origin = {} if folder == record.service else {"service.name": record.service}
            by_service.setdefault(folder, []).append((time_ns, _line(record, origin)))
        with self._lock:
            for service, lines in by_service.items():
                lines.sort(key=lambda each: each[0])
                self._log(service).write_all(lines)

    def close(self) -> None:
        """Return the files back."""
        while self._open:
            self._open.popitem()[1].close()

    def _admit(self, service: str) -> str:
        """Bound how many folders a sender can make."""
        if service not in self._services and len(self._services) >= MOST_SERVICES:
            return _OVERFLOW
        self._services.add(service)
        return service

    def _log(self, service: str) -> SegmentLog:
        log = self._open.pop(service, None)
        if log is None:
            if len(self._open) >= _MOST_OPEN:
                self._open.popitem(last=False)[1].close()
            log = SegmentLog(str(self._run.logs / folder_of(service)), self._cap_bytes)
        self._open[service] = log
        return log


def _line(record: OtlpRecord, origin: Mapping[str, str]) -> bytes:
    body = {
        "level": record.level,
        "message": record.message,
        "trace_id": record.trace_id,
        "instance": record.instance,
        "fields": {**record.fields, **origin},
    }
    return json.dumps(body, separators=(",", ":"), default=str).encode() + b"\n"
