"""The gRPC probe against the health service of gRPC's own implementation, and against servers that have none."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from devctl.core.checks import GrpcCheck
from devctl.probes.base import Answer, Target, ask
from devctl.probes.kinds import probe

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@pytest.fixture
async def server() -> AsyncIterator[tuple[grpc.Server, int]]:
    """A server of grpcio on a free port, without services so far."""
    made = grpc.server(ThreadPoolExecutor(2))
    port = made.add_insecure_port("127.0.0.1:0")
    made.start()
    yield made, port
    await asyncio.to_thread(made.stop(None).wait)


async def answer_of(port: int, service: str = "") -> Answer:
    return await ask(probe(GrpcCheck(port="grpc", service=service), Target("a.1", {"grpc": port})), 5.0)


@pytest.mark.parametrize(
    ("service", "is_good", "text"),
    [
        ("", True, "SERVING"),
        ("shop.v1.Orders", True, "SERVING"),
        ("shop.v1.Carts", False, "NOT_SERVING"),
        ("shop.v1.Nobody", False, "its health service knows no shop.v1.Nobody"),
    ],
)
async def test_a_server_is_good_when_it_says_serving(
    server: tuple[grpc.Server, int], service: str, is_good: bool, text: str
) -> None:
    states = health.HealthServicer()
    states.set("shop.v1.Orders", SERVING)
    states.set("shop.v1.Carts", NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(states, server[0])
    answer = await answer_of(server[1], service)
    assert (answer.is_good, answer.text) == (is_good, text)


async def test_a_server_without_a_health_service_says_so(server: tuple[grpc.Server, int]) -> None:
    assert (await answer_of(server[1])).text == "the server has no health service (grpc.health.v1)"


@pytest.mark.parametrize("received", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\x00" * 64, b""])
async def test_what_speaks_no_http2_is_no_grpc(received: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(24)
        writer.write(received)
        writer.close()

    other = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with other:
        answer = await answer_of(other.sockets[0].getsockname()[1])
    assert (answer.is_good, answer.text.startswith(("no gRPC: ", "connection reset"))) == (False, True)
