"""The checks that an agent runs itself: HTTP, TCP, and the clock of a TTL. Each tells its result to one callable."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

PASSING, WARNING, CRITICAL = "passing", "warning", "critical"
DEFAULT_TIMEOUT_SECONDS = 10.0
MOST_OUTPUT_BYTES = 4096
MOST_ANSWER_BYTES = 16_384
FIRST_AFTER_SECONDS = 0.05
_WARNING_STATUS = 429
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d{1,9})\s*(?:\r|$)", re.IGNORECASE)

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
    except (OSError, ValueError) as failure:
        return CRITICAL, f'{_doing(check)} "{check.target}": {_reason(failure)}'


def _doing(check: Check) -> str:
    return check.method.capitalize() if check.kind == "http" else "dial tcp"


def _reason(failure: Exception) -> str:
    return "connection refused" if isinstance(failure, ConnectionRefusedError) else str(failure)


async def _tcp(target: str) -> tuple[str, str]:
    host, _, port = target.rpartition(":")
    with _socket(host.strip("[]")) as connection:
        await asyncio.get_running_loop().sock_connect(connection, (host.strip("[]"), int(port)))
    return PASSING, f"TCP connect {target}: Success"


async def _http(check: Check) -> tuple[str, str]:
    url = urlsplit(check.target)
    path = (url.path or "/") + (f"?{url.query}" if url.query else "")
    request = _request(check, url.netloc, path)
    if url.scheme == "https":
        answer = await _over_tls(check, url.hostname or "", url.port or 443, request)
    else:
        answer = await _plainly(url.hostname or "", url.port or 80, request)
    head, _, body = answer.partition(b"\r\n\r\n")
    status = head.split(b"\r\n")[0].decode("latin-1").split(maxsplit=2)
    if len(status) < 2 or not status[0].startswith("HTTP/") or not status[1].isdecimal():
        raise ValueError("the answer is not HTTP")
    shown = body[:MOST_OUTPUT_BYTES].decode(errors="replace")
    return _judged(int(status[1])), f"HTTP {check.method} {check.target}: {' '.join(status[1:])} Output: {shown}"


async def _plainly(host: str, port: int, request: bytes) -> bytes:
    """Send a request and give what comes back; straight on the socket, since checks are most of what an agent does."""
    loop = asyncio.get_running_loop()
    with _socket(host) as connection:
        await loop.sock_connect(connection, (host, port))
        await loop.sock_sendall(connection, request)
        answer = b""
        while not _whole(answer) and (piece := await loop.sock_recv(connection, MOST_ANSWER_BYTES)):
            answer += piece
    return answer


async def _over_tls(check: Check, host: str, port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection(host, port, ssl=_tls(check))
    try:
        writer.write(request)
        answer = b""
        while not _whole(answer) and (piece := await reader.read(MOST_ANSWER_BYTES)):
            answer += piece
    finally:
        writer.close()
        with contextlib.suppress(OSError, ssl.SSLError):
            await writer.wait_closed()
    return answer


def _whole(answer: bytes) -> bool:
    """Tell whether nothing more is needed, also of a server that does not close."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = _LENGTH.search(head) if end else None
    return len(answer) >= MOST_ANSWER_BYTES or (length is not None and len(body) >= int(length[1]))


def _socket(host: str) -> socket.socket:
    connection = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    connection.setblocking(False)
    return connection


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
