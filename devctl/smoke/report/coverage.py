"""What no check touched: services that were silent, operations that only earlier runs show, calls between services."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

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
    import httpx

    offered: set[str] = set()
    for name in services:
        try:
            answer = httpx.get(f"http://{stack.address(name)}{DOCUMENT}", timeout=2, trust_env=False)
            paths = answer.json()["paths"] if answer.is_success else {}
        except (httpx.HTTPError, ValueError, KeyError, TypeError, DevctlError):
            continue
        offered |= {f"{name} {method.upper()} {path}" for path, methods in paths.items() for method in methods}
    return offered
