"""A stretch of the spans of a run without their contents: who did what for whom, when, for how long, with an error.

Rows are taken by their number, not by time: the cost depends on how many are asked for, not on how many there are.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from devctl.record.spans import PART_BITS

_COLUMNS = "s.id, s.trace, s.span, s.parent, sn.name, op.name, s.kind, s.error, s.start_ns, s.duration_ns"
_JOINS = "CROSS JOIN names sn ON sn.id = s.service CROSS JOIN names op ON op.id = s.operation"


class SpanRow(NamedTuple):
    """One span; ids are bytes, `parent` is empty for a root. `service` and `operation` are empty where only the span
    itself tells (names over the bound of the record)."""

    id: int
    trace: bytes
    span: bytes
    parent: bytes
    service: str
    operation: str
    kind: int
    error: bool
    start_ns: int
    duration_ns: int

    @property
    def end_ns(self) -> int:
        return self.start_ns + self.duration_ns


def newest(path: Path, count: int) -> list[SpanRow]:
    """Return the last `count` spans that arrived, in order of arrival; none where there is no record."""
    return _read(path, "s.id > (SELECT max(id) FROM spans) - ?", [count])


def oldest(path: Path, count: int) -> list[SpanRow]:
    """Return the first `count` spans that are still there, in order of arrival."""
    return _read(path, "s.id < (SELECT min(id) FROM spans) + ?", [count])


def of_trace(path: Path, trace: bytes) -> list[SpanRow]:
    """Return the spans of one trace, in order of arrival."""
    if not path.exists():
        return []
    try:
        with closing(_open(path)) as db:
            first, last = db.execute("SELECT (SELECT min(id) FROM spans), (SELECT max(id) FROM spans)").fetchone()
    except sqlite3.Error:
        return []
    parts = ",".join(map(str, range((first or 0) >> PART_BITS, ((last or 0) >> PART_BITS) + 1)))
    return _read(path, f"(s.id >> {PART_BITS}) IN ({parts}) AND s.trace = ?", [trace])


_MOST_TRACES = 50
_SEARCHED = 200_000
"""How many of the newest spans are searched for an id before all are: some tenths of a second of work."""


def traces_with(path: Path, attribute: str, value: str) -> list[str]:
    """Return the traces that have a span with this attribute, the newest first; old ones only where no new one has."""
    if not path.exists():
        return []
    try:
        with closing(_open(path)) as db:
            db.execute(f"PRAGMA mmap_size = {_MAPPED_BYTES}")
            rows = _with_text(db, attribute, value, f"> {_BOUND}") or _with_text(db, attribute, value, f"<= {_BOUND}")
    except sqlite3.Error:
        return []
    details = attributes(path, [number for number, _ in rows])
    exact = [trace.hex() for number, trace in rows if str(details.get(number, {}).get(attribute)) == value]
    return list(dict.fromkeys(exact))[:_MOST_TRACES]


_BOUND = f"(SELECT max(id) FROM spans) - {_SEARCHED}"  # noqa: S608  a number
_MAPPED_BYTES = 1 << 30  # every row is looked at: no copy of each page
_MOST_ROWS = 500  # SQLite takes that many values in one question everywhere


def _with_text(db: sqlite3.Connection, attribute: str, value: str, where: str) -> list[tuple[int, bytes]]:
    """Return number and trace of those spans with such a number in whose bytes both texts stand, the newest first."""
    sql = (
        f"SELECT id, trace FROM spans WHERE id {where} AND instr(data, ?) AND instr(data, ?)"  # noqa: S608  fixed texts
        " ORDER BY id DESC LIMIT ?"
    )
    return db.execute(sql, (value.encode(), attribute.encode(), _MOST_ROWS)).fetchall()


def _read(path: Path, where: str, values: list[object]) -> list[SpanRow]:
    if not path.exists():
        return []
    try:
        with closing(_open(path)) as db:
            return list(_rows(db, where, values))
    except sqlite3.Error:  # the hub has not laid the tables out yet, or the file is damaged: `doctor` tells
        return []


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=0.5)


def _rows(db: sqlite3.Connection, where: str, values: list[object]) -> Iterator[SpanRow]:
    sql = f"SELECT {_COLUMNS} FROM spans s {_JOINS} WHERE {where} ORDER BY s.id"  # noqa: S608  fixed texts
    for number, trace, span, parent, service, operation, kind, error, start_ns, duration_ns in db.execute(sql, values):
        yield SpanRow(
            number, trace, span, parent, service or "", operation or "", kind, bool(error), start_ns, duration_ns
        )


def attributes(path: Path, ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Return the attributes of some spans by their number; what cannot be read is left out."""
    if not ids or not path.exists():
        return {}
    from opentelemetry.proto.trace.v1.trace_pb2 import Span

    from devctl.record.spans import attributes as plain

    marks = ",".join("?" * len(ids))
    try:
        with closing(_open(path)) as db:
            rows = db.execute(f"SELECT id, data FROM spans WHERE origin != 0 AND id IN ({marks})", list(ids))  # noqa: S608
            return {number: plain(Span.FromString(data).attributes) for number, data in rows}
    except sqlite3.Error:
        return {}
