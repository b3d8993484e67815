"""The start of a stack as items: each program got, each service started and healthy, with its duration."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from devctl.smoke.outcome import FAILED, PASSED, SKIPPED, Outcome
from devctl.text import clean, clean_lines

if TYPE_CHECKING:
    from devctl.diagnosis.views import WhyView
    from devctl.session.protocol import ServiceView, StatusView

GOOD = ("healthy", "running", "completed")


def outcomes(
    status: StatusView, events: Iterable[Mapping[str, Any]], why: Sequence[WhyView], *, is_given_up: bool = False
) -> list[Outcome]:
    """Return an outcome for each step of the start, service by service in the order of the stack. A start is given up
    when it is interrupted, or a service failed for good: what else is not up then is nobody's fault."""
    moments = _moments(events)
    reasons = {view["service"]: view for view in why}
    steps = []
    is_given_up |= any(view["status"] == "failed" and not view["optional"] for view in status["services"])
    for view in status["services"]:
        outcomes_of_service = _of_service(view, moments.get(view["name"], {}), reasons.get(view["name"]))
        if is_given_up and view["status"] not in (*GOOD, "failed"):
            outcomes_of_service[-1].status, outcomes_of_service[-1].text = SKIPPED, ""
            outcomes_of_service[-1].message = f"{view['name']} was {view['status']} when the start was given up"
        steps += outcomes_of_service
    return steps


def _moments(events: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return when each service reached each stage first, in seconds of the supervisor's clock."""
    stages = {
        "fetch_began": "fetch", "tools_ready": "fetched", "instance_starting": "starting",
        "instance_started": "started", "instance_ready": "ready",
    }  # fmt: skip
    moments: dict[str, dict[str, float]] = {}
    for event in events:
        stage = stages.get(_snake(str(event.get("type", ""))))
        if stage and (service := event.get("service")):
            moments.setdefault(str(service), {}).setdefault(stage, float(event.get("monotonic", 0.0)))
    return moments


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_").replace("-", "_").replace(".", "_")


def _of_service(view: ServiceView, moments: Mapping[str, float], why: WhyView | None) -> list[Outcome]:
    name = view["name"]
    steps = []
    if "fetched" in moments:
        steps.append(_step(name, "program got", moments.get("fetch", moments["fetched"]), moments["fetched"]))
    if "started" in moments:
        steps.append(_step(name, "started", moments.get("starting", moments["started"]), moments["started"]))
    is_good = view["status"] in GOOD
    final = _step(name, "healthy" if is_good else "becomes healthy", moments.get("started", 0), moments.get("ready", 0))
    if view["started_seconds"] is not None:
        final.seconds = view["started_seconds"]
    if not is_good:
        final.status = SKIPPED if view["optional"] else FAILED
        final.message = clean(f"{name} is {view['status']}: {view['reason']}").rstrip(": ")
        final.text = explanation(why) if why else final.message
        final.service = root_cause(why) or name
    return [*steps, final]


def _step(service: str, what: str, began: float, ended: float) -> Outcome:
    return Outcome("start", f"{service}: {what}", PASSED, max(ended - began, 0.0) if began else 0.0, service=service)


def root_cause(why: WhyView | None) -> str:
    """Return the service at the end of a diagnosis."""
    return why["chain"][-1]["service"] if why and why["chain"] else ""


def explanation(why: WhyView) -> str:
    """Return a diagnosis as plain text."""
    lines: list[str] = []
    for depth, cause in enumerate(why["chain"]):
        indent = "  " * depth
        lines.append(indent + clean_lines(cause["says"]))
        lines += [f"{indent}  its check saw: {clean(cause['answer'])}"] if cause["answer"] else []
        lines += [f"{indent}  | {clean(line)}" for line in cause["lines"]]
        lines += [f"{indent}  next: {clean_lines(cause['next'])}"] if cause["next"] else []
    return "\n".join(lines)
