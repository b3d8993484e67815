"""A database that is away, as those see it who want something of it."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text

from services.common.data.database import DatabaseUnavailableError, is_transient
from services.common.events.broker import NoBroker
from services.common.runtime.settings import Environment, Settings
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
