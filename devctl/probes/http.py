"""Asks a path by HTTP/1.1. Reads the status and a capped part of the body; follows nothing, trusts nothing."""

from __future__ import annotations

import asyncio
import contextlib

from devctl.core.checks import HttpCheck
from devctl.http.client import Response, exchange
from devctl.http.connection import connected
from devctl.http.message import NotHttp, request_bytes
from devctl.probes.base import BODY_BYTES, Answer, Target, host_of, noted, port_of, shorten

_BODY_SECONDS = 0.2  # a server that writes head and body apart takes milliseconds


class HttpProbe:
    """One GET, on a connection of its own."""

    def __init__(self, check: HttpCheck, target: Target) -> None:
        self._host = host_of(target)
        self._port = port_of(check, target)
        self._accepted = check.status
        self._request = _request(check, f"{target.host}:{self._port}")
        self.describe = f"GET http://{target.host}:{self._port}{check.path}"

    async def ask(self) -> Answer:
        """Ask once; good is a status that the check accepts."""
        async with connected(self._host, self._port) as connection:
            try:
                response = await exchange(connection, self._request)
            except NotHttp as error:
                return Answer(False, f"not HTTP: {shorten(error.received)}")
            status = response.head.status
            is_good = status in self._accepted if self._accepted else 200 <= status < 400
            body = await (_begin(response) if is_good else response.read(BODY_BYTES))
            return Answer(is_good, noted(f"{status} {shorten(body)}".rstrip(), connection))


PROBE = HttpProbe


async def _begin(response: Response) -> bytes:
    """Return the body of a good answer, or what of it comes soon: a body without end is no reason to be unhealthy."""
    with contextlib.suppress(TimeoutError, OSError):
        async with asyncio.timeout(_BODY_SECONDS):
            return await response.read(BODY_BYTES)
    return response.body


def _request(check: HttpCheck, authority: str) -> bytes:
    headers = {"Host": authority, "User-Agent": "devctl-probe", "Accept": "*/*", **check.headers, "Connection": "close"}
    try:
        return request_bytes("GET", check.path, headers)
    except ValueError as error:
        raise OSError(str(error)) from error
