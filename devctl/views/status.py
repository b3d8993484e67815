"""Makes the session's answers from a specification and a state: the same live and from the record."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from devctl.clock import rfc3339
from devctl.core.decide import variant_of
from devctl.core.derived import Standing, stack_word, standing
from devctl.core.launch import HOST, instance_name, ports_of
from devctl.core.order import Graph, graph
from devctl.core.plan import Plan
from devctl.core.spec import Service, Spec, Variant
from devctl.core.state import Instance, ServiceState, State
from devctl.session.protocol import InstanceView, ServiceView, StatusView, StepView

Figures = Callable[[int], tuple[float, int]]
"""Returns CPU in percent of one core and memory in bytes of the process tree under a pid."""


def no_figures(_: int) -> tuple[float, int]:
    """Return nothing for nothing that lives."""
    return 0.0, 0


@dataclass(frozen=True, slots=True)
class Picture:
    """All that views are made from."""

    spec: Spec
    graph: Graph
    state: State
    standings: Mapping[str, Standing]

    @property
    def shown(self) -> list[str]:
        """The services that people see: what is active or was asked for, in order of declaration."""
        declared = [n for n in self.spec.services if n in self.state.services or n in self.spec.active]
        return declared + [n for n in self.state.services if n not in self.spec.services]

    @property
    def optional(self) -> Collection[str]:
        """The services without which the stack counts as healthy."""
        return {name for name, service in self.spec.services.items() if service.optional}


def picture(spec: Spec, state: State) -> Picture:
    """Return the picture of a state at rest."""
    whole = graph(spec.services)
    return Picture(spec, whole, state, {name: standing(whole, state, name) for name in state.services})


def status_view(
    seen: Picture, folder: str, supervisor: int = 0, keeper: int = 0, figures: Figures = no_figures
) -> StatusView:
    """Return how the whole stack stands."""
    return {
        "stack": seen.spec.name or seen.state.stack,
        "run": seen.state.run,
        "status": stack_word(seen.standings, seen.optional),
        "folder": folder,
        "supervisor": {"pid": supervisor},
        "keeper": {"pid": keeper},
        "services": [service_view(seen, name, figures) for name in seen.shown],
    }


def service_view(seen: Picture, name: str, figures: Figures = no_figures) -> ServiceView:
    """Return one service as every front end shows it."""
    service = seen.spec.services.get(name) or Service(name)
    found = seen.state.services.get(name) or ServiceState(name)
    stands = seen.standings.get(name) or standing(seen.graph, seen.state, name)
    variant = variant_of(service, found)
    ports = _ports_shown(seen.state, service, variant, instance_name(name, 1))
    instances = [i for i in found.instances.values() if i.is_alive or i.number <= found.replicas]
    return {
        "name": name,
        "status": stands.status.value,
        "variant": variant.name if variant else "",
        "why_variant": _why_variant(found),
        "kind": variant.kind.value if variant else "",
        "optional": service.optional,
        "reason": stands.reason,
        "cure": stands.cure,
        "note": variant.note if variant else "",
        "uses": service.uses,
        "provides": dict(variant.provides if variant else service.provides),
        "depends_on": [d.service for d in service.depends_on],
        "ports": _addresses(ports),
        "page": _page(service, ports),
        "waits_for": list(stands.waits_for),
        "started_seconds": _started_seconds(instances),
        "instances": [_instance_view(i, _ports_shown(seen.state, service, variant, i.id), figures) for i in instances],
    }


def _ports_shown(state: State, service: Service, variant: Variant | None, instance: str) -> dict[str, int]:
    """Return the ports that the chosen variant has; those of the others are only kept for it to fall back to."""
    names = {port.name for port in (ports_of(service, variant) if variant else service.ports)}
    return {name: number for name, number in state.ports.get(instance, {}).items() if name in names}


def _instance_view(instance: Instance, ports: Mapping[str, int], figures: Figures) -> InstanceView:
    pid = instance.pid if instance.is_alive else 0
    cpu, memory = figures(pid) if pid else (0.0, 0)
    return {
        "id": instance.id,
        "pid": pid,
        "container": instance.container,
        "status": instance.status.value,
        "reason": instance.reason,
        "ports": _addresses(ports),
        "started_at": rfc3339(instance.started_ns) if instance.started_ns else "",
        "restarts": instance.restarts,
        "exit_code": instance.exit_code if instance.ended else None,
        "cpu_percent": round(cpu, 1),
        "memory_bytes": memory,
    }


def _addresses(ports: Mapping[str, int]) -> dict[str, str]:
    return {name: f"{HOST}:{number}" for name, number in ports.items()}


def _page(service: Service, ports: Mapping[str, int]) -> str:
    number = ports.get(service.page) if service.page else None
    if number is None and not service.uses:
        number = ports.get("http")
    return f"http://{HOST}:{number}/" if number else ""


def _why_variant(found: ServiceState) -> str:
    if not found.option:
        return ""
    missing = "; ".join(f"{m.variant} cannot be had: {m.reason}" for m in found.missing)
    return missing or "the first that can be had here"


def _started_seconds(instances: list[Instance]) -> float | None:
    took = [i.start_seconds for i in instances if i.start_seconds is not None]
    return round(max(took), 3) if took else None


def step_views(plan: Plan) -> list[StepView]:
    """Return the steps of a plan as JSON."""
    return [
        {"action": s.action.value, "service": s.service, "cause": s.cause, "after": list(s.after), "text": s.text}
        for s in plan.steps
    ]
