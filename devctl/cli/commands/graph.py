"""`devctl graph`: what depends on what, as DOT or Mermaid."""

from __future__ import annotations

import json

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Option

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Spec

WORDS = {
    "service_started": "started",
    "service_healthy": "healthy",
    "service_completed_successfully": "completed",
}


def run(context: Context, *, services: list[str], format: str | None, as_json: bool, profiles: list[str]) -> int:
    """Print the graph of the active services."""
    spec = context.load(names=services, profiles=profiles).spec
    found = edges(spec)
    if as_json:
        rows = [{"service": one, "depends_on": other, "condition": why} for one, other, why in found]
        context.terminal.write(json.dumps({"services": list(spec.active), "edges": rows}, indent=2))
    else:
        draw = mermaid if format == "mermaid" else dot
        context.terminal.write("\n".join(draw(spec, found)))
    return 0


def edges(spec: Spec) -> list[tuple[str, str, str]]:
    """Return (service, what it waits for, condition) of every active service."""
    return [
        (name, dependency.service, str(dependency.condition))
        for name in spec.active
        for dependency in spec.services[name].depends_on
        if dependency.service in spec.active
    ]


def dot(spec: Spec, found: list[tuple[str, str, str]]) -> list[str]:
    """Return the graph in Graphviz's language."""
    nodes = [f"  {json.dumps(name)}{_dot_style(spec, name)};" for name in spec.active]
    arrows = [f"  {json.dumps(one)} -> {json.dumps(other)} [label={WORDS[why]}];" for one, other, why in found]
    return [f"digraph {json.dumps(spec.name)} {{", "  rankdir=LR;", "  node [shape=box];", *nodes, *arrows, "}"]


def _dot_style(spec: Spec, name: str) -> str:
    service = spec.services[name]
    styles = ["rounded"] * bool(service.uses) + ["dashed"] * service.optional
    return f" [style={json.dumps(','.join(styles))}]" if styles else ""


def mermaid(spec: Spec, found: list[tuple[str, str, str]]) -> list[str]:
    """Return the graph as a Mermaid flowchart."""
    ids = {name: f"s{number}" for number, name in enumerate(spec.active)}
    nodes = [
        f"  {ids[name]}([{json.dumps(name)}])" if spec.services[name].uses else f"  {ids[name]}[{json.dumps(name)}]"
        for name in spec.active
    ]
    arrows = [f"  {ids[one]} -->|{WORDS[why]}| {ids[other]}" for one, other, why in found]
    return ["flowchart LR", *nodes, *arrows]


COMMAND = Command(
    run,
    shared.SERVICES,
    Option("--format", choices=("dot", "mermaid"), help="DOT unless given."),
    shared.JSON,
    shared.PROFILE,
    examples={
        "devctl graph | dot -Tsvg > stack.svg": "a picture",
        "devctl graph --format mermaid": "for a README",
    },
    shape="One object: `services` (names) and `edges`, each `{service, depends_on, condition}`.",
)
