"""What waits to be passed on, in the file of the spans: a batch stays until every exporter has taken or dropped it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an exporter has before it: batches' spans and bytes, and when the oldest was queued (0: none is)."""

    spans: int = 0
    bytes: int = 0
    oldest_ns: int = 0


class OutgoingBatches:
    """The batches that exporters have before them, and how far each has come; of the thread that owns the file."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def queue(self, body: bytes, spans: int, queued_ns: int) -> int:
        """Keep a batch for the exporters within the open transaction and return its number."""
        spans_before, bytes_before = self._queued()
        cursor = self._db.execute(
            "INSERT INTO outgoing (spans, queued_ns, spans_before, bytes_before, body) VALUES (?, ?, ?, ?, ?)",
            (spans, queued_ns, spans_before, bytes_before, body),
        )
        return int(cursor.lastrowid or 0)

    def _queued(self) -> tuple[int, int]:
        """Return how many spans and bytes were ever queued; both begin again when nothing waits."""
        row = self._db.execute(
            "SELECT spans_before + spans, bytes_before + length(body) FROM outgoing ORDER BY id DESC LIMIT 1"
        ).fetchone()
        return row or (0, 0)

    def cursor(self, exporter: str) -> int:
        """Return the number of the last batch this exporter is done with; a new exporter begins at the end."""
        row = self._db.execute("SELECT last FROM cursors WHERE exporter = ?", (exporter,)).fetchone()
        if row is None:
            row = self._db.execute("SELECT max(seq) FROM sqlite_sequence WHERE name = 'outgoing'").fetchone()
            self._db.execute("INSERT INTO cursors VALUES (?, ?)", (exporter, row[0] or 0))
        return int(row[0] or 0)

    def waiting(self, after: int) -> Waiting:
        """Return how much waits after a cursor."""
        first = self._db.execute(
            "SELECT spans_before, bytes_before, queued_ns FROM outgoing WHERE id > ? ORDER BY id LIMIT 1", (after,)
        ).fetchone()
        if first is None:
            return Waiting()
        spans, size = self._queued()
        return Waiting(spans - first[0], size - first[1], first[2])

    def batches(self, after: int, most: int) -> list[tuple[int, int]]:
        """Return (number, spans) of at most so many batches after a cursor, oldest first."""
        return list(self._db.execute("SELECT id, spans FROM outgoing WHERE id > ? ORDER BY id LIMIT ?", (after, most)))

    def body(self, number: int) -> bytes:
        """Return the OTLP request of a waiting batch, empty when it is gone."""
        row = self._db.execute("SELECT body FROM outgoing WHERE id = ?", (number,)).fetchone()
        return bytes(row[0]) if row else b""

    def advance(self, exporter: str, number: int) -> None:
        """Move an exporter's cursor within the open transaction and delete what nobody waits for any more."""
        self._db.execute("UPDATE cursors SET last = ? WHERE exporter = ?", (number, exporter))
        self._db.execute("DELETE FROM outgoing WHERE id <= (SELECT min(last) FROM cursors)")

    def forget_exporters(self, keep: Iterable[str]) -> None:
        """Drop the cursors of exporters that are configured no longer, so that they hold nothing back."""
        kept = list(keep)
        self._db.execute(f"DELETE FROM cursors WHERE exporter NOT IN ({','.join('?' * len(kept))})", kept)
        if not kept:
            self._db.execute("DELETE FROM outgoing")
