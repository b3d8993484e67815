"""Asks Prometheus: each distinct question once at a time, its answer kept for a moment, whatever the number of tabs."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import h11

from devctl.web.boards.plain import objects

KEPT_SECONDS = 4.0
"""An answer serves so long: less than the five seconds in which boards refresh, so that each refresh sees news."""
MOST_ANSWERS = 256
AT_ONCE = 4
"""So many questions wait for Prometheus at a time, which answers on one machine with the rest of the stack."""
TIMEOUT_SECONDS = 20.0
SIGN_OF_LIFE_SECONDS = 2.0
"""So long may Prometheus take to say that it is ready, which it does at once whatever its queries cost."""
GIVEN_UP_SECONDS = 10.0
"""So long nobody waits for a Prometheus that showed no sign of life: every panel would wait its whole time in turn."""
MOST_BYTES = 64 << 20


class Refused(ValueError):
    """Prometheus does not answer, or says that the question is wrong; the message is for people."""


@dataclass(slots=True)
class Counts:
    """How often was asked, and how often an answer was at hand."""

    sent: int = 0
    shared: int = 0


Series = Mapping[str, Any]
"""One series of an answer: its labels, and its value or values."""
Kept = tuple[float, asyncio.Task[Any]]
"""When a question was asked, and its answer."""


class Prometheus:
    """The Prometheus at host:port; an empty address answers every question with the reason."""

    def __init__(
        self, address: str, timeout_seconds: float = TIMEOUT_SECONDS, kept_seconds: float = KEPT_SECONDS
    ) -> None:
        self.address = address
        self.counts = Counts()
        self._timeout_seconds = timeout_seconds
        self._kept_seconds = kept_seconds
        self._given_up_until = 0.0
        self._answers: OrderedDict[str, Kept] = OrderedDict()
        self._turn = asyncio.Semaphore(AT_ONCE)

    async def range(self, query: str, start: float, end: float, step: float) -> list[Series]:
        """Return the series of a query over a range."""
        times = {"start": f"{start:.3f}", "end": f"{end:.3f}", "step": f"{step:g}"}
        return _series(await self.ask("query_range", {"query": query, **times}))

    async def instant(self, query: str, at: float) -> list[Series]:
        """Return the series of a query at a time."""
        return _series(await self.ask("query", {"query": query, "time": f"{at:.3f}"}))

    async def exemplars(self, query: str, start: float, end: float) -> list[Series]:
        """Return the exemplars of a query's series."""
        data = await self.ask("query_exemplars", {"query": query, "start": f"{start:.3f}", "end": f"{end:.3f}"})
        return objects(data)

    async def ask(self, path: str, parameters: Mapping[str, Any]) -> Any:
        """Return the `data` of an answer of Prometheus' API, asked once for all that want it now."""
        if not self.address:
            raise Refused("this stack has no Prometheus")
        target = f"/api/v1/{path}?{urlencode(parameters, doseq=True)}"
        now = asyncio.get_running_loop().time()
        kept = self._answers.get(target)
        if kept and self._serves(kept, now):
            self.counts.shared += 1
        else:
            self.counts.sent += 1
            kept = self._answers[target] = (now, asyncio.create_task(self._send(target)))
            self._answers.move_to_end(target)
            self._forget(now)
        return await asyncio.shield(kept[1])

    def _serves(self, kept: Kept, now: float) -> bool:
        """Tell whether an answer is fresh, or still awaited: a slow Prometheus is not asked twice, either."""
        since, answer = kept
        return now - since < self._kept_seconds or not answer.done()

    def _forget(self, now: float) -> None:
        """Drop what is too old to serve; large answers must not stay in memory."""
        while self._answers:
            target, kept = next(iter(self._answers.items()))
            if self._serves(kept, now) and len(self._answers) <= MOST_ANSWERS:
                return
            del self._answers[target]

    @property
    def _name(self) -> str:
        return f"Prometheus at {self.address}"

    async def _send(self, target: str) -> Any:
        async with self._turn:
            if asyncio.get_running_loop().time() < self._given_up_until:
                raise Refused(f"{self._name} does not answer; `devctl why` says why, and it is asked again in a moment")
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    status, body = await get(self.address, target)
            except TimeoutError:
                raise Refused(await self._why_late()) from None
            except OSError:
                raise Refused(f"{self._name} is away; `devctl why` says why") from None
            except h11.RemoteProtocolError:
                raise Refused(f"{self._name} answers no HTTP") from None
        return _data(status, body)

    async def _why_late(self) -> str:
        """Tell a question that takes long from a Prometheus that answers nothing any more."""
        late = f"within {self._timeout_seconds:.0f} s"
        try:
            async with asyncio.timeout(min(SIGN_OF_LIFE_SECONDS, self._timeout_seconds)):
                await get(self.address, "/-/ready")
        except (TimeoutError, OSError, h11.RemoteProtocolError):
            self._given_up_until = asyncio.get_running_loop().time() + GIVEN_UP_SECONDS
            return f"{self._name} does not answer {late}; `devctl why` says why"
        return f"{self._name} does not answer this query {late}; ask for less, or for a shorter time"


def _data(status: int, body: bytes) -> Any:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise Refused(f"Prometheus answers {status} and no JSON") from None
    if not isinstance(answer, dict):
        raise Refused(f"Prometheus answers {status} and no object of JSON")
    if answer.get("status") != "success":
        raise Refused(f"Prometheus refuses the query: {answer.get('error', status)}")
    return answer.get("data")


def _series(data: Any) -> list[Series]:
    """Return series; a scalar answer is one without labels."""
    if not isinstance(data, dict):
        raise Refused("Prometheus answers the query without a result")
    kind, result = data.get("resultType"), data.get("result")
    if kind == "scalar":
        return [{"metric": {}, "value": result}]
    if kind not in ("vector", "matrix"):
        return []
    entries = objects(result)
    samples = [each for each in entries if each.get("value") or each.get("values")]
    if entries and not samples:
        raise Refused("native histograms are not drawn; histogram_quantile() makes values of them")
    return samples


async def get(address: str, target: str) -> tuple[int, bytes]:
    """Return status and body of one GET over a connection of its own, which on loopback costs next to nothing."""
    host, _, port = address.rpartition(":")
    reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    try:
        connection = h11.Connection(h11.CLIENT)
        headers = [("host", address), ("connection", "close"), ("accept", "application/json")]
        sent = connection.send(h11.Request(method="GET", target=target, headers=headers)) or b""
        writer.write(sent + (connection.send(h11.EndOfMessage()) or b""))
        return await _read(connection, reader)
    finally:
        writer.close()


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[int, bytes]:
    status, body = 0, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(1 << 18))
        elif isinstance(event, h11.Response):
            status = event.status_code
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > MOST_BYTES:
                raise Refused(f"Prometheus answers with more than {MOST_BYTES >> 20} MiB; ask for less")
        elif isinstance(event, h11.EndOfMessage | h11.ConnectionClosed):
            return status, bytes(body)
