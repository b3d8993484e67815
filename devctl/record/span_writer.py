"""Writes the spans of a run: the hub alone does, one thread of it.

Memory and disk are bounded whatever is sent: the oldest spans fall out at the cap, and a stack that makes up ever
new names or resources has all but the first ones kept inside the span instead of in a table of their own.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devctl.record.outgoing import OutgoingBatches
from devctl.record.span_schema import IN_DATA, PAGE, lay_out
from devctl.record.spans import ERROR, check_version, service_name

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource
    from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
    from opentelemetry.proto.trace.v1.trace_pb2 import Span as ProtoSpan

_CHECKPOINT_PAGES = 4_000  # 32 MB of log before it is worked into the file: pages that change often are written once
_EVICT_SHARE = 0.01  # of the oldest spans, each time the cap is passed
_MOST_KNOWN = 20_000  # names, origins and operations each
_LONGEST_NAME = 1_000

_INSERT = (
    "INSERT INTO spans (id, trace, span, parent, service, operation, kind, error, start_ns, duration_ns, origin, data)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_LAST_NS = (1 << 63) - 1  # SQLite's integers are signed, OTLP's times are not

Row = tuple[int, bytes, bytes, bytes, int, int, int, bool, int, int, int, bytes]


class SpanWriter:
    """The only writer of the file. Not thread-safe: one thread owns it.

    `cap_bytes` bounds the space that spans take, the oldest go first; `most_known` the names, origins and operations
    that have rows of their own.
    """

    def __init__(self, path: Path, *, cap_bytes: int = 2 << 30, most_known: int = _MOST_KNOWN) -> None:
        self._most_known = most_known
        self._cap_pages = max(cap_bytes // PAGE, 64)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        check_version(self._db, path)
        lay_out(self._db)
        # In WAL mode NORMAL survives the kill of any process; only a power cut may cost the last moments.
        self._db.executescript(
            "PRAGMA synchronous = NORMAL; PRAGMA cache_size = -24000; PRAGMA temp_store = MEMORY;"
            f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}; PRAGMA journal_size_limit = {_CHECKPOINT_PAGES * PAGE};"
        )
        self.outgoing = OutgoingBatches(self._db)
        self._names: dict[str, int] = {}
        self._origins: dict[tuple[bytes, bytes], tuple[int, int]] = {}
        self._operations: dict[tuple[int, int, int], None] = {}
        self._remember()
        self._before = self._sizes()

    def _remember(self) -> None:
        """Read what is kept in memory of the file."""
        self._names = {name: number for name, number in self._db.execute("SELECT name, id FROM names") if number}
        self._origins = {
            (resource, scope): (number, service)
            for number, service, resource, scope in self._db.execute(
                "SELECT id, service, resource, scope FROM origins WHERE id != 0"
            )
        }
        self._operations = dict.fromkeys(self._db.execute("SELECT service, operation, kind FROM operations"))
        (self._last,) = self._db.execute("SELECT coalesce(max(id), 0) FROM spans").fetchone()

    def begin(self) -> None:
        self._before = self._sizes()
        self._db.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._db.execute("COMMIT")

    def roll_back(self) -> None:
        """Return the open transaction up and forget what was remembered of it."""
        self._forget_since(self._before)
        if self._db.in_transaction:  # on a full disk SQLite has rolled back by itself
            self._db.execute("ROLLBACK")

    @contextlib.contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Undo what was done inside, and nothing else of the open transaction, when it ends with an exception."""
        before = self._sizes()
        self._db.execute("SAVEPOINT part")
        try:
            yield
        except BaseException:
            self._forget_since(before)
            if self._db.in_transaction:
                self._db.execute("ROLLBACK TO part")
                self._db.execute("RELEASE part")
            raise
        self._db.execute("RELEASE part")

    def _sizes(self) -> tuple[int, int, int, int]:
        return len(self._names), len(self._origins), len(self._operations), self._last

    def _forget_since(self, sizes: tuple[int, int, int, int]) -> None:
        """Forget what was remembered since `_sizes` said so; dictionaries keep the order of insertion."""
        memories: tuple[dict[Any, Any], ...] = (self._names, self._origins, self._operations)
        for memory, size in zip(memories, sizes, strict=False):
            while len(memory) > size:
                memory.popitem()
        self._last = sizes[-1]

    def add(self, resource_spans: Iterable[ResourceSpans]) -> int:
        """Add the spans within the open transaction and return their number."""
        rows: list[Row] = []
        links: list[tuple[bytes, int]] = []
        for group in resource_spans:
            resource = group.resource.SerializeToString()
            for scoped in group.scope_spans:
                origin, service = self._origin(resource, scoped.scope.SerializeToString(), group.resource)
                self._append(rows, links, scoped.spans, origin, service, (group.resource, scoped.scope))
        self._db.executemany(_INSERT, rows)
        self._last += len(rows)
        if links:
            self._db.executemany("INSERT OR IGNORE INTO links VALUES (?, ?)", links)
        return len(rows)

    def _append(
        self, rows: list[Row], links: list[tuple[bytes, int]], spans: Iterable[ProtoSpan], origin: int, service: int,
        origin_messages: tuple[Resource, InstrumentationScope],
    ) -> None:  # fmt: skip
        number = self._last + len(rows)
        names, operations = self._names, self._operations
        for span in spans:
            number += 1
            name, kind, start = span.name, span.kind, span.start_time_unix_nano
            operation = names.get(name)
            if operation is None:
                operation = self._name(name)
            if (service, operation, kind) not in operations:
                self._operation(service, operation, kind)
            duration = span.end_time_unix_nano - start
            rows.append(
                (
                    number, span.trace_id, span.span_id, _parent(span.parent_span_id), service, operation, kind,
                    span.status.code == ERROR, start if start < _LAST_NS else _LAST_NS,
                    0 if duration < 0 else duration if duration < _LAST_NS else _LAST_NS, origin,
                    span.SerializeToString() if origin else _with_origin(span, *origin_messages),
                )
            )  # fmt: skip
            if span.links:
                links += [(link.trace_id, number) for link in span.links]

    def _operation(self, service: int, operation: int, kind: int) -> None:
        if len(self._operations) < self._most_known:
            self._operations[service, operation, kind] = None
            self._db.execute("INSERT OR IGNORE INTO operations VALUES (?, ?, ?)", (service, operation, kind))

    def _name(self, name: str) -> int:
        number = self._names.get(name)
        if number is None:
            if len(self._names) >= self._most_known or len(name) > _LONGEST_NAME:
                return IN_DATA
            number = int(self._db.execute("INSERT INTO names (name) VALUES (?)", (name,)).lastrowid or 0)
            self._names[name] = number
        return number

    def _origin(self, resource: bytes, scope: bytes, message: Resource) -> tuple[int, int]:
        """Return the numbers of origin and service."""
        origin = self._origins.get((resource, scope))
        if origin is None:
            service = self._name(service_name(message.attributes)[:_LONGEST_NAME])
            if service == IN_DATA or len(self._origins) >= self._most_known or len(resource) + len(scope) > PAGE:
                return IN_DATA, service
            number = self._db.execute(
                "INSERT INTO origins (service, resource, scope) VALUES (?, ?, ?)", (service, resource, scope)
            ).lastrowid
            origin = self._origins[resource, scope] = (int(number or 0), service)
        return origin

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
            first, last = self._db.execute("SELECT (SELECT min(id) FROM spans), (SELECT max(id) FROM spans)").fetchone()
            if first is None:
                break
            bound = first + max(int((last - first) * _EVICT_SHARE), 1)
            gone += self._db.execute("DELETE FROM spans WHERE id <= ?", (bound,)).rowcount
            self._db.execute("DELETE FROM links WHERE span <= ?", (bound,))
        self.count("evicted", gone)
        return gone

    def _pragma(self, name: str) -> int:
        return int(self._db.execute(f"PRAGMA {name}").fetchone()[0])

    def close(self) -> None:
        self._db.close()


def _parent(span_id: bytes) -> bytes:
    """Return the id of a parent, empty for none, which some write as zeros."""
    return span_id if any(span_id) else b""


def _with_origin(span: ProtoSpan, resource: Resource, scope: InstrumentationScope) -> bytes:
    """Return a span as ResourceSpans message, for one whose resource has no row."""
    from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

    message = ResourceSpans(resource=resource, scope_spans=[ScopeSpans(scope=scope, spans=[span])])
    return message.SerializeToString()
