"""SQLite for SQLAlchemy's asyncio engine without a thread and without switching between coroutines.

A statement on a local file takes some ten microseconds, a round trip to a thread fifty, and SQLAlchemy makes seven of
them for each statement. So statements run on the event loop, in the standard library's own connection. What may take
long, waiting for another writer, is not done here: `database.py` lets one writer in at a time and tries again when
another process holds the file.
"""

import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sqlalchemy import CursorResult, Executable
from sqlalchemy.ext.asyncio.engine import AsyncConnection
from sqlalchemy.util import greenlet_spawn

from services.common.data.observe import DELAY

# How long SQLite itself may wait for another process's short lock; longer waits belong to the event loop.
BUSY_SECONDS = 0.02
# What is deleted is overwritten, not only unlinked: a deleted account is gone from the file as well.
_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-4000", "secure_delete=ON")


class Connection(sqlite3.Connection):
    """A connection with what SQLAlchemy's asyncio dialect asks of one beside the standard interface."""

    def terminate(self) -> None:
        """Close the file at once."""
        self.close()


def connect(path: Path) -> Connection:
    """Open the file; it is left to the caller to begin transactions."""
    connection = sqlite3.connect(
        path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, factory=Connection
    )
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


class InlineConnection(AsyncConnection):
    """An asynchronous connection whose statements run at once: nothing in them waits, but for a fault on demand."""

    async def execute(
        self, statement: Executable, parameters: Any = None, *, execution_options: Mapping[str, Any] | None = None
    ) -> CursorResult[Any]:
        """Run a statement."""
        connection = self._proxied
        if connection.info.get(DELAY):
            return await greenlet_spawn(connection.execute, statement, parameters, execution_options=execution_options)
        return connection.execute(statement, parameters, execution_options=execution_options)

    async def exec_driver_sql(
        self, statement: str, parameters: Any = None, execution_options: Mapping[str, Any] | None = None
    ) -> CursorResult[Any]:
        """Run a statement in SQLite's own words."""
        return self._proxied.exec_driver_sql(statement, parameters, execution_options)

    async def commit(self) -> None:
        """Commit."""
        self._proxied.commit()

    async def close(self) -> None:
        """Roll back what is not committed, and give the connection back."""
        self._proxied.close()
