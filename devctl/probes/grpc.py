"""Asks a gRPC server by the health protocol of gRPC itself (grpc.health.v1), without TLS."""

from __future__ import annotations

from devctl.core.checks import GrpcCheck
from devctl.http.connection import connected
from devctl.http.http2 import Http2Response, NotHttp2, exchange
from devctl.probes.base import BODY_BYTES, Answer, Target, host_of, port_of
from devctl.wire.grpc import (
    CONTENT_TYPE,
    HEALTH_PATH,
    Code,
    Serving,
    frame,
    health_request,
    health_status,
    status,
    unframe,
)


class GrpcProbe:
    """One call on a connection of its own."""

    def __init__(self, check: GrpcCheck, target: Target) -> None:
        self._host = host_of(target)
        self._authority = f"{target.host}:{port_of(check, target)}"
        self._port = port_of(check, target)
        self._service = check.service
        self._body = frame(health_request(check.service))
        self.describe = f"gRPC health of {f'{check.service} at ' if check.service else ''}{self._authority}"

    async def ask(self) -> Answer:
        """Ask once; good is SERVING."""
        headers = {
            ":authority": self._authority,
            "te": "trailers",
            "content-type": CONTENT_TYPE,
            "user-agent": "devctl-probe",
        }
        async with connected(self._host, self._port) as connection:
            try:
                response = await exchange(connection, HEALTH_PATH, headers, self._body, most_bytes=BODY_BYTES)
                return self._answer(response)
            except NotHttp2 as error:
                return Answer(False, f"no gRPC: {error}")
            except ValueError as error:
                return Answer(False, f"not the answer of a gRPC health service: {error}")

    def _answer(self, response: Http2Response) -> Answer:
        code, message = status(response.trailers or response.headers)
        if code == Code.UNIMPLEMENTED:
            return Answer(False, "the server has no health service (grpc.health.v1)")
        if code == Code.NOT_FOUND:
            return Answer(False, f"its health service knows no {self._service}")
        if code != Code.OK:
            return Answer(False, f"status {code} {message}".rstrip())
        serving = health_status(unframe(response.body))
        name = Serving(serving).name if serving in set(Serving) else f"status {serving}"
        return Answer(serving == Serving.SERVING, name)


PROBE = GrpcProbe
