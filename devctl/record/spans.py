"""The spans of a run on disk: one SQLite file, written by the hub alone and read by everybody.

A row per span holds what searches need as columns and the span itself as OTLP protobuf bytes, so that nothing
that was accepted is lost in translation. Counters lie in the same file and move in the same transaction:
they add up over any kill. What falls out by the size cap is counted as evicted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

SCHEMA_VERSION = 1
ERROR = 2  # opentelemetry.proto.trace.v1.Status.STATUS_CODE_ERROR
_PAGE = 8192
_EVICT_SHARE = 0.05  # of the oldest spans, each time the cap is passed

_SCHEMA = f"""
PRAGMA page_size = {_PAGE};
PRAGMA journal_mode = WAL;
CREATE TABLE IF NOT EXISTS names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS origins (id INTEGER PRIMARY KEY, service INTEGER NOT NULL, resource BLOB NOT NULL,
    scope BLOB NOT NULL, UNIQUE (resource, scope));
CREATE TABLE IF NOT EXISTS spans (id INTEGER PRIMARY KEY, trace BLOB NOT NULL, span BLOB NOT NULL,
    parent BLOB NOT NULL, service INTEGER NOT NULL, operation INTEGER NOT NULL, kind INTEGER NOT NULL,
    error INTEGER NOT NULL, start_ns INTEGER NOT NULL, duration_ns INTEGER NOT NULL, origin INTEGER NOT NULL,
    data BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS spans_by_trace ON spans (trace);
CREATE INDEX IF NOT EXISTS spans_by_service ON spans (service, start_ns, duration_ns);
CREATE TABLE IF NOT EXISTS links (target BLOB NOT NULL, span INTEGER NOT NULL,
    PRIMARY KEY (target, span)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS operations (service INTEGER NOT NULL, operation INTEGER NOT NULL, kind INTEGER NOT NULL,
    PRIMARY KEY (service, operation, kind)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outgoing (id INTEGER PRIMARY KEY AUTOINCREMENT, spans INTEGER NOT NULL, queued_ns INTEGER
    NOT NULL, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS cursors (exporter TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS counters (name TEXT NOT NULL, exporter TEXT NOT NULL DEFAULT '', value INTEGER NOT NULL,
    PRIMARY KEY (name, exporter)) WITHOUT ROWID;
PRAGMA user_version = {SCHEMA_VERSION};
"""

COUNTERS = ("accepted", "stored", "rejected", "evicted")


class RecordVersionError(Exception):
    """The file was written by a newer devctl; the message says so."""


class SpanWriter:
    """The only writer of the file. Not thread-safe: one thread owns it.

    `cap_bytes` bounds the space that spans take; the oldest go first.
    """

    def __init__(self, path: Path, *, cap_bytes: int = 2 << 30) -> None:
        self._cap_pages = max(cap_bytes // _PAGE, 64)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        _refuse_newer(self._db, path)
        self._db.executescript(_SCHEMA)
        # In WAL mode NORMAL survives the kill of any process; only a power cut may cost the last moments.
        self._db.executescript("PRAGMA synchronous = NORMAL; PRAGMA cache_size = -24000; PRAGMA temp_store = MEMORY;")
        self._names = dict(self._db.execute("SELECT name, id FROM names"))
        self._origins: dict[tuple[bytes, bytes], tuple[int, int]] = {
            (resource, scope): (number, service)
            for number, service, resource, scope in self._db.execute("SELECT id, service, resource, scope FROM origins")
        }
        self._operations: set[tuple[int, int, int]] = set(self._db.execute("SELECT * FROM operations"))

    def begin(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._db.execute("COMMIT")

    def roll_back(self) -> None:
        """Give the open transaction up and forget what was remembered of it."""
        self._db.execute("ROLLBACK")
        self._names = dict(self._db.execute("SELECT name, id FROM names"))
        self._origins.clear()
        self._operations.clear()

    def add(self, resource_spans: Iterable[ResourceSpans]) -> int:
        """Add the spans within the open transaction and return their number."""
        rows: list[tuple[tuple[Any, ...], tuple[bytes, ...]]] = []
        for group in resource_spans:
            resource = group.resource.SerializeToString()
            for scoped in group.scope_spans:
                origin, service = self._origin(resource, scoped.scope.SerializeToString(), group.resource)
                rows.extend(
                    (self._row(span, origin, service), tuple(link.trace_id for link in span.links))
                    for span in scoped.spans
                )
        self._db.executemany(
            "INSERT INTO spans (trace, span, parent, service, operation, kind, error, start_ns, duration_ns, origin,"
            " data) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [row for row, _ in rows],
        )
        self._link([targets for _, targets in rows])
        return len(rows)

    def _link(self, targets: list[tuple[bytes, ...]]) -> None:
        """Remember which of the rows just added link to which traces."""
        if any(targets):
            (last,) = self._db.execute("SELECT max(id) FROM spans").fetchone()
            first = last - len(targets) + 1
            links = [(target, first + i) for i, linked in enumerate(targets) for target in linked]
            self._db.executemany("INSERT OR IGNORE INTO links VALUES (?, ?)", links)

    def _row(self, span: ProtoSpan, origin: int, service: int) -> tuple[Any, ...]:
        operation, kind = self._name(span.name), span.kind
        if (service, operation, kind) not in self._operations:
            self._operations.add((service, operation, kind))
            self._db.execute("INSERT OR IGNORE INTO operations VALUES (?, ?, ?)", (service, operation, kind))
        start = span.start_time_unix_nano
        return (
            span.trace_id, span.span_id, span.parent_span_id, service, operation, kind,
            span.status.code == ERROR, _signed(start), _signed(max(span.end_time_unix_nano - start, 0)), origin,
            span.SerializeToString(),
        )  # fmt: skip

    def _name(self, name: str) -> int:
        number = self._names.get(name)
        if number is None:
            self._db.execute("INSERT OR IGNORE INTO names (name) VALUES (?)", (name,))
            (number,) = self._db.execute("SELECT id FROM names WHERE name = ?", (name,)).fetchone()
            if len(self._names) > 50_000:  # names made from ids must not fill the memory
                self._names.clear()
            self._names[name] = number
        return int(number)

    def _origin(self, resource: bytes, scope: bytes, message: Resource) -> tuple[int, int]:
        known = self._origins.get((resource, scope))
        if known is None:
            service = self._name(service_name(message.attributes))
            self._db.execute(
                "INSERT OR IGNORE INTO origins (service, resource, scope) VALUES (?, ?, ?)", (service, resource, scope)
            )
            found = self._db.execute("SELECT id FROM origins WHERE resource = ? AND scope = ?", (resource, scope))
            known = (found.fetchone()[0], service)
            if len(self._origins) > 10_000:
                self._origins.clear()
            self._origins[resource, scope] = known
        return known

    def count(self, name: str, amount: int, exporter: str = "") -> None:
        """Add to a counter within the open transaction."""
        if amount:
            self._db.execute(
                "INSERT INTO counters VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value",
                (name, exporter, amount),
            )

    def counters(self) -> dict[tuple[str, str], int]:
        """Return every counter as {(name, exporter): value}."""
        return {(name, exporter): value for name, exporter, value in self._db.execute("SELECT * FROM counters")}

    def evict(self) -> int:
        """Delete the oldest spans while the file is over its cap; return how many, counted as evicted."""
        gone = 0
        while self._pragma("page_count") - self._pragma("freelist_count") > self._cap_pages:
            first, last = self._db.execute("SELECT min(id), max(id) FROM spans").fetchone()
            if first is None:
                break
            bound = first + max(int((last - first) * _EVICT_SHARE), 1)
            gone += self._db.execute("DELETE FROM spans WHERE id <= ?", (bound,)).rowcount
            self._db.execute("DELETE FROM links WHERE span <= ?", (bound,))
        self.count("evicted", gone)
        return gone

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    # What waits to be passed on. A batch stays until every exporter has taken or dropped it.

    def queue(self, body: bytes, spans: int, queued_ns: int) -> int:
        """Keep a batch for the exporters within the open transaction and return its number."""
        cursor = self._db.execute(
            "INSERT INTO outgoing (spans, queued_ns, body) VALUES (?, ?, ?)", (spans, queued_ns, body)
        )
        return int(cursor.lastrowid or 0)

    def cursor(self, exporter: str) -> int:
        """Return the number of the last batch this exporter is done with; a new exporter begins at the end."""
        found = self._db.execute("SELECT last FROM cursors WHERE exporter = ?", (exporter,)).fetchone()
        if found is None:
            (last,) = self._db.execute(
                "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'outgoing'"
            ).fetchone()
            self._db.execute("INSERT INTO cursors VALUES (?, ?)", (exporter, last))
            return int(last)
        return int(found[0])

    def waiting(self, after: int, limit: int) -> list[tuple[int, int, int]]:
        """Return (number, spans, queued_ns) of the batches after a cursor, oldest first."""
        return list(
            self._db.execute(
                "SELECT id, spans, queued_ns FROM outgoing WHERE id > ? ORDER BY id LIMIT ?", (after, limit)
            )
        )

    def body(self, number: int) -> bytes:
        """Return the OTLP request of a waiting batch, empty when it is gone."""
        found = self._db.execute("SELECT body FROM outgoing WHERE id = ?", (number,)).fetchone()
        return bytes(found[0]) if found else b""

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

    def close(self) -> None:
        self._db.close()


@dataclass(frozen=True)
class Span:
    """A span as stored; ids are lower-case hex, times nanoseconds since the epoch. The rest is decoded when asked."""

    id: int
    trace_id: str
    span_id: str
    parent_id: str  # empty for a root
    service: str
    name: str
    kind: int
    error: bool
    start_ns: int
    duration_ns: int
    data: bytes = field(repr=False)
    resource_data: bytes = field(repr=False)
    scope_data: bytes = field(repr=False)

    @property
    def end_ns(self) -> int:
        return self.start_ns + self.duration_ns

    @cached_property
    def message(self) -> ProtoSpan:
        """The span as OTLP protobuf message."""
        from opentelemetry.proto.trace.v1.trace_pb2 import Span as Message

        message: ProtoSpan = Message.FromString(self.data)
        return message

    @cached_property
    def resource(self) -> Resource:
        from opentelemetry.proto.resource.v1.resource_pb2 import Resource as Message

        message: Resource = Message.FromString(self.resource_data)
        return message

    @cached_property
    def scope(self) -> InstrumentationScope:
        from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope as Message

        message: InstrumentationScope = Message.FromString(self.scope_data)
        return message

    @cached_property
    def attributes(self) -> dict[str, Any]:
        return attributes(self.message.attributes)

    @cached_property
    def resource_attributes(self) -> dict[str, Any]:
        return attributes(self.resource.attributes)

    @property
    def links(self) -> list[tuple[str, str]]:
        """The (trace id, span id) pairs that this span links to."""
        return [(link.trace_id.hex(), link.span_id.hex()) for link in self.message.links]


@dataclass(frozen=True, slots=True)
class SpanQuery:
    """Which spans are looked for; empty means any. Times and durations are nanoseconds."""

    service: str = ""
    operation: str = ""
    kind: int | None = None
    since_ns: int = 0
    until_ns: int = (1 << 63) - 1
    min_duration_ns: int = 0
    max_duration_ns: int = (1 << 63) - 1
    errors: bool = False
    attributes: tuple[tuple[str, str], ...] = ()
    limit: int = 20


class SpanReader:
    """Reads the spans of a run, while the hub writes or long after; opens read-only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, timeout=5, check_same_thread=False)
        _refuse_newer(self._db, path)

    def close(self) -> None:
        self._db.close()

    def services(self) -> list[str]:
        """Return the names of all services that sent a span, sorted."""
        return [
            name
            for (name,) in self._db.execute(
                "SELECT DISTINCT name FROM operations JOIN names ON names.id = operations.service ORDER BY name"
            )
        ]

    def operations(self, service: str) -> list[tuple[str, int]]:
        """Return (operation, kind) of a service, sorted."""
        return list(
            self._db.execute(
                "SELECT o.name, kind FROM operations JOIN names s ON s.id = service JOIN names o ON o.id = operation"
                " WHERE s.name = ? ORDER BY o.name, kind",
                (service,),
            )
        )

    def counters(self) -> dict[tuple[str, str], int]:
        """Return the hub's counters as {(name, exporter): value}."""
        return {(name, exporter): value for name, exporter, value in self._db.execute("SELECT * FROM counters")}

    def find(self, query: SpanQuery) -> list[str]:
        """Return the ids of the newest traces (at most `limit`) that have a span as `query` says."""
        found: dict[str, None] = {}
        for span_trace in self._matching(query):
            found.setdefault(span_trace)
            if len(found) >= query.limit:
                break
        return list(found)

    def _matching(self, query: SpanQuery) -> Iterator[str]:
        where, values = self._where(query)
        # With a service its index yields the newest first; without one the order of arrival does, near enough.
        order = "s.start_ns DESC" if query.service else "s.id DESC"
        if not query.attributes:
            rows = self._db.execute(f"SELECT s.trace FROM spans s WHERE {where} ORDER BY {order}", values)
            yield from (trace.hex() for (trace,) in rows)
            return
        for span in self._spans(f"WHERE {where} ORDER BY {order}", values):
            if has_attributes(span, query.attributes):
                yield span.trace_id

    def spans(self, query: SpanQuery) -> Iterator[Span]:
        """Yield the spans of a service that match (its attributes are not looked at), the newest first."""
        where, values = self._where(query)
        return self._spans(f"WHERE {where} ORDER BY s.start_ns DESC", values)

    def _where(self, query: SpanQuery) -> tuple[str, list[Any]]:
        clauses = ["s.start_ns BETWEEN ? AND ?", "s.duration_ns BETWEEN ? AND ?"]
        values: list[Any] = [query.since_ns, query.until_ns, query.min_duration_ns, query.max_duration_ns]
        if query.service:
            clauses.append("s.service = (SELECT id FROM names WHERE name = ?)")
            values.append(query.service)
        if query.operation:
            clauses.append("s.operation = (SELECT id FROM names WHERE name = ?)")
            values.append(query.operation)
        if query.kind is not None:
            clauses.append("s.kind = ?")
            values.append(query.kind)
        if query.errors:
            clauses.append("s.error")
        return " AND ".join(clauses), values

    def trace(self, trace_id: str) -> list[Span]:
        """Return all spans of a trace by start time; empty when there is none."""
        try:
            key = bytes.fromhex(trace_id)
        except ValueError:
            return []
        return list(self._spans("WHERE s.trace = ? ORDER BY s.start_ns, s.id", [key]))

    def linked_to(self, trace_id: str) -> list[Span]:
        """Return the spans of other traces that link to this one, by start time."""
        where = "WHERE s.id IN (SELECT span FROM links WHERE target = ?) AND s.trace != ? ORDER BY s.start_ns"
        return list(self._spans(where, [bytes.fromhex(trace_id)] * 2))

    def complete_id(self, prefix: str) -> list[str]:
        """Return the trace ids (at most 10) that begin with an even-length hex prefix."""
        try:
            low = bytes.fromhex(prefix if len(prefix) % 2 == 0 else prefix[:-1])
        except ValueError:
            return []
        rows = self._db.execute("SELECT DISTINCT trace FROM spans WHERE trace >= ? ORDER BY trace LIMIT 50", (low,))
        return [found.hex() for (found,) in rows if found.hex().startswith(prefix.lower())][:10]

    def since(self, after: int, limit: int = 10_000) -> list[Span]:
        """Return spans stored after row `after` (0 = from the beginning), in order of arrival."""
        return list(self._spans("WHERE s.id > ? ORDER BY s.id LIMIT ?", [after, limit]))

    def within(self, since_ns: int, until_ns: int, limit: int = 1_000_000) -> Iterator[Span]:
        """Yield the spans that started in a time range, in order of arrival."""
        return self._spans("WHERE s.start_ns BETWEEN ? AND ? ORDER BY s.id LIMIT ?", [since_ns, until_ns, limit])

    def with_attribute(self, key: str, value: str, limit: int = 10_000) -> list[Span]:
        """Return the spans that carry an attribute of exactly this value, by start time."""
        rows = self._spans("WHERE instr(s.data, ?) AND instr(s.data, ?) ORDER BY s.start_ns LIMIT ?",
                           [value.encode(), key.encode(), limit])  # fmt: skip
        return [span for span in rows if str(span.attributes.get(key)) == value]

    def calls(self, since_ns: int, until_ns: int, *, links: bool = True) -> Iterator[tuple[str, str, int, bool, int]]:
        """Yield (caller, callee, kind, error, duration_ns) of each span that another service caused, by parent or
        (unless `links` is off) by link, and that started in the time range."""
        for origin, service, kind, error, duration in self._db.execute(
            "SELECT cn.name, sn.name, s.kind, s.error, s.duration_ns FROM spans s"
            " JOIN spans c ON c.trace = s.trace AND c.span = s.parent AND c.service != s.service"
            " JOIN names cn ON cn.id = c.service JOIN names sn ON sn.id = s.service"
            " WHERE s.parent != x'' AND s.start_ns BETWEEN ? AND ?",
            (since_ns, until_ns),
        ):
            yield origin, service, kind, bool(error), duration
        if not links:
            return
        linking = "WHERE s.id IN (SELECT span FROM links) AND s.start_ns BETWEEN ? AND ?"
        for span in self._spans(linking, [since_ns, until_ns]):
            for trace_id, span_id in span.links:
                cause = self._service_of(bytes.fromhex(trace_id), bytes.fromhex(span_id))
                if cause and cause != span.service:
                    yield cause, span.service, span.kind, span.error, span.duration_ns

    def _service_of(self, trace: bytes, span: bytes) -> str:
        found = self._db.execute(
            "SELECT name FROM spans JOIN names ON names.id = service WHERE trace = ? AND span = ?", (trace, span)
        ).fetchone()
        return str(found[0]) if found else ""

    def last(self) -> int:
        """Return the number of the newest row, 0 when there is none."""
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM spans").fetchone()[0])

    def _spans(self, rest: str, values: list[Any]) -> Iterator[Span]:
        rows = self._db.execute(
            "SELECT s.id, s.trace, s.span, s.parent, sn.name, op.name, s.kind, s.error, s.start_ns, s.duration_ns,"
            " s.data, o.resource, o.scope FROM spans s JOIN names sn ON sn.id = s.service"
            f" JOIN names op ON op.id = s.operation JOIN origins o ON o.id = s.origin {rest}",
            values,
        )
        for row in rows:
            number, trace, span, parent, service, name, kind, error, start, duration, data, resource, scope = row
            yield Span(number, trace.hex(), span.hex(), parent.hex(), service, name, kind, bool(error), start, duration,
                       data, resource, scope)  # fmt: skip


def has_attributes(span: Span, wanted: Iterable[tuple[str, str]]) -> bool:
    """Tell whether span or resource carries every (key, value); a value is compared as text, as Jaeger does."""
    return all(text_of(span.attributes.get(key, span.resource_attributes.get(key))) == value for key, value in wanted)


def text_of(value: Any) -> str:
    """Return an attribute value as people write it: true and false in lower case, the rest as `str` does."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def service_name(pairs: Iterable[KeyValue]) -> str:
    """Return `service.name` of a resource, `unknown_service` without one (OpenTelemetry resource conventions)."""
    for pair in pairs:
        if pair.key == "service.name":
            return pair.value.string_value or "unknown_service"
    return "unknown_service"


def attributes(pairs: Iterable[KeyValue]) -> dict[str, Any]:
    """Return OTLP key-value pairs as a plain dictionary."""
    return {pair.key: plain(pair.value) for pair in pairs}


def plain(value: AnyValue) -> Any:
    """Return an OTLP value as plain Python data; bytes as hex."""
    match value.WhichOneof("value"):
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "int_value":
            return value.int_value
        case "double_value":
            return value.double_value
        case "array_value":
            return [plain(item) for item in value.array_value.values]
        case "kvlist_value":
            return attributes(value.kvlist_value.values)
        case "bytes_value":
            return value.bytes_value.hex()
    return None


def _signed(value: int) -> int:
    """Keep an unsigned 64-bit time within SQLite's signed integers."""
    return min(value, (1 << 63) - 1)


def _refuse_newer(db: sqlite3.Connection, path: Path) -> None:
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise RecordVersionError(f"{path} has record version {version}; this devctl reads up to {SCHEMA_VERSION}")


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))
