"""The adapters of the gateway: HTTP to the services, the file that keeps the splits, the documents of the contracts."""

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from opentelemetry.trace import SpanKind, Tracer

from services.common.http import client, deadlines
from services.common.runtime import telemetry
from services.gateway.domain import SERVICES, Split
from services.gateway.ports import UpstreamError

_RELOAD_SECONDS = 0.5  # how late another instance of the gateway may follow a new split
DOCUMENTS = Path(__file__).parent.parent / "contracts" / "openapi"


class HttpReply:
    """An answer that is still being received."""

    def __init__(self, answer: client.Response) -> None:
        self._answer = answer
        self.status = answer.status_code
        self.served_by = ""
        self.headers: Sequence[tuple[bytes, bytes]] = [(name.lower(), value) for name, value in answer.headers.raw]

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        try:
            async for chunk in self._answer.aiter_raw():
                yield chunk
        except client.TransportError as error:
            raise UpstreamError(str(error), was_sent=True) from error

    async def close(self) -> None:
        """Release the connection."""
        await self._answer.aclose()


class HttpUpstream:
    """Sends requests on with one shared client, each in a span of its own."""

    def __init__(self, transport: client.Transport, tracer: Tracer) -> None:
        self._transport, self._tracer = transport, tracer

    async def send(
        self, method: str, url: str, headers: Sequence[tuple[bytes, bytes]], body: bytes, seconds: float
    ) -> HttpReply:
        """Send one request and wait for the head of the answer."""
        attributes = telemetry.http_client(method, url)
        span = telemetry.start(self._tracer, method, SpanKind.CLIENT, attributes)
        with telemetry.entered(span):
            extra = {deadlines.HEADER: str(max(1, int(seconds * 1000))), **telemetry.outgoing()}
            sent = [*headers, *((name.encode(), value.encode()) for name, value in extra.items())]
            try:
                answer = await client.send(
                    self._transport,
                    method,
                    url,
                    headers=sent,
                    content=body or None,
                    seconds=max(0.05, seconds),
                    is_streamed=True,
                )
            except client.TransportError as error:
                reason = str(error) or type(error).__name__
                raise UpstreamError(reason, was_sent=not isinstance(error, client.NEVER_SENT)) from error
            span.set_attribute("http.response.status_code", answer.status_code)
            if answer.status_code >= 400:
                telemetry.fail(span, str(answer.status_code))
        return HttpReply(answer)


class FileSplits:
    """Keeps the splits in a file: a restart does not end a canary, and all instances of the gateway share it."""

    def __init__(self, path: Path, now: Callable[[], float] = time.monotonic) -> None:
        self._path, self._now = path, now
        self._read_at = float("-inf")
        self._seen: tuple[int, int] | None = None
        self._splits: dict[str, Split] = {}

    def get(self, service: str) -> Split | None:
        """Return the split of a service."""
        if self._now() - self._read_at > _RELOAD_SECONDS:
            self._reload()
        return self._splits.get(service)

    def all(self) -> Mapping[str, Split]:
        """Return every split."""
        self._reload()
        return dict(self._splits)

    def put(self, service: str, split: Split | None) -> None:
        """Set the split of a service, or take it away."""
        others = {name: other for name, other in self.all().items() if name != service}
        self._splits = others | ({service: split} if split else {})
        text = json.dumps({name: asdict(other_split) for name, other_split in self._splits.items()})
        half = self._path.with_suffix(".new")
        half.write_text(text)
        half.replace(self._path)

    def _reload(self) -> None:
        """Read the file if it is another one than before."""
        self._read_at = self._now()
        info = self._path.stat() if self._path.exists() else None
        stamp = (info.st_mtime_ns, info.st_ino) if info else None
        if stamp != self._seen:
            fields = json.loads(self._path.read_text()) if stamp else {}
            self._splits = {name: Split(**split_fields) for name, split_fields in fields.items()}
            self._seen = stamp


def documents() -> dict[str, dict[str, Any]]:
    """Read the OpenAPI documents of the services behind the gateway."""
    paths = ((name, DOCUMENTS / f"{name}.json") for name in SERVICES)
    return {name: json.loads(path.read_text()) for name, path in paths if path.exists()}
