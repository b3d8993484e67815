"""The service map from real traffic: who calls whom, how often, how often wrongly, how slowly."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from devctl.queries.traces import CONSUMER
from devctl.record.spans import SpanReader

_LONGEST_NAME = 200  # in a drawing


@dataclass(frozen=True, slots=True)
class Edge:
    """Calls of one kind (`http` or `event`) from one service to another. `rate` is per second over the window."""

    caller: str
    callee: str
    kind: str
    calls: int
    errors: int
    rate: float
    p95_ms: float

    @property
    def error_share(self) -> float:
        return self.errors / self.calls


def edges(reader: SpanReader, since_ns: int, until_ns: int) -> list[Edge]:
    """Return the edges of the traffic in a time range, by caller and callee."""
    by_edge: defaultdict[tuple[str, str, str], list[tuple[int, bool]]] = defaultdict(list)
    for caller, callee, kind, error, duration in reader.calls(since_ns, until_ns):
        by_edge[caller, callee, "event" if kind == CONSUMER else "http"].append((duration, error))
    seconds = max((until_ns - since_ns) / 1e9, 1e-9)
    return [
        Edge(caller, callee, kind, len(calls), sum(e for _, e in calls), len(calls) / seconds, _p95_ms(calls))
        for (caller, callee, kind), calls in sorted(by_edge.items())
    ]


def _p95_ms(calls: Sequence[tuple[int, bool]]) -> float:
    """The 95th percentile by nearest rank."""
    durations = sorted(duration for duration, _ in calls)
    return durations[max(-(-len(durations) * 95 // 100) - 1, 0)] / 1e6


def as_json(edge: Edge) -> dict[str, Any]:
    """Return a line of `map --json`."""
    return {
        "caller": edge.caller,
        "callee": edge.callee,
        "kind": edge.kind,
        "calls": edge.calls,
        "errors": edge.errors,
        "rate": round(edge.rate, 4),
        "p95_ms": round(edge.p95_ms, 3),
    }


def dot(edges: Sequence[Edge]) -> str:
    """Return the map as Graphviz DOT; events are dashed, edges with errors red."""
    lines = ["digraph services {", "  rankdir=LR;", "  node [shape=box];"]
    for edge in edges:
        style = ["style=dashed"] if edge.kind == "event" else []
        style += ["color=red"] if edge.errors else []
        label = json.dumps(_label(edge))
        attributes = ", ".join([f"label={label}", *style])
        lines.append(
            f"  {json.dumps(edge.caller[:_LONGEST_NAME])} -> {json.dumps(edge.callee[:_LONGEST_NAME])} [{attributes}];"
        )
    return "\n".join([*lines, "}"])


def mermaid(edges: Sequence[Edge]) -> str:
    """Return the map as a Mermaid flow chart; events are dotted."""
    names = {name: f"s{i}" for i, name in enumerate(sorted({n for e in edges for n in (e.caller, e.callee)}))}
    lines = ["flowchart LR", *(f'    {key}["{_quoted(name)}"]' for name, key in names.items())]
    for edge in edges:
        arrow = "-.->" if edge.kind == "event" else "-->"
        lines.append(f'    {names[edge.caller]} {arrow}|"{_label(edge)}"| {names[edge.callee]}')
    return "\n".join(lines)


def _label(edge: Edge) -> str:
    wrong = f", {edge.errors} failed" if edge.errors else ""
    return f"{edge.calls}{wrong}, p95 {edge.p95_ms:.0f} ms"


def _quoted(name: str) -> str:
    return "".join(c if c.isprintable() and c not in '"#[]' else " " for c in name[:_LONGEST_NAME])
