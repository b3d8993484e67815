"""What can be seen of a database from outside: a span and a measurement for each statement and each long wait."""

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind
from sqlalchemy import Connection, Engine, event
from sqlalchemy.util import await_only

from services.common.runtime import telemetry

if TYPE_CHECKING:
    from services.common.runtime.metrics import Metrics
    from services.common.runtime.telemetry import Telemetry

# In the connection's `info`: by how many seconds its next statement is to take longer.
DELAY = "delay"
_NO_SPAN = frozenset({"BEGIN", "PRAGMA"})
# A wait for a connection or the one writer's turn that is worth a span: where it is shorter, a trace has no gap.
_LONG_WAIT_SECONDS = 0.005


class Waits:
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


class Turn:
    """The one writer's turn; the wait for it is measured."""

    def __init__(self, waits: Waits) -> None:
        self._lock, self._waits = asyncio.Lock(), waits

    async def __aenter__(self) -> None:
        if not self._lock.locked():  # taken at once, so there is nothing to measure
            await self._lock.acquire()
            return
        with self._waits.measured():
            await self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


@dataclass(frozen=True, slots=True)
class _Described:
    """What spans and metrics say of a statement."""

    operation: str
    name: str
    attributes: Mapping[str, str]


class Watch:
    """Opens a span around every statement and measures it."""

    def __init__(self, telemetry_: "Telemetry", metrics: "Metrics", dialect: str) -> None:
        self._tracer = telemetry_.tracer
        durations = metrics.histogram(
            "db_client_operation_duration_seconds", "Time of one database statement", ["db_operation_name"]
        )
        # A service has some fifty statements: to read each of them once is enough.
        self._described = lru_cache(maxsize=512)(partial(_describe, dialect))
        self._duration = lru_cache(maxsize=None)(durations.labels)

    def listen(self, engine: Engine) -> None:
        """Watch the statements of an engine."""
        event.listen(engine, "before_cursor_execute", self._before)
        event.listen(engine, "after_cursor_execute", self._after)
        event.listen(engine, "handle_error", self._failed)

    def _before(
        self, connection: Connection, _cursor: Any, statement: str, _parameters: Any, context: Any, _many: bool
    ) -> None:
        described, span = self._described(statement), None
        if telemetry.current_span().is_recording() and described.operation not in _NO_SPAN:
            span = telemetry.start(self._tracer, described.name, SpanKind.CLIENT, described.attributes)
        if context is not None:
            context.shop_watch = (described.operation, span, time.perf_counter())
        if described.operation not in _NO_SPAN and (delay := connection.info.pop(DELAY, 0.0)):
            await_only(asyncio.sleep(delay))

    def _after(self, _conn: Any, _cursor: Any, _statement: str, _parameters: Any, context: Any, _many: bool) -> None:
        self._finish(context, None)

    def _failed(self, details: Any) -> None:
        self._finish(details.execution_context, details.original_exception)

    def _finish(self, context: Any, error: BaseException | None) -> None:
        operation, span, began = getattr(context, "shop_watch", ("", None, 0.0))
        if not operation:
            return
        context.shop_watch = ("", None, 0.0)
        self._duration(operation).observe(time.perf_counter() - began)
        if span is not None:
            if error is not None:
                telemetry.fail(span, type(error).__qualname__, error)
            span.end()


def _describe(dialect: str, statement: str) -> _Described:
    operation = statement.split(None, 1)[0].upper()
    table = _table(statement)
    attributes = {"db.system.name": dialect, "db.operation.name": operation, "db.query.text": statement}
    named = {"db.collection.name": table} if table else {}
    return _Described(operation, f"{operation} {table}".strip(), attributes | named)


def _table(statement: str) -> str:
    """Return the first table of a statement, or nothing."""
    for before, table in pairwise(statement.split(None, 40)):
        if before.upper() in {"FROM", "INTO", "UPDATE"}:
            return table.strip('(,"')
    return ""
