"""Makes the session's answers from a snapshot: the same live and from the record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping

from devctl.clock import rfc3339
from devctl.core.decide import variant_of
from devctl.core.derived import overall_status
from devctl.core.faults import Fault
from devctl.core.launch import HOST, instance_name, ports_of
from devctl.core.plan import Plan
from devctl.core.spec import RESERVED, Service, Variant
from devctl.core.state import Instance, ServiceState, State
from devctl.masking import mask_text
from devctl.session.protocol import FaultView, InstanceView, ServiceView, StatusView, StepView
from devctl.views.snapshot import StackSnapshot

Usage = Callable[[int], tuple[float, int]]
"""Returns CPU in percent of one core and memory in bytes of the process tree under a pid."""


def no_usage(_: int) -> tuple[float, int]:
    """Return zeros: for what does not live, and where nobody asked for it."""
    return 0.0, 0


def status_view(
    snapshot: StackSnapshot, folder: str, supervisor: int = 0, keeper: int = 0, usage: Usage = no_usage
) -> StatusView:
    """Return the status of the whole stack."""
    return {
        "stack": snapshot.spec.name or snapshot.state.stack,
        "run": snapshot.state.run,
        "status": overall_status(snapshot.statuses, snapshot.optional),
        "folder": folder,
        "supervisor": {"pid": supervisor},
        "keeper": {"pid": keeper},
        "services": [service_view(snapshot, name, usage) for name in snapshot.shown],
    }


def service_view(snapshot: StackSnapshot, name: str, usage: Usage = no_usage) -> ServiceView:
    """Return one service as every front end shows it."""
    service, service_state, derived = snapshot.service(name), snapshot.service_state(name), snapshot.status(name)
    variant = variant_of(service, service_state)
    reached_at = name if service.is_relayed else instance_name(name, 1)
    ports = _ports_shown(snapshot.state, service, variant, reached_at)
    instances = sorted(service_state.instances.values(), key=lambda instance: instance.number)
    return {
        "name": name,
        "status": derived.status.value,
        "variant": variant.name if variant else "",
        "why_variant": _why_variant(service, service_state),
        "kind": variant.kind.value if variant else "",
        "optional": service.optional,
        "reason": mask_text(derived.reason),
        "cure": mask_text(derived.remedy),
        "note": "; ".join(filter(None, (variant.note if variant else "", *_restarted(instances)))),
        "uses": service.uses,
        "provides": dict(variant.provides if variant else service.provides),
        "depends_on": [d.service for d in service.depends_on],
        "ports": _addresses(ports),
        "fronted": service.is_relayed,
        "faults": [_fault_view(f) for f in snapshot.state.faults.values() if f.service == name],
        "page": _page(service, ports),
        "waits_for": list(derived.waits_for),
        "started_seconds": _started_seconds(instances),
        "instances": [
            _instance_view(i, _ports_shown(snapshot.state, service, variant, i.id), usage) for i in instances
        ],
    }


def with_note(view: StatusView, service: str, note: str) -> StatusView:
    """Return the view with a further note on a service."""
    services = [
        {**each, "note": "; ".join(filter(None, (each["note"], note)))} if note and each["name"] == service else each
        for each in view["services"]
    ]
    return {**view, "services": services}  # type: ignore[typeddict-item]  # what a spread has, mypy cannot tell


def _restarted(instances: Iterable[Instance]) -> Iterator[str]:
    """Yield why the instance that was restarted last by itself was."""
    restarted = [i for i in instances if i.restarted_because and i.is_alive]
    if restarted:
        last = max(restarted, key=lambda instance: instance.spawned)
        yield mask_text(f"{last.id} was restarted: {last.restarted_because}")


def _fault_view(fault: Fault) -> FaultView:
    left = round(max(fault.until - time.monotonic(), 0.0), 1) if fault.until else None
    return {"name": fault.name, "kind": fault.kind.value, "text": fault.text, "seconds_left": left}


def _ports_shown(state: State, service: Service, variant: Variant | None, instance: str) -> dict[str, int]:
    """Return the ports that the chosen variant has; those of the others are only kept for it to fall back to."""
    names = {port.name for port in (ports_of(service, variant) if variant else service.ports)}
    return {name: number for name, number in state.ports.get(instance, {}).items() if name in names}


def _instance_view(instance: Instance, ports: Mapping[str, int], usage: Usage) -> InstanceView:
    cpu, memory = usage(instance.pid) if instance.is_alive and instance.pid else (0.0, 0)
    return {
        "id": instance.id,
        "pid": instance.process_id if instance.is_alive else 0,
        "container": instance.container if instance.is_alive else "",
        "status": instance.status.value,
        "reason": mask_text(instance.reason),
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
    """Return where people look; services that devctl adds serve metrics and no page."""
    number = ports.get(service.page) if service.page else None
    if number is None and not service.uses and service.name not in RESERVED:
        number = ports.get("http")
    return f"http://{HOST}:{number}/" if number else ""


def _why_variant(service: Service, service_state: ServiceState) -> str:
    if not service_state.option:
        return ""
    if service.kept and service_state.option.variant == service.variants[0].name:
        return service.kept
    missing = "; ".join(f"{m.variant} cannot be had: {m.reason}" for m in service_state.missing)
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
