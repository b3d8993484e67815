"""Asks a path by HTTP/1.1. Reads the status and a capped part of the body; follows nothing, trusts nothing."""

from __future__ import annotations

from devctl.core.checks import HttpCheck
from devctl.http.client import exchange
from devctl.http.connection import connected
from devctl.http.message import NotHttp, request_bytes
from devctl.probes.base import BODY_BYTES, Answer, Target, port_of, shorten


class HttpProbe:
    """One GET, on a connection of its own."""

    def __init__(self, check: HttpCheck, target: Target) -> None:
        self._host = target.host
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
            body = response.body if is_good else await response.read(BODY_BYTES)
            return Answer(is_good, f"{status} {shorten(body)}".rstrip())


PROBE = HttpProbe


def _request(check: HttpCheck, authority: str) -> bytes:
    headers = {"Host": authority, "User-Agent": "devctl-probe", "Accept": "*/*", **check.headers, "Connection": "close"}
    try:
        return request_bytes("GET", check.path, headers)
    except ValueError as error:
        raise OSError(str(error)) from error
