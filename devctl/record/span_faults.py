"""What an exception of the writer of spans means for what it was to write."""

from __future__ import annotations

import sqlite3

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_damage(error: Exception) -> bool:
    """Tell whether the file itself is broken, so that only another one will do."""
    return isinstance(error, sqlite3.Error) and _primary_code(error) in _DAMAGED


def is_of_the_file(error: Exception) -> bool:
    """Tell whether file, disk or lock is at fault, so that the same spans may be taken later.

    What is left lies in the spans or in devctl, and the same try would fail again.
    """
    is_operational = isinstance(error, sqlite3.OperationalError) and _primary_code(error) != sqlite3.SQLITE_ERROR
    return is_operational or is_damage(error)


def _primary_code(error: sqlite3.Error) -> int:
    """Return the result code without the bits that say more (SQLite: "Result and Error Codes")."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
