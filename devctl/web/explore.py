"""Grafana's address for looking into a data source (*Explore*), and the page here that shows the same."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from devctl.products.grafana.sources import LOG_KINDS
from devctl.web.boards.plain import mapping, objects, text
from devctl.web.data.times import seconds
from devctl.web.logql import logs_query

_LARGEST = 20_000


def address(query: Mapping[str, list[str]]) -> str:
    """Return the page of traces or logs that an address of Grafana's *Explore* means: `panes`, or `left` before 10."""
    pane = _pane("".join(query.get("panes", [])[:1])) or _read("".join(query.get("left", [])[:1]))
    span = mapping(pane.get("range"))
    wish = next(iter(objects(pane.get("queries"))), {})
    kept = {name: text(span.get(name)) for name in ("from", "to")}
    if _is_of_logs(pane, wish):
        services, filters = logs_query(text(wish.get("expr")))
        return _to("/logs", {**kept, "service": services[0] if services else "", **filters})
    least = seconds(text(wish.get("minDuration")))
    return _to(
        "/traces",
        {
            **kept,
            "service": text(wish.get("service")),
            "operation": text(wish.get("operation")),
            "min_ms": f"{least * 1000:g}" if least else "",
            "errors": "true" if "error=true" in text(wish.get("tags")) else "",
        },
    )


def _pane(panes: str) -> Mapping[str, Any]:
    return next((mapping(pane) for pane in _read(panes).values()), {})


def _read(document: str) -> Mapping[str, Any]:
    try:
        return mapping(json.loads(document)) if len(document) <= _LARGEST else {}
    except (ValueError, RecursionError):
        return {}


def _is_of_logs(pane: Mapping[str, Any], wish: Mapping[str, Any]) -> bool:
    source = mapping(wish.get("datasource"))
    return bool({text(pane.get("datasource")), text(source.get("type")), text(source.get("uid"))} & LOG_KINDS)


def _to(page: str, parameters: Mapping[str, str]) -> str:
    filled = {name: value for name, value in parameters.items() if value}
    return f"{page}?{urlencode(filled)}" if filled else page
