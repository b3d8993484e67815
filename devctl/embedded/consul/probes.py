"""The checks that an agent runs itself: HTTP, TCP, and the clock of a TTL. Each tells its result to one callable."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from devctl.http.client import exchange
from devctl.http.connection import connected, connected_securely
from devctl.http.message import request_bytes

PASSING, WARNING, CRITICAL = "passing", "warning", "critical"
DEFAULT_TIMEOUT_SECONDS = 10.0
MOST_OUTPUT_BYTES = 4096
MOST_ANSWER_BYTES = 16_384
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
        status, output = await look(check)
        report(judge.judge(status), output)
        await asyncio.sleep(check.interval)


class Judge:
    """Keeps the last status until enough answers in a row say otherwise."""

    def __init__(self, check: Check, status: str) -> None:
        self._check = check
        self._status = status
        self._good = self._bad = 0

    def judge(self, status: str) -> str:
        """Count one answer and return the status that holds now."""
        if status in (PASSING, WARNING):
            self._good, self._bad = self._good + 1, 0
            if self._good > self._check.successes_before_passing or self._status == status:
                self._status = status
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
    async with connected(host.strip("[]"), int(port)):
        return PASSING, f"TCP connect {target}: Success"


async def _http(check: Check) -> tuple[str, str]:
    url = urlsplit(check.target)
    host = url.hostname or ""
    if url.scheme == "https":
        connecting = connected_securely(host, url.port or 443, _tls(check))
    else:
        connecting = connected(host, url.port or 80)
    async with connecting as connection:
        response = await exchange(connection, _request(check, url.netloc, url.path, url.query))
        body = await response.read(MOST_ANSWER_BYTES)
    status = f"{response.head.status} {response.head.reason}".rstrip()
    output = body[:MOST_OUTPUT_BYTES].decode(errors="replace")
    return _judged(response.head.status), f"HTTP {check.method} {check.target}: {status} Output: {output}"


def _judged(status: int) -> str:
    if 200 <= status <= 299:
        return PASSING
    return WARNING if status == _WARNING_STATUS else CRITICAL


def _request(check: Check, host: str, path: str, query: str) -> bytes:
    headers = {"Host": host, "User-Agent": "Consul Health Check", "Accept": "text/plain, text/*, */*"}
    headers |= {name: ", ".join(values) for name, values in check.headers.items()}
    target = (path or "/") + (f"?{query}" if query else "")
    return request_bytes(check.method, target, {**headers, "Connection": "close"}, check.body.encode())


def _tls(check: Check) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if check.skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
