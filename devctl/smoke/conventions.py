"""What the semantic conventions of OpenTelemetry require of a span, by what it says of itself. Pure.

Of HTTP, messaging and databases: the attributes that are required of every span of the kind, names that are out of
date, and how a span is to be called. https://opentelemetry.io/docs/specs/semconv/
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devctl.record.spans import Span

SERVER, CLIENT, PRODUCER, CONSUMER = 2, 3, 4, 5  # opentelemetry.proto.trace.v1.Span.SpanKind
REQUIRED = {
    ("http", SERVER): ("http.request.method", "url.path", "url.scheme"),
    ("http", CLIENT): ("http.request.method", "server.address", "server.port", "url.full"),
    ("messaging", PRODUCER): ("messaging.system", "messaging.operation.name", "messaging.destination.name"),
    ("messaging", CONSUMER): ("messaging.system", "messaging.operation.name", "messaging.destination.name"),
    ("db", CLIENT): ("db.system.name",),
}
RENAMED = {
    "http.method": "http.request.method", "http.status_code": "http.response.status_code", "http.url": "url.full",
    "http.target": "url.path", "http.scheme": "url.scheme", "net.peer.name": "server.address",
    "net.peer.port": "server.port", "net.host.name": "server.address", "net.host.port": "server.port",
    "db.system": "db.system.name", "db.name": "db.namespace", "db.statement": "db.query.text",
    "messaging.operation": "messaging.operation.type", "messaging.destination": "messaging.destination.name",
}  # fmt: skip
"""Attributes that were renamed when the conventions became stable."""


def faults(span: Span) -> Iterator[str]:
    """Yield what of a span is not as the conventions require."""
    names = span.attributes
    for old in names.keys() & RENAMED.keys():
        yield f"{old} is called {RENAMED[old]} now"
    for (area, kind), required in REQUIRED.items():
        if span.kind == kind and any(name.startswith(f"{area}.") for name in names):
            for name in required:
                if name not in names and not any(RENAMED.get(old) == name for old in names):
                    yield f"{name} is missing"
    yield from _name(span)


def _name(span: Span) -> Iterator[str]:
    """Yield what is wrong with the name of a request's span: it is the method, and the route where there is one."""
    method, route = span.attributes.get("http.request.method"), span.attributes.get("http.route")
    if span.kind == SERVER and isinstance(method, str) and isinstance(route, str):
        allowed = (f"{method} {route}", f"HTTP {route}")  # HTTP stands for methods that are not well known
        if span.name not in allowed:
            yield f"it is called {span.name!r} instead of '{method} {route}'"
