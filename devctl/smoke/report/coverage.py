"""What no check touched: services that were silent, operations that only earlier runs show, calls between services."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from devctl.errors import DevctlError
from devctl.smoke.contract import calls_of
from devctl.smoke.outcome import Coverage

if TYPE_CHECKING:
    from devctl.record.spans import Span
    from devctl.smoke.stack import RunningStack

SERVER = 2
LONGEST_LIST = 1_000
DOCUMENT = "/openapi.json"
"""Where a service describes its routes, if it does; devctl itself asks for it at the end of a smoke run."""
DOCUMENT_SECONDS, MOST_BYTES = 2.0, 8 << 20
"""What a service may take for it: nothing is proved by it."""
METHODS = frozenset(("get", "put", "post", "delete", "options", "head", "patch", "trace"))  # of an OpenAPI path item


def of(stack: RunningStack, began_ns: int) -> Coverage:
    """Return the coverage of the checks since a moment. Routes come from each service's OpenAPI document, where it
    has one; edges from its dependencies in stack.yaml."""
    spans = stack.spans_within(began_ns, time.time_ns())
    services = set(stack.own_services())
    touched = {span.service for span in spans} & services
    routes, offered = _routes(spans), _offered(stack, services)
    edges = {f"{caller} -> {callee}" for caller, callee, _ in calls_of(spans)}
    declared = {
        f"{name} -> {other}" for name in services for other in stack.service(name)["depends_on"] if other in services
    }
    return Coverage(
        sorted(services - touched), sorted(offered - routes)[:LONGEST_LIST], sorted(declared - edges),
        len(touched), len(offered & routes) or len(routes), len(edges),
    )  # fmt: skip


def _routes(spans: list[Span]) -> set[str]:
    return {f"{span.service} {span.name}" for span in spans if span.kind == SERVER}


def _offered(stack: RunningStack, services: set[str]) -> set[str]:
    """Return the operations that services offer by their OpenAPI documents, as their spans are named."""
    offered: set[str] = set()
    for name in services:
        offered |= {f"{name} {method.upper()} {path}" for method, path in operations(_document(stack, name))}
    return offered


def operations(document: Any) -> Iterator[tuple[str, str]]:
    """Yield method and path of each operation of an OpenAPI document, nothing of what is none."""
    paths = document.get("paths") if isinstance(document, dict) else None
    for path, methods in paths.items() if isinstance(paths, dict) else ():
        for method in methods if isinstance(methods, dict) else ():
            if str(method).lower() in METHODS:
                yield str(method), str(path)


def _document(stack: RunningStack, name: str) -> Any:
    """Return the OpenAPI document of a service, None where it has none, or one that is too large, late or broken."""
    import httpx

    deadline = time.monotonic() + DOCUMENT_SECONDS
    content = b""
    try:
        url = f"http://{stack.address(name)}{DOCUMENT}"
        with httpx.stream("GET", url, timeout=DOCUMENT_SECONDS, trust_env=False) as answer:
            for chunk in answer.iter_bytes() if answer.is_success else ():
                content += chunk
                if len(content) > MOST_BYTES or time.monotonic() > deadline:
                    return None
        return json.loads(content)
    except (httpx.HTTPError, DevctlError, ValueError, RecursionError):
        return None
