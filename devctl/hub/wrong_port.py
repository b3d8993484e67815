"""Notices who speaks to a port what it is not for: kept all the same where it can be, said once, shown in `status`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from enum import Enum

from devctl.clock import Clock, SystemClock
from devctl.http.server import Request
from devctl.hub import intake, otlp_grpc, otlp_http
from devctl.hub.receiver import export_type
from devctl.record import notices
from devctl.record.notices import FRESH_SECONDS, Notice
from devctl.record.spans import service_name
from devctl.record.store import Run
from devctl.text import listing

_WRITE_SECONDS = 10.0  # often enough that a notice is fresh for as long as it happens
_MOST_SENDERS = 20  # of each mistake: a name comes from outside


class Mistake(Enum):
    """What is spoken to the wrong port."""

    GRPC_TO_HTTP = "gRPC"
    HTTP_TO_GRPC = "HTTP"
    TLS = "TLS"


class WrongPort:
    """Keeps who made which mistake when. `http` and `grpc` are the numbers of the ports; `say` writes to the log."""

    def __init__(self, run: Run, http: int, grpc: int, say: Callable[[str], None], clock: Clock | None = None) -> None:
        self._run = run
        self._http = http
        self._grpc = grpc
        self._say = say
        self._clock = clock or SystemClock()
        self._seen: dict[Mistake, dict[str, float]] = {mistake: {} for mistake in Mistake}
        self._written = 0.0
        run.notices_file.unlink(missing_ok=True)

    def saw_request(self, request: Request, path: str) -> None:
        """Look at a request to `path` of OTLP over HTTP, or to the method of gRPC that does the same."""
        mistake = Mistake.GRPC_TO_HTTP if otlp_grpc.is_grpc(request) else Mistake.HTTP_TO_GRPC
        right = self._grpc if mistake is Mistake.GRPC_TO_HTTP else self._http
        if not self._grpc or request.port in (0, right):
            return
        for sender in _senders(request, path) or {"a program"}:
            self._note(mistake, sender)

    def saw_tls(self, port: int) -> None:
        """Record that something tried to speak TLS."""
        self._note(Mistake.TLS, "otlp_grpc" if port == self._grpc else "otlp")

    def _note(self, mistake: Mistake, sender: str) -> None:
        now = self._clock.now_ns() / 1e9
        seen = self._seen[mistake]
        is_new = now - seen.get(sender, 0.0) > FRESH_SECONDS
        if is_new and len(seen) >= _MOST_SENDERS:
            return
        seen[sender] = now
        if is_new:
            self._say(str(self._notice(mistake, [sender], now)))
        if is_new or now - self._written > _WRITE_SECONDS:
            self._written = now
            with contextlib.suppress(OSError):  # a full disk: the log has it
                notices.write(self._run, self._notices(now))

    def _notices(self, now: float) -> Iterator[Notice]:
        for mistake, seen in self._seen.items():
            for sender in [sender for sender, moment in seen.items() if now - moment > FRESH_SECONDS]:
                del seen[sender]
            if seen:
                yield self._notice(mistake, sorted(seen), max(seen.values()))

    def _notice(self, mistake: Mistake, senders: list[str], seen: float) -> Notice:
        who = f"{listing(senders)} {'sends' if len(senders) == 1 else 'send'}"
        match mistake:
            case Mistake.GRPC_TO_HTTP:
                text = f"{who} OTLP over gRPC to {self._http}, the port of OTLP over HTTP"
                remedy = f"kept here, lost elsewhere; send it to http://127.0.0.1:{self._grpc} (otlp_grpc)"
            case Mistake.HTTP_TO_GRPC:
                text = f"{who} OTLP over HTTP to {self._grpc}, the port of OTLP over gRPC"
                remedy = f"kept here, lost elsewhere; send it to http://127.0.0.1:{self._http} (otlp)"
            case Mistake.TLS:
                text = f"something speaks TLS to the port {listing(senders)}, and its telemetry is lost"
                remedy = "begin its endpoint with http://, or set OTEL_EXPORTER_OTLP_INSECURE=true"
        return Notice(text, remedy, seen)


def _senders(request: Request, path: str) -> set[str]:
    """Return the service names in an OTLP request."""
    with contextlib.suppress(intake.Refused):
        if otlp_grpc.is_grpc(request):
            kind, body = intake.PROTOBUF, otlp_grpc.message(request)
        else:
            kind, body = otlp_http.content(request)
        export, _ = intake.read(export_type(path), body, kind)
        return {service_name(group.resource.attributes) for _, groups in export.ListFields() for group in groups}
    return set()
