"""What the SQL stores of the services share: their own kind of transaction, plain reads, upserts, work that is due."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import Executable, Row, Select, Table, select

from services.common.data.database import AsyncConnection, Database, dialect_insert

Tx = TypeVar("Tx", covariant=True)


class SqlStore(ABC, Generic[Tx]):
    """A service's database as its handlers see it: transactions of the service's own kind, and reads without a lock."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Tx]:
        """Begin a transaction that commits at the end of the block unless it raised."""
        async with self._database.transaction() as connection:
            yield self.on(connection)

    @abstractmethod
    def on(self, connection: AsyncConnection) -> Tx:
        """Work in a transaction that somebody else opened."""

    async def _rows(self, query: Executable) -> Sequence[Row[*tuple[Any, ...]]]:
        async with self._database.reading() as connection:
            return (await connection.execute(query)).all()

    async def _first(
        self, query: Executable, parameters: Mapping[str, Any] | None = None
    ) -> Row[*tuple[Any, ...]] | None:
        async with self._database.reading() as connection:
            return (await connection.execute(query, parameters)).first()


def due_rows(table: Table, now: datetime, limit: int) -> Select[Any]:
    """Select and lock the rows whose `due_at` has come, the oldest first; what another replica holds is skipped."""
    return (
        select(table)
        .where(table.c.due_at <= now)
        .order_by(table.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )


async def upsert(
    connection: AsyncConnection,
    table: Table,
    key: Mapping[str, Any],
    values: Mapping[str, Any],
    only_new: Mapping[str, Any] | None = None,
) -> None:
    """Insert a row under its key, or write `values` over the one that is there; `only_new` is for a new row alone."""
    new = dialect_insert(connection, table).values(**key, **values, **(only_new or {}))
    await connection.execute(new.on_conflict_do_update(index_elements=list(key), set_=dict(values)))
