"""The gateway's ends: HTTP to the services, the file that keeps the splits, the documents of the contracts."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from opentelemetry.trace import SpanKind, Tracer

from services.common import deadlines, http, telemetry
from services.gateway.domain import SERVICES, Split
from services.gateway.ports import UpstreamError

DOCUMENTS = Path(__file__).parent.parent / "contracts" / "openapi"


class HttpReply:
    """An answer that is still being received."""

    def __init__(self, answer: http.Response, ends_at: float) -> None:
        self._answer, self._ends_at = answer, ends_at
        self.status = answer.status_code
        self.headers: Sequence[tuple[bytes, bytes]] = [(name.lower(), value) for name, value in answer.headers.raw]

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        async for chunk in self._answer.aiter_raw():
            yield chunk

    async def close(self) -> None:
        """Let go of the connection."""
        await self._answer.aclose()


class HttpUpstream:
    """Sends requests on with one shared client, each in a span of its own."""

    def __init__(self, transport: http.Transport, tracer: Tracer) -> None:
        self._transport, self._tracer = transport, tracer

    async def send(
        self, method: str, url: str, headers: Sequence[tuple[bytes, bytes]], body: bytes, seconds: float
    ) -> HttpReply:
        """Send one request and wait for the head of the answer."""
        attributes = {"http.request.method": method, "url.full": url}
        span = telemetry.start(self._tracer, method, SpanKind.CLIENT, attributes)
        with telemetry.entered(span):
            own = {deadlines.HEADER: str(max(1, int(seconds * 1000))), **telemetry.outgoing()}
            sent = [*headers, *((name.encode(), value.encode()) for name, value in own.items())]
            try:
                answer = await http.send(
                    self._transport,
                    method,
                    url,
                    headers=sent,
                    content=body or None,
                    seconds=max(0.05, seconds),
                    is_streamed=True,
                )
            except http.TransportError as error:
                reason = str(error) or type(error).__name__
                raise UpstreamError(reason, was_sent=not isinstance(error, http.NEVER_SENT)) from error
            span.set_attribute("http.response.status_code", answer.status_code)
            if answer.status_code >= 400:
                telemetry.fail(span, str(answer.status_code))
        return HttpReply(answer, seconds)


class FileSplits:
    """Keeps the splits in a file, so that a restart of the gateway does not end a canary."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._splits = _read(path)

    def get(self, service: str) -> Split | None:
        """Return the split of a service."""
        return self._splits.get(service)

    def all(self) -> Mapping[str, Split]:
        """Return every split."""
        return dict(self._splits)

    def put(self, service: str, split: Split | None) -> None:
        """Set the split of a service, or take it away."""
        others = {name: other for name, other in self._splits.items() if name != service}
        self._splits = others | ({service: split} if split else {})
        text = json.dumps({name: asdict(one) for name, one in self._splits.items()})
        half = self._path.with_suffix(".new")
        half.write_text(text)
        half.replace(self._path)


def _read(path: Path) -> dict[str, Split]:
    if not path.exists():
        return {}
    return {name: Split(**fields) for name, fields in json.loads(path.read_text()).items()}


def documents() -> dict[str, dict[str, Any]]:
    """Read the OpenAPI documents of the services behind the gateway."""
    paths = ((name, DOCUMENTS / f"{name}.json") for name in SERVICES)
    return {name: json.loads(path.read_text()) for name, path in paths if path.exists()}
