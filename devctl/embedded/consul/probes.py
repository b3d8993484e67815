"""The checks that an agent runs itself: HTTP, TCP, and the clock of a TTL. Each tells its result to one callable."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PASSING, WARNING, CRITICAL = "passing", "warning", "critical"
DEFAULT_TIMEOUT_SECONDS = 10.0
MOST_OUTPUT_BYTES = 4096
FIRST_AFTER_SECONDS = 0.05
_WARNING_STATUS = 429

Report = Callable[[str, str], None]


@dataclass(frozen=True)
class Check:
    """What to look at, how often, and how many answers it takes to change one's mind."""

    kind: str
    target: str = ""
    interval: float = 0.0
    timeout: float = 0.0
    method: str = "GET"
    headers: dict[str, list[str]] = field(default_factory=dict)
    body: str = ""
    skip_verify: bool = False
    successes_before_passing: int = 0
    failures_before_warning: int = 0
    failures_before_critical: int = 0
    deregister_after: float = 0.0


async def repeat(check: Check, status: str, report: Report) -> None:
    """Look again and again, and report every result; never ends by itself."""
    judge = Judge(check, status)
    await asyncio.sleep(FIRST_AFTER_SECONDS)
    while True:
        found, output = await look(check)
        report(judge.judge(found), output)
        await asyncio.sleep(check.interval)


class Judge:
    """Keeps the last status until enough answers in a row say otherwise."""

    def __init__(self, check: Check, status: str) -> None:
        self._check = check
        self._status = status
        self._good = self._bad = 0

    def judge(self, found: str) -> str:
        """Take one answer; give the status that counts now."""
        if found in (PASSING, WARNING):
            self._good, self._bad = self._good + 1, 0
            if self._good > self._check.successes_before_passing or self._status == found:
                self._status = found
        else:
            self._good, self._bad = 0, self._bad + 1
            if self._bad > max(self._check.failures_before_critical, 0):
                self._status = CRITICAL
            elif self._bad > self._check.failures_before_warning > 0:
                self._status = WARNING
        return self._status


async def look(check: Check) -> tuple[str, str]:
    """Ask once; give status and what was seen."""
    timeout = check.timeout or DEFAULT_TIMEOUT_SECONDS
    try:
        async with asyncio.timeout(timeout):
            return await (_http(check) if check.kind == "http" else _tcp(check.target))
    except TimeoutError:
        return CRITICAL, f'{_doing(check)} "{check.target}": no answer within {timeout:g} s'
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as failure:
        return CRITICAL, f'{_doing(check)} "{check.target}": {_reason(failure)}'


def _doing(check: Check) -> str:
    return check.method.capitalize() if check.kind == "http" else "dial tcp"


def _reason(failure: Exception) -> str:
    return "connection refused" if isinstance(failure, ConnectionRefusedError) else str(failure)


async def _tcp(target: str) -> tuple[str, str]:
    host, _, port = target.rpartition(":")
    _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    writer.close()
    return PASSING, f"TCP connect {target}: Success"


async def _http(check: Check) -> tuple[str, str]:
    url = urlsplit(check.target)
    secure = _tls(check) if url.scheme == "https" else None
    port = url.port or (443 if secure else 80)
    reader, writer = await asyncio.open_connection(url.hostname, port, ssl=secure, limit=1 << 16)
    try:
        writer.write(_request(check, url.netloc, (url.path or "/") + (f"?{url.query}" if url.query else "")))
        status_line = (await reader.readline()).decode("latin-1").split(maxsplit=2)
        if len(status_line) < 2 or not status_line[1].isdecimal():
            raise ValueError("the answer is not HTTP")
        await reader.readuntil(b"\r\n\r\n")
        body = b""
        while len(body) < MOST_OUTPUT_BYTES and (piece := await reader.read(MOST_OUTPUT_BYTES)):
            body += piece
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
    shown = body[:MOST_OUTPUT_BYTES].decode(errors="replace")
    output = f"HTTP {check.method} {check.target}: {' '.join(status_line[1:]).strip()} Output: {shown}"
    return _judged(int(status_line[1])), output


def _judged(status: int) -> str:
    if 200 <= status <= 299:
        return PASSING
    return WARNING if status == _WARNING_STATUS else CRITICAL


def _request(check: Check, host: str, path: str) -> bytes:
    headers = {"Host": host, "User-Agent": "Consul Health Check", "Accept": "text/plain, text/*, */*"}
    headers |= {name: ", ".join(values) for name, values in check.headers.items()}
    headers |= {"Connection": "close", "Content-Length": str(len(check.body.encode()))}
    lines = [f"{check.method} {path} HTTP/1.0", *(f"{name}: {value}" for name, value in headers.items())]
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header holds a line break")
    return "\r\n".join(lines).encode("latin-1", "replace") + b"\r\n\r\n" + check.body.encode()


def _tls(check: Check) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if check.skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
