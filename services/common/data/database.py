"""The database of one service: SQLite by default, PostgreSQL by DATABASE_URL. SQLAlchemy Core only.

It opens transactions and brings the schema up to date; it knows no table but its own version table.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    nullcontext,
    suppress,
)
from importlib import import_module
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind
from sqlalchemy import Engine, Table, event, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.util import await_only

from services.common.runtime import lazy_imports

lazy_imports.load_lazily("sqlalchemy.ext.asyncio")

from sqlalchemy.ext.asyncio.engine import AsyncConnection as AsyncConnection
from sqlalchemy.ext.asyncio.engine import AsyncEngine, AsyncTransaction, create_async_engine

from services.common.data import inline_sqlite
from services.common.runtime import failpoints, telemetry

if TYPE_CHECKING:
    from services.common.runtime.metrics import Metrics
    from services.common.runtime.telemetry import Telemetry

_READ_ONLY = {"shop_read_only": True}
_AFTER_COMMIT, _DELAY = "after_commit", "delay"
_NO_SPAN = frozenset({"BEGIN", "PRAGMA"})
# A wait for a connection or the one writer's turn that is worth a span: where it is shorter, a trace has no gap.
_LONG_WAIT_SECONDS = 0.005
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
        self._migrations = migrations
        # By how many seconds the first statement of a transaction is to take longer.
        self.query_delay: Callable[[], float] = lambda: 0.0
        # SQLite has one writer: ours queue here, in order, instead of polling for its lock.
        self._write_lock: AbstractAsyncContextManager[Any] = asyncio.Lock() if self.is_sqlite else nullcontext()
        self._waits = _Waits(telemetry, metrics, self.engine.dialect.name)
        _watch(self.engine, telemetry, metrics)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that may write; it commits at the end and rolls back on an exception."""
        hooks: list[Callable[[], None]] = []
        async with self._connected(self._write_lock) as connection:
            connection.info[_AFTER_COMMIT] = hooks
            transaction = await self._begin(connection)
            try:
                yield connection
                failpoints.reach("before_commit")
            except BaseException:
                await transaction.rollback()
                raise
            await transaction.commit()
            failpoints.reach("after_commit")
        for hook in hooks:
            hook()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """Open a snapshot to read from; it never waits for a writer."""
        async with self._connected() as connection:
            await connection.execution_options(**_READ_ONLY)
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

        async with self._connected() as connection, connection.begin():
            if not self.is_sqlite:
                await connection.execute(text(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})"))
                await connection.execute(text(f'CREATE SCHEMA IF NOT EXISTS "{self._schema}"'))
            await connection.run_sync(upgrade, self._migrations)

    @asynccontextmanager
    async def _connected(self, lock: AbstractAsyncContextManager[Any] | None = None) -> AsyncIterator[AsyncConnection]:
        """Take a connection; a failure is a DatabaseUnavailableError, whatever the driver raises."""
        async with AsyncExitStack() as held:
            with self._waits.measured():
                if lock is not None:
                    await held.enter_async_context(lock)
                connection = await self._connect(held)
            connection.info[_DELAY] = self.query_delay()
            yield connection

    async def _connect(self, held: AsyncExitStack) -> AsyncConnection:
        try:
            return await held.enter_async_context(self.engine.connect())
        except SQLAlchemyError:
            raise
        except Exception as error:
            raise DatabaseUnavailableError(f"no connection to the database: {error!r}") from error

    async def _begin(self, connection: AsyncConnection) -> AsyncTransaction:
        """Begin, waiting on the event loop for as long as another process writes to the same file."""
        ends_at = time.monotonic() + _WAIT_FOR_WRITER_SECONDS
        while True:
            try:
                return await connection.begin()
            except OperationalError:
                if not self.is_sqlite or time.monotonic() > ends_at:
                    raise
            await asyncio.sleep(random.uniform(0.002, 0.02))  # noqa: S311

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
    engine = create_async_engine("sqlite+aiosqlite:///file", async_creator=lambda: inline_sqlite.connect(path), **_POOL)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _begin_sqlite(connection: Any) -> None:
    """Take the write lock at the start: a lock taken half-way through cannot be waited for."""
    read_only = connection.get_execution_options().get("shop_read_only")
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


class _Waits:
    """Measures how long transactions wait for a connection, and in SQLite for their turn to write."""

    def __init__(self, telemetry_: "Telemetry", metrics: "Metrics", dialect: str) -> None:
        self._tracer, self._attributes = telemetry_.tracer, {"db.system.name": dialect}
        self._seconds = metrics.histogram(
            "db_client_connection_wait_time_seconds", "Time until a transaction had its connection"
        )

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Measure the wait, and show a long one in the trace that is open here."""
        began, started_ns = time.perf_counter(), time.time_ns()
        try:
            yield
        finally:
            seconds = time.perf_counter() - began
            self._seconds.observe(seconds)
            if seconds > _LONG_WAIT_SECONDS and telemetry.current_span().is_recording():
                self._tracer.start_span(
                    "wait for a connection", kind=SpanKind.CLIENT, attributes=self._attributes, start_time=started_ns
                ).end()


def _watch(engine: AsyncEngine, telemetry_: "Telemetry", metrics: "Metrics") -> None:
    """Open a span around every statement and measure it."""
    system = "sqlite" if engine.dialect.name == "sqlite" else "postgresql"
    durations = metrics.histogram(
        "db_client_operation_duration_seconds", "Time of one database statement", ["db_operation_name"]
    )
    tracer = telemetry_.tracer

    def before(connection: Any, _cursor: Any, statement: str, _params: Any, context: Any, _many: bool) -> None:
        operation = statement[: statement.find(" ")].upper() if " " in statement else statement
        attributes = {"db.system.name": system, "db.operation.name": operation, "db.query.text": statement}
        span = None
        if telemetry.current_span().is_recording() and operation not in _NO_SPAN:
            if table := _table(statement):
                attributes["db.collection.name"] = table
            span = telemetry.start(tracer, f"{operation} {table}".strip(), SpanKind.CLIENT, attributes)
        if context is not None:
            context.shop_watch = (operation, span, time.perf_counter())
        if operation not in _NO_SPAN and (delay := connection.info.pop(_DELAY, 0.0)):
            await_only(asyncio.sleep(delay))

    def after(_conn: Any, _cursor: Any, _statement: str, _params: Any, context: Any, _many: bool) -> None:
        _finish(context, None)

    def failed(details: Any) -> None:
        _finish(details.execution_context, details.original_exception)

    def _finish(context: Any, error: BaseException | None) -> None:
        operation, span, began = getattr(context, "shop_watch", ("", None, 0.0))
        if not operation:
            return
        context.shop_watch = ("", None, 0.0)
        durations.labels(operation).observe(time.perf_counter() - began)
        if span is not None:
            if error is not None:
                telemetry.fail(span, type(error).__qualname__, error)
            span.end()

    sync: Engine = engine.sync_engine
    event.listen(sync, "before_cursor_execute", before)
    event.listen(sync, "after_cursor_execute", after)
    event.listen(sync, "handle_error", failed)
    _watch_pool(engine, metrics)


def _watch_pool(engine: AsyncEngine, metrics: "Metrics") -> None:
    used = metrics.gauge("shop_db_pool_connections_used", "Connections of the pool that are in use")
    used.set_function(lambda: float(getattr(engine.pool, "checkedout", int)()))


def _table(statement: str) -> str:
    """Return the first table of a statement, or nothing."""
    for before, table in pairwise(statement.split(None, 40)):
        if before.upper() in {"FROM", "INTO", "UPDATE"}:
            return table.strip('(,"')
    return ""
