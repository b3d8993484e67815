"""The spans of a run on disk: one SQLite file, written by the hub alone and read by everybody.

A row per span holds what searches need as columns and the span itself as OTLP protobuf bytes, so that nothing
that was accepted is lost in translation. Counters lie in the same file and move in the same transaction:
they add up over any kill. What falls out by the size cap is counted as evicted.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devctl.record.span_query import SpanQuery

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

SCHEMA_VERSION = 2
ERROR = 2  # opentelemetry.proto.trace.v1.Status.STATUS_CODE_ERROR
PART_BITS = 15
"""The index of traces begins with the part of a row: its number without this many bits."""
_CACHE = -16_000  # KiB: a walk over an index meets the same pages again and again
COUNTERS = ("accepted", "stored", "rejected", "evicted")


class RecordVersionError(Exception):
    """The file was written by a newer devctl; the message says so."""


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


class SpanReader:
    """Reads the spans of a run, while the hub writes or long after; opens read-only."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = sqlite3.connect(f"file:{_quoted(path)}?mode=ro", uri=True, timeout=5, check_same_thread=False)
        self._db.execute(f"PRAGMA cache_size = {_CACHE}")
        check_version(self._db, path)

    @property
    def is_ready(self) -> bool:
        """Whether the hub has laid the tables out."""
        return bool(self._db.execute("PRAGMA user_version").fetchone()[0])

    def close(self) -> None:
        self._db.close()

    def services(self) -> list[str]:
        """Return the names of all services that sent a span, sorted."""
        return [
            name
            for (name,) in self._db.execute(
                "SELECT DISTINCT name FROM operations JOIN names ON names.id = operations.service"
                " WHERE names.id != 0 ORDER BY name"
            )
        ]

    def operations(self, service: str) -> list[tuple[str, int]]:
        """Return (operation, kind) of a service, sorted."""
        return list(
            self._db.execute(
                "SELECT o.name, kind FROM operations JOIN names s ON s.id = service JOIN names o ON o.id = operation"
                " WHERE s.name = ? AND o.id != 0 ORDER BY o.name, kind",
                (service,),
            )
        )

    def counters(self) -> dict[tuple[str, str], int]:
        """Return the hub's counters as {(name, exporter): value}."""
        return {(name, exporter): value for name, exporter, value in self._db.execute("SELECT * FROM counters")}

    def find(self, query: SpanQuery) -> list[str]:
        """Return the ids of the newest traces (at most `limit`) that have a span as `query` says."""
        ids: dict[bytes, None] = {}
        for trace in self._matching(query):
            ids.setdefault(trace)
            if len(ids) >= query.limit:
                break
        return [trace.hex() for trace in ids]

    def _matching(self, query: SpanQuery) -> Iterator[bytes]:
        """Yield the traces of matching spans, the newest first."""
        if query.attributes or any(name and self._number(name) is None for name in (query.operation, query.service)):
            return (bytes.fromhex(span.trace_id) for span in self.spans(query))
        return (trace for _, _, trace in self._newest(query, "s.start_ns, s.id, s.trace"))

    def spans(self, query: SpanQuery) -> Iterator[Span]:
        """Yield the spans that match, the newest first."""
        rows = self._newest(query, f"s.start_ns, s.id, {_COLUMNS}", _JOINS)
        for row in rows:
            span = _span(row[2:])
            is_named = query.operation in ("", span.name) and query.service in ("", span.service)
            if is_named and has_attributes(span, query.attributes):
                yield span

    def _newest(self, query: SpanQuery, columns: str, joins: str = "") -> Iterator[Any]:
        """Yield rows that begin with start and number: one walk over the index for each service, merged."""
        import heapq

        where, values = self._where(query)
        numbers = self._service_numbers(query.service)
        if len(numbers) > _MOST_WALKS or (query.attributes and not query.service):
            return iter(
                self._db.execute(f"SELECT {columns} FROM spans s {joins} WHERE {where} ORDER BY s.id DESC", values)
            )
        sql = (
            f"SELECT {columns} FROM spans s {joins} WHERE s.service = ? AND {where} ORDER BY s.start_ns DESC, s.id DESC"
        )
        walks = [self._db.execute(sql, [number, *values]) for number in numbers]
        return walks[0] if len(walks) == 1 else heapq.merge(*walks, key=lambda row: row[:2], reverse=True)

    def _service_numbers(self, name: str) -> list[int]:
        """Return the number of a service, 0 for one that has none; of all for no name."""
        if name:
            return [self._number(name) or 0]
        return [number for (number,) in self._db.execute("SELECT 0 UNION SELECT service FROM operations")]

    def _number(self, name: str) -> int | None:
        row = self._db.execute("SELECT id FROM names WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else None

    def _where(self, query: SpanQuery) -> tuple[str, list[Any]]:
        clauses = ["s.start_ns BETWEEN ? AND ?", "s.duration_ns BETWEEN ? AND ?"]
        values: list[Any] = [query.since_ns, query.until_ns, query.min_duration_ns, query.max_duration_ns]
        if query.operation:
            clauses.append("s.operation = ?")
            values.append(self._number(query.operation) or 0)
        if query.kind is not None:
            clauses.append("s.kind = ?")
            values.append(query.kind)
        if query.errors:
            clauses.append("s.error")
        for key, value in query.attributes:
            for word in (key, *([value] if _is_text(value) else [])):
                clauses.append("(instr(s.data, ?) OR s.origin IN (SELECT id FROM origins WHERE instr(resource, ?)))")
                values += [word.encode()] * 2
        for sign in query.signs:
            clause, sign_values = sign.where()
            clauses.append(clause)
            values += sign_values
        return " AND ".join(clauses), values

    def trace(self, trace_id: str) -> list[Span]:
        """Return all spans of a trace by start time; empty when there is none."""
        try:
            key = bytes.fromhex(trace_id)
        except ValueError:
            return []
        return list(self._spans(f"WHERE {_in_parts(self._db)} AND s.trace = ? ORDER BY s.start_ns, s.id", [key]))

    def linked_to(self, trace_id: str) -> list[Span]:
        """Return the spans of other traces that link to this one, by start time."""
        where = "WHERE s.id IN (SELECT span FROM links WHERE target = ?) AND s.trace != ? ORDER BY s.start_ns"
        return list(self._spans(where, [bytes.fromhex(trace_id)] * 2))

    def complete_id(self, prefix: str) -> list[str]:
        """Return the trace ids (at most 10) that begin with these hex digits."""
        digits = prefix.lower()
        try:
            low = bytes.fromhex(digits.ljust(32, "0"))
            high = bytes.fromhex(digits.ljust(32, "f"))
        except ValueError:
            return []
        rows = self._db.execute(
            f"SELECT DISTINCT trace FROM spans s WHERE {_in_parts(self._db)} AND trace BETWEEN ? AND ? LIMIT 10",
            (low, high),
        )
        return sorted(id.hex() for (id,) in rows)

    def arrived(self, after: int, limit: int = 100_000) -> list[tuple[int, str]]:
        """Return (row, trace id) of the spans stored after row `after`, in order of arrival."""
        rows = self._db.execute("SELECT id, trace FROM spans WHERE id > ? ORDER BY id LIMIT ?", (after, limit))
        return [(number, trace.hex()) for number, trace in rows]

    def since(self, after: int, limit: int = 10_000) -> list[Span]:
        """Return spans stored after row `after` (0 = from the beginning), in order of arrival."""
        return list(self._spans("WHERE s.id > ? ORDER BY s.id LIMIT ?", [after, limit]))

    def newest_within(self, since_ns: int, until_ns: int, limit: int) -> Iterator[Span]:
        """Yield the spans that started in a time range, what arrived last first."""
        where = "WHERE s.start_ns BETWEEN ? AND ? ORDER BY s.id DESC LIMIT ?"
        return self._spans(where, [since_ns, until_ns, limit])

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
        for origin, service, kind, error, duration, *data in self._db.execute(
            "SELECT cn.name, sn.name, s.kind, s.error, s.duration_ns,"
            " CASE c.service WHEN 0 THEN c.data END, CASE s.service WHEN 0 THEN s.data END FROM spans s"
            f" JOIN spans c ON {_in_parts(self._db, 'c')} AND c.trace = s.trace AND c.span = s.parent"
            " AND (c.service != s.service OR c.service = 0)"
            " JOIN names cn ON cn.id = c.service JOIN names sn ON sn.id = s.service"
            " WHERE s.parent != x'' AND s.start_ns BETWEEN ? AND ?",
            (since_ns, until_ns),
        ):
            caller, callee = _service(origin, data[0]), _service(service, data[1])
            if caller != callee:
                yield caller, callee, kind, bool(error), duration
        if not links:
            return
        linking = "WHERE s.id IN (SELECT span FROM links) AND s.start_ns BETWEEN ? AND ?"
        for span in self._spans(linking, [since_ns, until_ns]):
            for trace_id, span_id in span.links:
                cause = _service_of(self._db, bytes.fromhex(trace_id), bytes.fromhex(span_id))
                if cause and cause != span.service:
                    yield cause, span.service, span.kind, span.error, span.duration_ns

    def requests(self, after: int) -> Iterator[tuple[int, str, bool, int, int]]:
        """Yield (row, service, error, start, duration) of the requests and messages that services took in, of the
        rows after `after`."""
        for row, service, error, start_ns, duration_ns in self._db.execute(
            "SELECT s.id, n.name, s.error, s.start_ns, s.duration_ns FROM spans s JOIN names n ON n.id = s.service"
            " WHERE s.id > ? AND s.kind IN (2, 5) ORDER BY s.id",
            (after,),
        ):
            yield row, service, bool(error), start_ns, duration_ns

    def last(self) -> int:
        """Return the number of the newest row, 0 when there is none."""
        return int(self._db.execute("SELECT coalesce(max(id), 0) FROM spans").fetchone()[0])

    def _spans(self, rest: str, values: list[Any]) -> Iterator[Span]:
        return map(_span, self._db.execute(f"SELECT {_COLUMNS} FROM spans s {_JOINS} {rest}", values))


_MOST_WALKS = 200
_COLUMNS = (
    "s.id, s.trace, s.span, s.parent, sn.name, op.name, s.kind, s.error, s.start_ns, s.duration_ns, s.data,"
    " o.resource, o.scope, s.service, s.operation, s.origin"
)
# Filters first, names after: a cross join keeps SQLite from turning the order round.
_JOINS = (
    "CROSS JOIN names sn ON sn.id = s.service CROSS JOIN names op ON op.id = s.operation"
    " CROSS JOIN origins o ON o.id = s.origin"
)


def _span(row: Sequence[Any]) -> Span:
    """Read a row; what has no table of its own (names and origins over the bound) is taken out of the span itself."""
    number, trace, span, parent, service, name, kind, error, start, duration, data, resource, scope, *rest = row
    service_number, operation, origin = rest
    if not origin:
        data, resource, scope = _unpacked(data)
    result = Span(number, trace.hex(), span.hex(), parent.hex(), service, name, kind, bool(error), start, duration,
                 data, resource, scope)  # fmt: skip
    if not operation:
        result = replace(result, name=result.message.name)
    return result if service_number else replace(result, service=service_name(result.resource.attributes))


def _in_parts(db: sqlite3.Connection, alias: str = "s") -> str:
    """Return the condition that lets SQLite look a trace up by the index of parts."""
    first, last = db.execute("SELECT (SELECT min(id) FROM spans), (SELECT max(id) FROM spans)").fetchone()
    parts = range((first or 0) >> PART_BITS, ((last or 0) >> PART_BITS) + 1)
    return f"({alias}.id >> {PART_BITS}) IN ({','.join(map(str, parts))})"


def _service_of(db: sqlite3.Connection, trace: bytes, span: bytes) -> str:
    """Return the service of a span, empty for one that is not there."""
    row = db.execute(
        f"SELECT name, data FROM spans s JOIN names ON names.id = service WHERE {_in_parts(db)} AND trace = ?"
        " AND span = ?",
        (trace, span),
    ).fetchone()
    return _service(*row) if row else ""


def _service(name: str | None, data: bytes) -> str:
    """Return the name of a service, from the span itself where it has no row of its own."""
    from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

    return service_name(ResourceSpans.FromString(data).resource.attributes) if name is None else name


def _unpacked(data: bytes) -> tuple[bytes, bytes, bytes]:
    from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

    message = ResourceSpans.FromString(data)
    (scoped,) = message.scope_spans
    return scoped.spans[0].SerializeToString(), message.resource.SerializeToString(), scoped.scope.SerializeToString()


def _is_text(value: str) -> bool:
    """Tell whether an attribute of this value must be text, and so stands in the bytes as it is."""
    return (
        not re.fullmatch(r"[-+0-9.eEinfatruls]*|NaN|Infinity|-Infinity|True|False|None", value)
        and value[:1] not in "[{"
    )


def has_attributes(span: Span, pairs: Iterable[tuple[str, str]]) -> bool:
    """Tell whether span or resource carries every (key, value); a value is compared as text, as Jaeger does."""
    return all(text_of(span.attributes.get(key, span.resource_attributes.get(key))) == value for key, value in pairs)


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


def check_version(db: sqlite3.Connection, path: Path) -> None:
    """Refuse a file of a newer devctl with RecordVersionError."""
    (version,) = db.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise RecordVersionError(f"{path} has record version {version}; this devctl reads up to {SCHEMA_VERSION}")


def _quoted(path: Path) -> str:
    from urllib.parse import quote

    return quote(str(path))
