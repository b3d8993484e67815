"""SQLite for SQLAlchemy's asyncio engine without a thread.

A statement on a local file takes some ten microseconds, a round trip to a thread fifty, and SQLAlchemy makes seven of
them for each statement. So statements run on the event loop. What may take long, waiting for another
writer, is not done here: `db.py` lets one writer in at a time and tries again when another process holds the file.
"""

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# How long SQLite itself may wait for another process's short lock; longer waits belong to the event loop.
BUSY_SECONDS = 0.02
# What is deleted is overwritten, not only unlinked: a deleted account is gone from the file as well.
_PRAGMAS = ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "cache_size=-4000", "secure_delete=ON")


class Cursor:
    """The part of an asynchronous cursor that SQLAlchemy uses."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        self.arraysize = 1

    async def __aenter__(self) -> "Cursor":
        return self

    @property
    def description(self) -> Any:
        """Return the columns of the result."""
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        """Return how many rows were changed."""
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        """Return the key of the row that was added last."""
        return self._cursor.lastrowid

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement."""
        self._cursor.execute(statement, parameters)

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each row of parameters."""
        self._cursor.executemany(statement, parameters)

    async def fetchall(self) -> list[Any]:
        """Return all rows."""
        return self._cursor.fetchall()

    async def close(self) -> None:
        """Close the cursor."""
        self._cursor.close()


class Connection:
    """The part of an asynchronous connection that SQLAlchemy uses."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        # The name is the one that the dialect asks for, to see whether the connection is still open.
        self._connection: sqlite3.Connection | None = connection

    def cursor(self) -> Cursor:
        """Return a cursor."""
        return Cursor(self._open().cursor())

    async def create_function(self, name: str, count: int, function: Any, **options: Any) -> None:
        """Add a function of our own to SQL."""
        self._open().create_function(name, count, function, **options)

    async def commit(self) -> None:
        """Commit."""
        self._open().commit()

    async def rollback(self) -> None:
        """Roll back."""
        self._open().rollback()

    async def close(self) -> None:
        """Close the file."""
        self.stop()

    def stop(self) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.ProgrammingError("the connection is closed")
        return self._connection


async def connect(path: Path) -> Connection:
    """Open the file; it is left to the caller to begin transactions."""
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return Connection(connection)
