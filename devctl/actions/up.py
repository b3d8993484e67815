"""`up`: start the supervisor, load the manifest meanwhile, hand it over, and give up when a start cannot succeed."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from devctl.actions import names
from devctl.actions.access import StackAccess
from devctl.actions.display import NoInterrupts
from devctl.actions.failures import StartFailed
from devctl.actions.room import wait_for_room
from devctl.actions.time_limit import TimeIsOver, time_limit
from devctl.core.status import is_good
from devctl.errors import DevctlError
from devctl.text import clean, duration, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.display import Display, Interrupts
    from devctl.core.spec import Spec
    from devctl.diagnosis.views import WhyView
    from devctl.session.client import Client
    from devctl.session.connect import Prepared
    from devctl.session.protocol import Item, ServiceView, Settled, StatusView, StepView


class UpOptions(NamedTuple):
    """What one `up` shall do.

    `services`: these and what they need (none: all that is active). `wait`: until everything is settled, for at most
    `wait_timeout_seconds`. `watch`: restart services when their files change. `force_recreate`: restart also what
    did not change. `all_at_once`: not one instance after the other. `build`: images whose sources have changed are
    built anew. `counts`: how many instances, instead of the manifest's number.
    """

    services: Sequence[str] = ()
    run_as: str = ""
    profiles: Sequence[str] = ()
    isolated: bool = False
    no_deps: bool = False
    force_recreate: bool = False
    watch: bool = True
    wait: bool = True
    wait_timeout_seconds: float | None = None
    all_at_once: bool = False
    build: bool = False
    counts: Mapping[str, int] = MappingProxyType({})


class UpResult(NamedTuple):
    """How a start ended. `explanations` say why services that matter are not good."""

    settled: Settled
    status: StatusView
    explanations: Sequence[WhyView]


def prepare(stack: StackAccess, options: UpOptions, display: Display, interrupts: Interrupts | None = None) -> Startup:
    """Connect, starting the supervisor if need be, and load the manifest; whatever fails meanwhile leaves no trace."""
    interrupts = interrupts or NoInterrupts()
    if options.isolated:
        stack = stack.isolated()
    wait_for_room(stack.paths, display)
    prepared: Prepared | None = None
    try:
        with interrupts:  # or a supervisor would be left without anybody who knows of it
            prepared = stack.prepare()
        spec = load(stack, options, display)
        _announce_downloads(spec, display)
        client = prepared.connect()
        interrupts.look()
    except BaseException:
        if prepared:
            prepared.cancel()
        raise
    return Startup(stack, client, spec, options, display)


def load(stack: StackAccess, options: UpOptions, display: Display) -> Spec:
    """Return the specification that the options ask for."""
    loaded = stack.load(
        names=options.services, run_as=options.run_as, isolated=options.isolated, profiles=options.profiles
    )
    for warning in loaded.warnings:
        display.warning(str(warning))
    spec = _scaled(loaded.spec, options.counts) if options.counts else loaded.spec
    spec = _with_kept_variants(stack, spec, display)
    return _with_image_ids(spec) if spec.engine else spec


def _with_image_ids(spec: Spec) -> Spec:
    from devctl.actions import images

    return images.with_ids(spec)


def _with_kept_variants(stack: StackAccess, spec: Spec, display: Display) -> Spec:
    """Return the specification with the variants that data belongs to, and tell where they are not the first."""
    from devctl.record.variants import KeptVariants

    spec = KeptVariants(stack.paths).prefer(spec)
    for name in spec.active:
        if reason := spec.services[name].kept:
            display.warning(f"{name} runs as {typed(reason)}")
    return spec


def _scaled(spec: Spec, counts: Mapping[str, int]) -> Spec:
    """Return `spec` with so many instances of services, instead of the manifest's number."""
    from dataclasses import replace

    names.check_services(list(counts), spec.services)
    scaled = {name: replace(spec.services[name], replicas=count) for name, count in counts.items()}
    return replace(spec, services={**spec.services, **scaled})


def plan(stack: StackAccess, options: UpOptions, display: Display) -> list[StepView]:
    """Return the steps that an `up` with these options would take; from the running stack's state where one runs."""
    if options.isolated:
        stack = stack.isolated()
    spec = load(stack, options, display)
    client = stack.client()
    if client is None:
        from devctl.views import offline

        return offline.plan(spec, names=options.services, force=options.force_recreate, no_deps=options.no_deps)
    return client.plan(spec, names=options.services, force=options.force_recreate, no_deps=options.no_deps)


def _announce_downloads(spec: Spec, display: Display) -> None:
    from devctl.actions import downloads

    if programs := downloads.missing(spec):
        display.downloads(programs)


class Startup:
    """One start with its display; remembers whether it was accepted and whether it began the run."""

    def __init__(self, stack: StackAccess, client: Client, spec: Spec, options: UpOptions, display: Display) -> None:
        self.stack = stack
        self.client = client
        self.spec = spec
        self.options = options
        self.began_ns = 0
        self.settled: Settled | None = None
        self._display = display
        self._is_accepted = False
        self._began_run = False
        self._gives_up = False

    @property
    def owns_run(self) -> bool:
        """Whether the run is this start's own; one that it joined is somebody else's to stop."""
        return self._began_run if self._is_accepted else self.client.started

    def hang_up(self) -> bool:
        """Hang up in the middle, and tell whether what runs is this start's own to stop.

        A start that was not accepted yet may be on its way to the supervisor, or its answer to us: then the supervisor
        says who began the run, and where it has none, what is on its way is to come to nothing.
        """
        self.client.close()
        if self._is_accepted:
            return self._began_run
        try:
            client = self.stack.client()
            hello = client.hello() if client else None
        except DevctlError:  # it ends, since nobody is left that wants something
            return True
        return hello is None or not hello["run"] or hello["starter"] == self.client.name

    def run(self, *, give_up: bool = False) -> Settled:
        """Hand the specification over and show what comes of it.

        With `give_up` StartFailed is raised as soon as a service that matters has failed for good; it is raised in
        any case when the time that the options allow is over.
        """
        self.began_ns = time.time_ns()
        self._gives_up = give_up
        limit = self.options.wait_timeout_seconds
        try:
            with self._display:
                self._build()
                with time_limit(self.client, limit):
                    self.settled = self._apply()
                self._display.settled(self.settled)
        except TimeIsOver:
            raise _failure(self.stack, f"not healthy after {duration(limit or 0)}", ()) from None
        except _ServiceFailed as failed:
            raise _failure(self.stack, f"{clean(failed.name)} failed to start", (failed.name,)) from None
        return self.settled

    def _build(self) -> None:
        """Build the images that are missing or, where that was asked for, have changed: before anything starts."""
        if not self.spec.engine:
            return
        from devctl.actions import images

        try:
            self.spec = images.build_missing(self.spec, self.stack.environ, self._display, changed=self.options.build)
        except DevctlError:
            self.client.close()
            raise

    def _apply(self) -> Settled:
        options = self.options
        return self.client.apply(
            self.spec, names=options.services, force=options.force_recreate, no_deps=options.no_deps,
            watch=options.watch, wait=options.wait, all_at_once=options.all_at_once, on_item=self._on_item,
        )  # fmt: skip

    def _on_item(self, item: Item) -> None:
        if "accepted" in item:
            self._is_accepted, self._began_run = True, item["accepted"]["began"]
        self._display.item(item)
        for service in item.get("services", ()):
            if self._gives_up and service["status"] == "failed" and not service["optional"]:
                raise _ServiceFailed(service["name"])

    def result(self) -> UpResult:
        """Return how the start ended, once it has."""
        assert self.settled is not None
        status = self.client.status()
        bad = [service["name"] for service in status["services"] if _is_bad(service)]
        return UpResult(self.settled, status, self.stack.why(self.client, bad) if bad else ())


class _ServiceFailed(Exception):
    """A service failed for good while everybody waited for it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


def _is_bad(service: ServiceView) -> bool:
    """Tell whether this service makes the stack unhealthy, and is not just missing."""
    return service["status"] in ("failed", "unhealthy") and not service["optional"]


def _failure(stack: StackAccess, what: str, failed: Sequence[str]) -> StartFailed:
    """Return the error of a start that is given up, with why `failed` failed, else why the others are late."""
    session = stack.session()
    late = failed or [service["name"] for service in session.status()["services"] if _is_late(service)]
    explanations = stack.why(session, late) if late else ()
    session.close()
    following = "What runs goes on; `devctl status` shows it, `devctl down` stops it."
    return StartFailed(what, explanations=explanations, next=following)


def _is_late(service: ServiceView) -> bool:
    return service["status"] != "unavailable" and not is_good(service["status"], service["reason"])
