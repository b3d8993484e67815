"""How busy each service is right now: requests a second, how many fail, how long they take; from its spans."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

from devctl.record.spans import SpanReader

WINDOW_SECONDS = 60
_START_ROWS = 20_000
"""So many of the newest spans are looked through for the window before the first question."""


@dataclass(frozen=True, slots=True)
class Load:
    """The requests that a service answered within the window. `rate` is per second."""

    rate: float
    error_share: float
    p95_ms: float
    errors: int


class Traffic:
    """Counts requests as their spans come in; each question costs what came since the last one."""

    def __init__(self, reader: SpanReader, window_seconds: float = WINDOW_SECONDS) -> None:
        self._reader = reader
        self._window_ns = int(window_seconds * 1e9)
        self._row = max(reader.last() - _START_ROWS, 0)
        self._requests: defaultdict[str, deque[tuple[int, int, bool]]] = defaultdict(deque)

    def loads(self, now_ns: int) -> dict[str, Load]:
        """Return the load of each service that answered requests within the window before now."""
        since_ns = now_ns - self._window_ns
        for row, service, is_error, start_ns, duration_ns in self._reader.requests(self._row):
            self._row = row
            if start_ns >= since_ns:
                self._requests[service].append((start_ns, duration_ns, is_error))
        for service, requests in list(self._requests.items()):
            while requests and requests[0][0] < since_ns:
                requests.popleft()
            if not requests:
                del self._requests[service]
        return {service: self._load(requests) for service, requests in self._requests.items()}

    def _load(self, requests: deque[tuple[int, int, bool]]) -> Load:
        errors = sum(is_error for _, _, is_error in requests)
        durations = sorted(duration for _, duration, _ in requests)
        p95 = durations[max(-(-len(durations) * 95 // 100) - 1, 0)]
        return Load(len(requests) / (self._window_ns / 1e9), errors / len(requests), p95 / 1e6, errors)
