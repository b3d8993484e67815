"""Staying healthy: a watcher of the whole run, and a window before the checks in which nothing may go wrong."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from devctl.errors import DevctlError
from devctl.text import clean, count

if TYPE_CHECKING:
    from devctl.actions.access import StackAccess
    from devctl.queries.logs import Group
    from devctl.session.protocol import Item, ServiceView
    from devctl.smoke.stack import RunningStack

LOOK_SECONDS = 0.1
LAST_LINES = 5
SCRAPED_SECONDS = 20.0  # two scrapes and two evaluations at the intervals that Prometheus is mostly given


class Watcher:
    """Follows the stack in a thread: which service that matters failed for good, and who was restarted.

    `unhealthy` counts only what the supervisor calls so: one failed probe is none yet (`retries`).
    """

    def __init__(self, access: StackAccess) -> None:
        self.failed = ""
        self.restarted: list[str] = []
        self.unhealthy: list[str] = []
        self.exit_codes: dict[str, int] = {}
        self._access = access
        self._restarts: dict[str, int] = {}
        self._is_over = False
        self._thread = threading.Thread(target=self._listen, name="smoke-watcher", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Report nothing from here on: what ends now ends because it shall."""
        self._is_over = True

    def _listen(self) -> None:
        try:
            while not self._is_over and (client := self._access.client()):
                for item in client.watch():
                    self.update(item)
                client.close()
        except (DevctlError, OSError):
            return

    def update(self, item: Item) -> None:
        """Record what an item says."""
        views = item["status"]["services"] if "status" in item else item.get("services", [])
        for view in [] if self._is_over else views:
            self._update_service(view)

    def _update_service(self, view: ServiceView) -> None:
        for instance in view["instances"]:
            before = self._restarts.setdefault(instance["id"], instance["restarts"])
            if instance["restarts"] > before:
                self._restarts[instance["id"]] = instance["restarts"]
                self.restarted.append(view["name"])
            if instance["exit_code"] is not None:
                self.exit_codes[view["name"]] = instance["exit_code"]
        if view["optional"]:
            return
        if view["status"] == "unhealthy":
            self.unhealthy.append(view["name"])
        if view["status"] == "failed" and not self.failed:
            self.failed = view["name"]


@dataclass(slots=True)
class Observation:
    """What a window of health showed: sentences, each with the service that it blames."""

    restarts: list[tuple[str, str]] = field(default_factory=list)
    errors: list[tuple[str, str]] = field(default_factory=list)
    alerts: list[tuple[str, str]] = field(default_factory=list)
    seconds: float = 0.0


def observe(stack: RunningStack, watcher: Watcher, seconds: float, began_ns: int) -> Observation:
    """Watch for so long; return what went wrong. It ends early when a service fails for good."""
    restarted, unhealthy = len(watcher.restarted), len(watcher.unhealthy)
    since_ns, began = time.time_ns(), time.monotonic()
    while time.monotonic() - began < seconds and not watcher.failed:
        time.sleep(LOOK_SECONDS)
    seen = Observation(seconds=time.monotonic() - began)
    seen.restarts = [
        (name, _restart(stack, watcher, name, times, since_ns))
        for name, times in Counter(watcher.restarted[restarted:]).items()
    ]
    seen.restarts += [(name, f"{name} became unhealthy") for name in dict.fromkeys(watcher.unhealthy[unhealthy:])]
    seen.errors = [
        (group.service, f"{group.service} wrote {group.count} times: {clean(group.example[:300])}")
        for group in new_errors(stack, began_ns, since_ns)
    ]
    seen.alerts = _alerts(stack)
    return seen


def _restart(stack: RunningStack, watcher: Watcher, name: str, times: int, since_ns: int) -> str:
    """Return how often a service was restarted, how it had ended, and its last lines."""
    code = watcher.exit_codes.get(name)
    ended = f": it ended with exit code {code}" if code is not None else ""
    lines = [clean(line.text[:300]) for line in stack.lines(services=[name], since_ns=since_ns)[-LAST_LINES:]]
    return "\n".join([f"{name} was restarted {count(times, 'time')}{ended}", *(f"| {line}" for line in lines)])


def new_errors(stack: RunningStack, began_ns: int, since_ns: int, services: Sequence[str] = ()) -> list[Group]:
    """Return the kinds of error lines since a moment that had not been seen before it in this run."""
    from devctl.queries.logs import groups
    from devctl.record import logs

    def kinds(query: logs.Query) -> list[Group]:
        return groups(logs.read_batches(stack.run, query))

    names = tuple(services or stack.own_services())
    before = kinds(logs.Query(services=names, since_ns=began_ns, until_ns=since_ns, level="error"))
    old = {(group.service, group.template) for group in before}
    fresh = kinds(logs.Query(services=names, since_ns=since_ns, level="error"))
    return [group for group in fresh if (group.service, group.template) not in old]


def _alerts(stack: RunningStack) -> list[tuple[str, str]]:
    """Return the alerts that go on firing: one of the start ends once Prometheus has seen the stack healthy."""
    deadline = time.monotonic() + SCRAPED_SECONDS
    while (firing := _firing(stack)) and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS * 5)
    return firing


def _firing(stack: RunningStack) -> list[tuple[str, str]]:
    try:
        alerts = stack.prometheus().alerts()
    except DevctlError:
        return []
    firing = [alert for alert in alerts if alert.state == "firing"]
    return [(alert.labels.get("job", ""), f"{alert.name}: {clean(alert.summary)}") for alert in firing]
