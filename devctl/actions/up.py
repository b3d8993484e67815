"""One start as it was asked for: hand the specification over, show what comes of it, say how it ended."""

from __future__ import annotations

import time

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.text import clean, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Spec
    from devctl.session.client import Client
    from devctl.session.protocol import AcceptedView, Item, ServiceView, Settled


class Wishes:
    """What one `up` was asked for."""

    def __init__(
        self, *, services: list[str], detach: bool = False, wait: bool = True, wait_timeout: float | None = None,
        run_as: str = "", profiles: list[str] | None = None, isolated: bool = False, watch: bool = True,
        no_deps: bool = False, force: bool = False, trace: bool = False, as_json: bool = False, quiet: bool = False,
    ) -> None:  # fmt: skip
        self.services = services
        self.detach = detach
        self.wait = wait
        self.wait_timeout = wait_timeout
        self.run_as = run_as
        self.profiles = profiles or []
        self.isolated = isolated
        self.watch = watch
        self.no_deps = no_deps
        self.force = force
        self.trace = trace
        self.as_json = as_json
        self.quiet = quiet


def load(context: Context, wishes: Wishes) -> Spec:
    """Return the specification that `wishes` ask for."""
    loaded = context.load(
        names=wishes.services, run_as=wishes.run_as, isolated=wishes.isolated, profiles=wishes.profiles
    )
    return loaded.spec


class Hopeless(Exception):
    """A service failed for good while everybody waited for it."""


class Start:
    """One `apply` with its display; remembers whether it began the run."""

    def __init__(self, context: Context, wishes: Wishes, *, give_up: bool) -> None:
        self.began_ns = 0
        self.accepted = False
        self.began = False
        self.failed: list[str] = []
        self._give_up = give_up
        self._wishes = wishes
        self._terminal = context.terminal
        self._progress = shared.progress(context, as_json=wishes.as_json, quiet=wishes.quiet)

    def apply(self, client: Client, spec: Spec) -> Settled:
        """Hand the specification over and show what comes of it."""
        wishes = self._wishes
        self.began_ns = time.time_ns()
        with self._progress as progress:
            settled = client.apply(
                spec, names=wishes.services, force=wishes.force, no_deps=wishes.no_deps, watch=wishes.watch,
                wait=wishes.wait, on_item=self._item,
            )  # fmt: skip
            progress.settled(settled)
        return settled

    def _accept(self, accepted: AcceptedView) -> None:
        self.accepted, self.began = True, accepted["began"]
        if self._wishes.as_json or self._wishes.quiet or self.began:
            return
        for step in accepted["steps"]:  # a person who joins a running stack wants to know what it does to it
            if step["action"] in ("restart", "stop"):
                self._terminal.say(clean(step["text"]))

    def _item(self, item: Item) -> None:
        if "accepted" in item:
            self._accept(item["accepted"])
        self._progress.item(item)
        for view in item.get("services", ()):
            if self._give_up and view["status"] == "failed" and not view["optional"]:
                self.failed.append(view["name"])
                raise Hopeless


def conclude(context: Context, client: Client, settled: Settled, wishes: Wishes, began_ns: int) -> None:
    """Say where everything is, what is missing and why, and what took the time."""
    if wishes.as_json or wishes.quiet:
        return
    from devctl.render import summary

    view = client.status()
    context.terminal.flush()
    for line in summary.results(view, context.terminal):
        context.terminal.write(line)
    for line in summary.talk(view, settled, context.terminal):
        context.terminal.say(line)
    shared.explain(context, client, [one["name"] for one in view["services"] if _spoils(one)])
    if wishes.trace:
        from devctl.actions import start_trace

        start_trace.show(context, began_ns)
    if wishes.isolated:
        name = context.project
        context.terminal.say(typed(f"This copy is named {name}: `devctl -p {name} status`, and so on."))


def _spoils(service: ServiceView) -> bool:
    """Tell whether this service makes the stack unhealthy, and is not just missing."""
    return service["status"] in ("failed", "unhealthy") and not service["optional"]
