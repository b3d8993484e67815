"""`devctl graph`: what depends on what, as DOT or Mermaid."""

from __future__ import annotations

import json

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Spec

LABELS = {
    "service_started": "started",
    "service_healthy": "healthy",
    "service_completed_successfully": "completed",
}


class GraphOptions(Options):
    """What `devctl graph` takes."""

    services = shared.SERVICES
    format = Text("--format", choices=("dot", "mermaid"), help="DOT unless given.")
    as_json = shared.JSON
    profiles = shared.PROFILE


def run(context: Context, options: GraphOptions) -> int:
    """Print the graph of the active services."""
    spec = context.load(names=options.services, profiles=options.profiles)
    if options.as_json:
        rows = [
            {"service": name, "depends_on": other, "condition": condition} for name, other, condition in edges(spec)
        ]
        context.terminal.write(json.dumps({"services": list(spec.active), "edges": rows}, indent=2))
    else:
        draw = mermaid if options.format == "mermaid" else dot
        context.terminal.write("\n".join(draw(spec)))
    return 0


def edges(spec: Spec) -> list[tuple[str, str, str]]:
    """Return (service, what it waits for, condition) of every active service."""
    return [
        (name, dependency.service, str(dependency.condition))
        for name in spec.active
        for dependency in spec.services[name].depends_on
        if dependency.service in spec.active
    ]


def dot(spec: Spec) -> list[str]:
    """Return the graph in Graphviz's language."""
    nodes = [f"  {json.dumps(name)}{_dot_style(spec, name)};" for name in spec.active]
    arrows = [
        f"  {json.dumps(name)} -> {json.dumps(other)} [label={LABELS[condition]}];"
        for name, other, condition in edges(spec)
    ]
    return [f"digraph {json.dumps(spec.name)} {{", "  rankdir=LR;", "  node [shape=box];", *nodes, *arrows, "}"]


def _dot_style(spec: Spec, name: str) -> str:
    service = spec.services[name]
    styles = ["rounded"] * bool(service.uses) + ["dashed"] * service.optional
    return f" [style={json.dumps(','.join(styles))}]" if styles else ""


def mermaid(spec: Spec) -> list[str]:
    """Return the graph as a Mermaid flowchart."""
    ids = {name: f"s{number}" for number, name in enumerate(spec.active)}
    nodes = [
        f"  {ids[name]}([{json.dumps(name)}])" if spec.services[name].uses else f"  {ids[name]}[{json.dumps(name)}]"
        for name in spec.active
    ]
    arrows = [f"  {ids[name]} -->|{LABELS[condition]}| {ids[other]}" for name, other, condition in edges(spec)]
    return ["flowchart LR", *nodes, *arrows]


COMMAND = Command(
    run,
    GraphOptions,
    examples={
        "devctl graph | dot -Tsvg > stack.svg": "a picture",
        "devctl graph --format mermaid": "for a README",
    },
    shape="One object: `services` (names) and `edges`, each `{service, depends_on, condition}`.",
)
