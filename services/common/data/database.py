"""The database of one service: SQLite by default, PostgreSQL by DATABASE_URL. SQLAlchemy Core only.

It opens transactions and brings the schema up to date; it knows no table but its own version table.
"""

import asyncio
import random
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import (
    AbstractAsyncContextManager,
    asynccontextmanager,
    nullcontext,
    suppress,
)
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, Table, event, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.util import greenlet_spawn

from services.common.runtime import lazy_imports

lazy_imports.load_lazily("sqlalchemy.ext.asyncio")

from sqlalchemy.ext.asyncio.engine import AsyncConnection as AsyncConnection
from sqlalchemy.ext.asyncio.engine import AsyncEngine, create_async_engine

from services.common.data import inline_sqlite
from services.common.data.inline_sqlite import InlineConnection
from services.common.data.observe import DELAY, Turn, Waits, Watch
from services.common.runtime import failpoints

if TYPE_CHECKING:
    from services.common.runtime.metrics import Metrics
    from services.common.runtime.telemetry import Telemetry

_READING, _WRITING = {"shop_begins_with": "BEGIN"}, {"shop_begins_with": "BEGIN IMMEDIATE"}
_AFTER_COMMIT = "after_commit"
_MIGRATION_LOCK = 7305172  # any number that nothing else in the database uses
_WAIT_FOR_WRITER_SECONDS = 4.0  # as long as a request may take
# Parameters of statements may be secrets: they stay out of errors, and so out of logs and spans. Eight connections:
# SQLite has one writer anyway, and seven services share one PostgreSQL, which takes 100 by default.
_POOL: dict[str, Any] = {"pool_size": 8, "max_overflow": 0, "pool_timeout": 2, "hide_parameters": True}


class DatabaseUnavailableError(OSError):
    """No connection can be had now."""


class Database:
    """One service's database."""

    def __init__(
        self, url: str, schema: str, migrations: Path | None, telemetry: "Telemetry", metrics: "Metrics"
    ) -> None:
        self.engine = _engine(url, schema)
        self._schema = schema
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._connection_type = InlineConnection if self.is_sqlite else AsyncConnection
        self._migrations = migrations
        # By how many seconds the first statement of a transaction is to take longer.
        self.query_delay: Callable[[], float] = lambda: 0.0
        self._waits = Waits(telemetry, metrics, self.engine.dialect.name)
        # SQLite has one writer: ours queue here, in order, instead of polling for its lock.
        self._turn: AbstractAsyncContextManager[Any] = Turn(self._waits) if self.is_sqlite else nullcontext()
        Watch(telemetry, metrics, self.engine.dialect.name).listen(self.engine.sync_engine)
        _watch_pool(self.engine, metrics)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that may write; it commits at the end and rolls back on an exception."""
        hooks: list[Callable[[], None]] = []
        async with self._turn, self._begun(_WRITING) as connection:
            info = connection.info
            info[_AFTER_COMMIT], info[DELAY] = hooks, self.query_delay()
            yield connection
            failpoints.reach("before_commit")
            await connection.commit()
            failpoints.reach("after_commit")
        for hook in hooks:
            hook()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Open a snapshot to read from; it never waits for a writer."""
        async with self._begun(_READING) as connection:
            connection.info[DELAY] = self.query_delay()
            yield connection

    async def answers(self) -> bool:
        """Say whether the database can be read now."""
        try:
            async with asyncio.timeout(2), self.reading() as connection:
                await connection.execute(text("SELECT 1"))
        except (OSError, TimeoutError, DBAPIError):
            return False
        return True

    async def migrate(self) -> None:
        """Bring the schema to the newest revision; costs one query when it is there already."""
        if self._migrations is None or await self._revision() == _newest(self._migrations):
            return
        from services.common.data.migrate import upgrade

        async with self._begun(_WRITING) as connection:
            if not self.is_sqlite:
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"'))
            await connection.run_sync(upgrade, self._migrations)
            await connection.commit()

    @asynccontextmanager
    async def _begun(self, options: Mapping[str, Any]) -> AsyncIterator[AsyncConnection]:
        """Take a connection and begin; whatever is not committed is rolled back at the end."""
        with self._waits.measured():
            connection = self._connection_type(self.engine, await self._begin(options))
        try:
            yield connection
        finally:
            await self._release(connection)

    async def _begin(self, options: Mapping[str, Any]) -> Connection:
        """Begin, waiting on the event loop for as long as another process writes to the same file."""
        ends_at = time.monotonic() + _WAIT_FOR_WRITER_SECONDS
        while True:
            try:
                return await greenlet_spawn(_begin, self.engine.sync_engine, options)
            except OperationalError:
                if not self.is_sqlite or time.monotonic() > ends_at:
                    raise
            except SQLAlchemyError:
                raise
            except Exception as error:
                raise DatabaseUnavailableError(f"no connection to the database: {error!r}") from error
            await asyncio.sleep(random.uniform(0.002, 0.02))  # noqa: S311

    async def _release(self, connection: AsyncConnection) -> None:
        """Give the connection back. With a server that takes a while, which no cancellation may cut short."""
        released = connection.close()
        await (released if self.is_sqlite else asyncio.shield(asyncio.create_task(released)))

    async def close(self) -> None:
        """Close every connection."""
        await self.engine.dispose()

    async def _revision(self) -> str:
        with suppress(OperationalError, ProgrammingError):
            async with self.reading() as connection:
                return str(await connection.scalar(text("SELECT version_num FROM alembic_version")))
        return ""


def after_commit(connection: AsyncConnection, hook: Callable[[], None]) -> None:
    """Call a function once the transaction of this connection is committed; never after a rollback."""
    connection.info[_AFTER_COMMIT].append(hook)


def is_transient(error: BaseException) -> bool:
    """Say whether a failure lies with the database's state and not with the data: worth another try."""
    return isinstance(error, OperationalError | OSError | TimeoutError | PoolTimeoutError) or (
        isinstance(error, DBAPIError) and (error.connection_invalidated or _is_conflict(error))
    )


def is_unavailable(error: BaseException) -> bool:
    """Say whether the database is away, busy or out of connections."""
    return isinstance(error, DBAPIError | PoolTimeoutError | DatabaseUnavailableError) and is_transient(error)


def _is_conflict(error: DBAPIError) -> bool:
    """Recognise PostgreSQL's serialisation failures, deadlocks and shutdowns by their SQLSTATE class."""
    state = str(getattr(error.orig, "sqlstate", "") or "")
    return state[:2] in {"40", "53", "57", "08"}


def _newest(migrations: Path) -> str:
    """Return the highest revision, which is the first word of its file's name."""
    return max(path.name.split("_")[0] for path in (migrations / "versions").glob("[0-9]*_*.py"))


def dialect_insert(connection: AsyncConnection | AsyncEngine, table: Table) -> Any:
    """Return an INSERT that knows `on conflict`, which each dialect has of its own; only the one in use is loaded."""
    return import_module(f"sqlalchemy.dialects.{connection.dialect.name}").insert(table)


def _engine(url: str, schema: str) -> AsyncEngine:
    """Make the engine; in PostgreSQL each service has a schema of its own, so that all may share a server."""
    if not url.startswith("sqlite"):
        driver = "postgresql+asyncpg://"
        full = driver + url.split("://", 1)[1]
        return create_async_engine(
            full,
            **_POOL,
            pool_pre_ping=True,
            connect_args={"timeout": 3, "server_settings": {"search_path": schema}},
        )
    path = Path(url.partition(":///")[2])
    engine = create_async_engine("sqlite+aiosqlite:///file", creator=lambda: inline_sqlite.connect(path), **_POOL)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _begin(engine: Engine, options: Mapping[str, Any]) -> Connection:
    """Connect and begin in one step: each switch to SQLAlchemy's synchronous side costs as much as a statement."""
    connection = engine.connect()
    try:
        connection.execution_options(**options).begin()
    except BaseException:
        connection.close()
        raise
    return connection


def _begin_sqlite(connection: Connection) -> None:
    """Take a writer's lock at the start: a lock taken half-way through cannot be waited for."""
    statement = (_WRITING | connection.get_execution_options())["shop_begins_with"]
    try:
        connection.connection.dbapi_connection.execute(statement)  # type: ignore[union-attr]
    except sqlite3.OperationalError as error:
        raise OperationalError(statement, None, error) from error


def _watch_pool(engine: AsyncEngine, metrics: "Metrics") -> None:
    used = metrics.gauge("shop_db_pool_connections_used", "Connections of the pool that are in use")
    used.set_function(lambda: float(getattr(engine.pool, "checkedout", int)()))
