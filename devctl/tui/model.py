"""What the terminal UI knows of a stack at this moment, from what the session tells. Pure: no thread, no screen."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from devctl.tui.cells import safe

if TYPE_CHECKING:
    from devctl.diagnosis.views import CauseView, WhyView
    from devctl.queries.prometheus import Alert
    from devctl.queries.traffic import Load
    from devctl.session.protocol import Item, ProgressView, ServiceView, StatusView

COURSE = 60
"""So many figures are kept of each service: a minute at one a second."""
KEPT_EVENTS = 500
SILENT_NS = 60_000_000_000
"""A running service that wrote nothing for this long is shown as silent."""
GOOD = frozenset({"healthy", "running", "completed"})
ALIVE = frozenset({"healthy", "running", "starting", "unhealthy", "paused", "stopping"})
_NOT_TOLD = frozenset({"planned", "ports_allocated", "state_kept", "files_watched", "noticed"})


@dataclass(slots=True)
class Course:
    """The figures of a service in the course of time, the newest last."""

    cpu: deque[float] = field(default_factory=lambda: deque(maxlen=COURSE))
    memory: deque[float] = field(default_factory=lambda: deque(maxlen=COURSE))


@dataclass(frozen=True, slots=True)
class Happening:
    """One event as people read it."""

    time_ns: int
    service: str
    text: str
    style: str = ""


@dataclass(slots=True)
class LogSigns:
    """What the log of a service shows from afar: error lines since they were looked at, and when it wrote last."""

    errors: int = 0
    last_ns: int = 0


@dataclass
class Model:
    """The state of one stack. `changed` holds the services whose status differs from before, until it is emptied."""

    stack: str = ""
    run: str = ""
    status: str = ""
    folder: str = ""
    services: dict[str, ServiceView] = field(default_factory=dict)
    courses: dict[str, Course] = field(default_factory=dict)
    signs: dict[str, LogSigns] = field(default_factory=dict)
    loads: Mapping[str, Load] = field(default_factory=dict)
    alerts: list[Alert] = field(default_factory=list)
    whys: list[WhyView] = field(default_factory=list)
    progress: dict[str, ProgressView] = field(default_factory=dict)
    happenings: deque[Happening] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))
    changed: set[str] = field(default_factory=set)
    link: str = "connecting"
    """How the stack is reached: connecting, live, gone (nothing runs), lost (its supervisor is away), past, replay."""

    def apply(self, item: Item) -> None:
        """Take in one item of the session's stream."""
        if "status" in item:
            self._status(item["status"])
        for view in item.get("services", ()):
            self._service(view, has_figures=False)
        if "services" in item:
            self.status = self._derived_status()
        if "progress" in item:
            self.progress[item["progress"]["service"]] = item["progress"]
        if "event" in item:
            self._happened(item["event"])
        if "notice" in item:
            self.happenings.append(Happening(self._last_ns(), "", safe(item["notice"], 500)))

    def _last_ns(self) -> int:
        return self.happenings[-1].time_ns if self.happenings else 0

    def _status(self, view: StatusView) -> None:
        self.stack, self.run, self.folder = view["stack"], view["run"], view["folder"]
        self.status = view["status"]
        for service in view["services"]:
            self._service(service, has_figures=True)
        names = {service["name"] for service in view["services"]}
        for name in [name for name in self.services if name not in names]:
            del self.services[name]
        order = {service["name"]: number for number, service in enumerate(view["services"])}
        self.services = dict(sorted(self.services.items(), key=lambda pair: order[pair[0]]))

    def _service(self, view: ServiceView, *, has_figures: bool) -> None:
        name = view["name"]
        earlier = self.services.get(name)
        if earlier is not None and (earlier["status"], earlier["reason"]) != (view["status"], view["reason"]):
            self.changed.add(name)
        if view["status"] != "pending":
            self.progress.pop(name, None)
        course = self.courses.setdefault(name, Course())
        if has_figures:
            course.cpu.append(sum(instance["cpu_percent"] for instance in view["instances"]))
            course.memory.append(sum(instance["memory_bytes"] for instance in view["instances"]))
        elif earlier is not None:
            view = _with_figures(view, earlier)
        self.services[name] = view

    def _derived_status(self) -> str:
        statuses = [view["status"] for view in self.services.values() if not view["optional"]]
        if statuses and all(status in GOOD for status in statuses):
            return "healthy"
        for word in ("stopping", "starting"):
            if any(status == word for status in statuses):
                return word
        if all(status == "stopped" for status in statuses):
            return "stopped"
        return "starting" if any(status in ("pending", "blocked") for status in statuses) else "unhealthy"

    def _happened(self, event: Mapping[str, Any]) -> None:
        if happening := describe(event):
            self.happenings.append(happening)

    def saw_lines(self, service: str, time_ns: int, errors: int) -> None:
        """Take in that a service wrote lines, so many of them errors."""
        signs = self.signs.setdefault(service, LogSigns())
        signs.last_ns = max(signs.last_ns, time_ns)
        signs.errors += errors

    def looked_at_errors(self, services: Iterable[str]) -> None:
        """Let the error lines of services count as seen."""
        for service in services:
            if service in self.signs:
                self.signs[service].errors = 0

    @property
    def healthy(self) -> tuple[int, int]:
        """How many services are good, of how many that are meant to be up."""
        expected = [view for view in self.services.values() if view["status"] != "stopped"]
        return sum(view["status"] in GOOD for view in expected), len(expected)

    @property
    def firing(self) -> int:
        return sum(alert.state == "firing" for alert in self.alerts)

    def traffic(self) -> tuple[float, float]:
        """Return requests a second over all services, and which share of them failed."""
        rate = sum(load.rate for load in self.loads.values())
        failed = sum(load.rate * load.error_share for load in self.loads.values())
        return rate, failed / rate if rate else 0.0

    def is_silent(self, name: str, now_ns: int) -> bool:
        """Tell whether a service that runs has written nothing for long."""
        signs = self.signs.get(name)
        view = self.services[name]
        return bool(signs and signs.last_ns and view["status"] in ("healthy", "running")) and (
            now_ns - (signs.last_ns if signs else 0) > SILENT_NS
        )

    def first_cause(self) -> tuple[str, str]:
        """Return the sentence that says what is wrong at the root, and what to do; empty when all is well."""
        for why in self.whys:
            if why["chain"]:
                cause = why["chain"][-1]
                return cause_text(cause), cause["next"]
        return "", ""


def cause_text(cause: CauseView) -> str:
    """Return what a cause says, with whose it is where it does not say so itself."""
    return cause["says"] if cause["says"].startswith(cause["service"]) else f"{cause['service']}: {cause['says']}"


def _with_figures(view: ServiceView, earlier: ServiceView) -> ServiceView:
    """Return `view`, which came without figures of CPU and memory, with those of before."""
    before = {instance["id"]: instance for instance in earlier["instances"]}
    for instance in view["instances"]:
        if (old := before.get(instance["id"])) and not instance["memory_bytes"] and old["pid"] == instance["pid"]:
            instance["cpu_percent"], instance["memory_bytes"] = old["cpu_percent"], old["memory_bytes"]
    return view


def describe(event: Mapping[str, Any]) -> Happening | None:
    """Return an event of the stack as a person reads it; None for what is no news."""
    kind = str(event.get("type", ""))
    if not kind or kind in _NOT_TOLD:
        return None
    subject = str(event.get("instance") or event.get("service") or "")
    text, style = _sentence(kind, event)
    return Happening(
        int(event.get("at_ns", 0)), str(event.get("service", "")), safe(f"{subject} {text}".strip()), style
    )


def _sentence(kind: str, event: Mapping[str, Any]) -> tuple[str, str]:
    reason = str(event.get("reason") or event.get("answer") or event.get("cause") or "")
    match kind:
        case "instance_exited":
            return f"exited with {event.get('code')}" + (f": {reason}" if reason else ""), "bad"
        case "start_failed":
            return f"failed to start: {reason}", "bad"
        case "instance_unready":
            return f"is unhealthy: {reason}", "bad"
        case "instance_ready":
            return "is healthy", "good"
        case "instance_started":
            return f"started, pid {event.get('pid')}", ""
        case "instance_stopped":
            return "stopped", "dim"
        case "instance_signalled":
            return f"was sent {event.get('signal')}", "warn"
        case "variant_missing":
            return f"{event.get('variant')} cannot be had: {reason}", "warn"
        case "files_changed":
            return f"restarts: {event.get('path')} changed", "busy"
    phrase = kind.replace("_", " ").removeprefix("instance ")
    return phrase + (f": {reason}" if reason else ""), "dim"
