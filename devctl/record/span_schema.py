"""How the file of spans is laid out, and how a file of an earlier version becomes one of today."""

from __future__ import annotations

import sqlite3

from devctl.record.spans import PART_BITS, SCHEMA_VERSION

PAGE = 8192

IN_DATA = 0
"""The number of a name or origin that has no row of its own: the span itself tells. Row 0 stands for all of those and
holds NULL, which no text and no bytes of a sender can equal."""

_NAMES = "CREATE TABLE IF NOT EXISTS names (id INTEGER PRIMARY KEY, name TEXT UNIQUE)"
_ORIGINS = """CREATE TABLE IF NOT EXISTS origins (id INTEGER PRIMARY KEY, service INTEGER NOT NULL, resource BLOB,
    scope BLOB, UNIQUE (resource, scope))"""
# The ids of traces are random: an index over all of them would touch a page for every span. This one begins with
# the part of the file that a row is in, so that only the pages of the newest part change.
_SCHEMA = f"""
PRAGMA page_size = {PAGE};
PRAGMA journal_mode = WAL;
{_NAMES};
{_ORIGINS};
CREATE TABLE IF NOT EXISTS spans (id INTEGER PRIMARY KEY, trace BLOB NOT NULL, span BLOB NOT NULL,
    parent BLOB NOT NULL, service INTEGER NOT NULL, operation INTEGER NOT NULL, kind INTEGER NOT NULL,
    error INTEGER NOT NULL, start_ns INTEGER NOT NULL, duration_ns INTEGER NOT NULL, origin INTEGER NOT NULL,
    data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS spans_by_part ON spans (id >> {PART_BITS}, trace);
CREATE INDEX IF NOT EXISTS spans_by_service ON spans (service, start_ns, duration_ns);
CREATE INDEX IF NOT EXISTS spans_failed ON spans (service, start_ns, duration_ns) WHERE error;
CREATE TABLE IF NOT EXISTS links (target BLOB NOT NULL, span INTEGER NOT NULL,
    PRIMARY KEY (target, span)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS links_by_span ON links (span);
CREATE TABLE IF NOT EXISTS operations (service INTEGER NOT NULL, operation INTEGER NOT NULL, kind INTEGER NOT NULL,
    PRIMARY KEY (service, operation, kind)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outgoing (id INTEGER PRIMARY KEY AUTOINCREMENT, spans INTEGER NOT NULL, queued_ns INTEGER
    NOT NULL, spans_before INTEGER NOT NULL, bytes_before INTEGER NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS cursors (exporter TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT NOT NULL, exporter TEXT NOT NULL DEFAULT '', value INTEGER NOT NULL,
    PRIMARY KEY (name, exporter)) WITHOUT ROWID;
INSERT OR IGNORE INTO names VALUES (0, NULL);
INSERT OR IGNORE INTO origins VALUES (0, 0, NULL, NULL);
PRAGMA user_version = {SCHEMA_VERSION};
"""

# In version 1 row 0 of names was the empty text, which a span may be called, and that of origins the byte 0.
_FROM_VERSION_1 = f"""
BEGIN IMMEDIATE;
ALTER TABLE names RENAME TO names_1;
ALTER TABLE origins RENAME TO origins_1;
{_NAMES};
{_ORIGINS};
INSERT INTO names SELECT id, CASE WHEN id != 0 THEN name END FROM names_1;
INSERT INTO origins SELECT id, service, CASE WHEN id != 0 THEN resource END,
    CASE WHEN id != 0 THEN scope END FROM origins_1;
DROP TABLE names_1;
DROP TABLE origins_1;
PRAGMA user_version = 2;
COMMIT;
"""


def lay_out(db: sqlite3.Connection) -> None:
    """Make the tables, or bring those of an earlier version up to date."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version == 1:
        db.executescript(_FROM_VERSION_1)
    db.executescript(_SCHEMA)
