"""Which path is answered how: Jaeger's query API, read from the record for every request anew."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from devctl.embedded.jaeger import model, query
from devctl.embedded.jaeger.query import BadParameter
from devctl.embedded.page import page
from devctl.http.server import Request, Response, json_response
from devctl.record.spans import RecordVersionError, SpanReader

EMULATOR = "devctl's embedded emulator of Jaeger"
_DISABLED = "metrics querying is currently disabled"

Read = Callable[[SpanReader, Request], Response]


class Application:
    """Answers every request to the emulator from the record at `path`, which may not be there yet."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        path = urlsplit(request.target).path
        if not path.startswith("/api/"):
            return _page(path)
        if request.method not in ("GET", "HEAD"):
            return problem(405, "method not allowed") if path == "/api/traces" else not_here(path)
        read = _route(path.removeprefix("/api/"))
        if read is None:
            return not_here(path)
        return await asyncio.to_thread(self._read, read, request)

    def _read(self, read: Read, request: Request) -> Response:
        try:
            reader = SpanReader(self._path) if self._path.exists() else _Nothing()
        except (sqlite3.Error, RecordVersionError) as failure:
            return problem(500, f"the record of spans cannot be read: {failure}")
        try:
            return read(reader, request)
        except BadParameter as mistake:
            return problem(400, str(mistake))
        except sqlite3.Error as failure:
            return problem(500, f"the record of spans cannot be read: {failure}")
        finally:
            reader.close()


class _Nothing(SpanReader):
    """The record of a hub that has not begun: no spans."""

    def __init__(self) -> None:
        self._db = sqlite3.connect(":memory:", check_same_thread=False)
        for table, columns in _TABLES.items():
            self._db.execute(f"CREATE TABLE {table} ({columns})")


_TABLES = {
    "names": "id, name",
    "operations": "service, operation, kind",
    "links": "target, span",
    "origins": "id, resource, scope",
    "spans": "id, trace, span, parent, service, operation, kind, error, start_ns, duration_ns, origin, data",
}


def _route(path: str) -> Read | None:
    parts = path.split("/")
    match parts:
        case ["services"]:
            return lambda reader, _: services(reader)
        case ["services", service, "operations"]:
            return lambda reader, _: operation_names(reader, unquote(service))
        case ["operations"]:
            return operations
        case ["traces"]:
            return traces
        case ["traces", id]:
            return lambda reader, request: one_trace(reader, request, unquote(id))
        case ["dependencies"]:
            return dependencies
        case ["metrics", "latencies" | "calls" | "errors" | "minstep"]:
            return lambda _reader, _request: problem(501, _DISABLED)
    return None


def structured(data: Any, total: int = 0, errors: list[dict[str, Any]] | None = None, status: int = 200) -> Response:
    """Return the envelope that Jaeger puts around every answer."""
    return json_response({"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors}, status)


def problem(status: int, message: str) -> Response:
    """Return a mistake in the same envelope."""
    response = structured(None, errors=[{"code": status, "msg": message}], status=status)
    return Response(status, response.body + b"\n", "text/plain; charset=utf-8")


def not_here(path: str) -> Response:
    """Say that a real Jaeger does this and the emulator does not."""
    return problem(501, f"{path}: this is {EMULATOR}; it has services, operations, traces and dependencies alone")


def services(reader: SpanReader) -> Response:
    """List the services that sent a span."""
    names = reader.services()
    return structured(names or None, len(names))


def operation_names(reader: SpanReader, service: str) -> Response:
    """List the names of a service's operations."""
    names = list(dict.fromkeys(name for name, _ in reader.operations(service)))
    return structured(names or None, len(names))


def operations(reader: SpanReader, request: Request) -> Response:
    """List a service's operations with their kinds."""
    service, kind = query.text(request, "service"), query.text(request, "spanKind")
    if not service:
        raise BadParameter("parameter 'service' is required")
    operations = [{"name": name, "spanKind": model.kind_name(number)} for name, number in reader.operations(service)]
    operations = [operation for operation in operations if kind in ("", operation["spanKind"])]
    return structured(operations, len(operations))


def traces(reader: SpanReader, request: Request) -> Response:
    """Search, or give the traces whose ids are named."""
    search = query.search(request, time.time_ns())
    if not search.trace_ids:
        return structured([model.shown(spans, raw=False) for spans in query.find_traces(reader, search)])
    by_id = {id: reader.trace(id) for id in search.trace_ids}
    missing = [{"msg": "trace not found", "traceID": model.trace_id(id)} for id, spans in by_id.items() if not spans]
    shown = [model.shown(spans, raw=False) for spans in by_id.values() if spans]
    return structured(shown, errors=missing or None)


def one_trace(reader: SpanReader, request: Request, id: str) -> Response:
    """Return one trace; `raw` as it was sent."""
    spans = reader.trace(query.trace_id(id))
    if not spans:
        return problem(404, "trace not found")
    raw = query.text(request, "raw") in ("1", "t", "T", "true", "TRUE", "True")
    return structured([model.shown(spans, raw=raw)])


def dependencies(reader: SpanReader, request: Request) -> Response:
    """Count which service called which in a time range."""
    since, until = query.dependencies_range(request, time.time_ns())
    only = query.text(request, "service")
    counts: dict[tuple[str, str], int] = {}
    for caller, callee, *_ in reader.calls(since, until, links=False):
        if only in ("", caller, callee):
            counts[caller, callee] = counts.get((caller, callee), 0) + 1
    edges = [{"parent": caller, "child": callee, "callCount": count} for (caller, callee), count in counts.items()]
    return structured(edges)


def _page(path: str) -> Response:
    if path == "/":
        return Response(302, b"", headers=[("Location", "/search")])
    if path not in ("/search", "/dependencies") and not path.startswith("/trace/"):
        return Response(404, f"There is nothing here: this is {EMULATOR}.\n".encode())
    return page(Path(__file__).with_name("page.html"))
