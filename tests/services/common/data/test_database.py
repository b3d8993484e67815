"""A database that is away or slow, as those see it who want something of it."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from sqlalchemy import text

from services.common.data.database import Database, DatabaseUnavailableError, is_transient
from services.common.events.broker import NoBroker
from services.common.runtime import telemetry
from services.common.runtime.metrics import Metrics
from services.common.runtime.settings import Environment, Settings
from services.common.runtime.telemetry import Telemetry
from services.common.service import Runtime, Service, asgi
from tests.services.processes import free_port


@contextlib.contextmanager
def _hangs() -> Iterator[int]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield int(listening.getsockname()[1])


@contextlib.contextmanager
def _is_gone() -> Iterator[int]:
    yield free_port()


def _build(runtime: Runtime) -> FastAPI:
    app = runtime.application("Thing")

    @app.get("/things")
    async def things() -> int:
        async with runtime.database.reading() as connection:
            return int(await connection.scalar(text("SELECT 1")) or 0)

    return app


@pytest.mark.parametrize("server", [_is_gone, _hangs])
async def test_a_database_that_is_away_or_hangs_makes_a_503_in_time(
    tmp_path: Path, server: Callable[[], contextlib.AbstractContextManager[int]]
) -> None:
    with server() as port:
        url = f"postgresql://nobody@127.0.0.1:{port}/none"
        env = Environment({"DATABASE_URL": url, "DATA_DIR": str(tmp_path), "SHOP_SECRETS": str(tmp_path)})
        service = Service("thing", _build, migrations=tmp_path)
        runtime = Runtime(service, Settings.read("thing", env), broker=NoBroker())
        transport = httpx.ASGITransport(asgi(service, runtime), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://thing") as client:
            for path in ("/things", "/health/ready"):
                began = time.monotonic()
                answer = await client.get(path)
                assert (answer.status_code, time.monotonic() - began < 5) == (503, True), answer.text
                assert path != "/things" or int(answer.headers["retry-after"]) >= 1
        with pytest.raises(DatabaseUnavailableError) as caught:
            async with runtime.database.transaction():
                pass
        assert is_transient(caught.value)
        await runtime.database.close()


async def test_a_slow_query_is_slow_in_its_span_and_its_metric(tmp_path: Path) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer, metrics = provider.get_tracer("test"), Metrics(with_process=False)
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db", "x", None, Telemetry(tracer), metrics)
    database.query_delay = lambda: 0.05
    with telemetry.entered(tracer.start_span("GET /things")):
        async with database.transaction() as connection:
            await connection.execute(text("CREATE TABLE things (id INTEGER)"))
            await connection.execute(text("INSERT INTO things VALUES (1)"))
        async with database.reading() as connection:
            await connection.execute(text("SELECT id FROM things"))
    await database.close()
    provider.shutdown()
    seconds = {span.name: _seconds(span) for span in exporter.get_finished_spans()}
    assert seconds["CREATE"] >= 0.05
    assert seconds["INSERT things"] < 0.05  # one query of the transaction is slow
    assert seconds["SELECT things"] >= 0.05
    for operation in ("CREATE", "SELECT"):
        measured = metrics.registry.get_sample_value(
            "db_client_operation_duration_seconds_sum", {"db_operation_name": operation}
        )
        assert measured is not None
        assert measured >= 0.05


async def test_who_waits_for_a_turn_to_write_shows_it_in_the_trace_and_in_a_metric(tmp_path: Path) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer, metrics = provider.get_tracer("test"), Metrics(with_process=False)
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db", "x", None, Telemetry(tracer), metrics)
    database.query_delay = lambda: 0.05

    async def write(name: str) -> None:
        with telemetry.entered(tracer.start_span(name)):
            async with database.transaction() as connection:
                await connection.execute(text("SELECT 1"))

    await asyncio.gather(write("first"), write("second"))
    await database.close()
    provider.shutdown()
    waits = [_seconds(span) for span in exporter.get_finished_spans() if span.name == "wait for a connection"]
    assert max(waits) >= 0.04
    waited = metrics.registry.get_sample_value("db_client_connection_wait_time_seconds_sum")
    assert waited is not None
    assert waited >= 0.04


def _seconds(span: ReadableSpan) -> float:
    assert span.start_time is not None
    assert span.end_time is not None
    return (span.end_time - span.start_time) / 1e9
