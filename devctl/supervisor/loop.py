"""The one loop of a stack: one queue, the only writer of its state. It decides; others do and report back.

Whatever happens comes through `post`: events from the executor, ends of instances from the runners, requests from
the session. After each batch it decides what is due (`core.decide`), orders it, and notifies its listeners.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, Generic, Protocol, TypeVar

from devctl.clock import Clock
from devctl.core import decide
from devctl.core import events as happened
from devctl.core.decide import Situation, Step
from devctl.core.derived import DerivedStatus, derive_status
from devctl.core.events import Event, Option
from devctl.core.order import Graph, graph
from devctl.core.spec import RESERVED, FailureAction, Service, Spec, digest
from devctl.core.state import Instance, ServiceState, State
from devctl.core.status import Status
from devctl.core.transitions import apply
from devctl.runners.base import Exit
from devctl.supervisor.listeners import Change, Listeners
from devctl.supervisor.restart import Ended, decide_restart
from devctl.values import dataclass

T = TypeVar("T")


class StepExecutor(Protocol):
    """Does the steps that the loop decides on, and posts what came of them."""

    def begin(self, step: Step) -> None:
        """Begin a step and return at once."""
        ...

    def follow(self, names: Iterable[str]) -> None:
        """Begin and end probes, and rewrite live files, as the state of `names` now calls for."""
        ...


class EventLog(Protocol):
    """Where events are kept."""

    def append(self, event: dict[str, Any]) -> None:
        """Keep one event."""
        ...


class Timer(Protocol):
    """A call to come."""

    def cancel(self) -> None:
        """Take it back."""
        ...


Later = Callable[[float, Callable[[], None]], Timer]
"""Has something called after so many seconds."""


def _call_later(seconds: float, call: Callable[[], None]) -> Timer:
    return asyncio.get_running_loop().call_later(seconds, call)


@dataclass(frozen=True, slots=True)
class Decision(Generic[T]):
    """What was decided about a request: the events that grant it, and what whoever asked is told."""

    events: tuple[Event, ...]
    result: T


@dataclass(frozen=True, slots=True)
class Request:
    """Something that was asked for: `decide` returns the decision, or raises to refuse it."""

    decide: Callable[[], Decision[Any]]
    granted: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class Tick:
    """A pause may be over."""


Message = Event | Exit | Request | Tick


class Loop:
    """State, what follows from it, and what is due. Everybody may read its attributes; it alone sets them."""

    def __init__(self, clock: Clock, *, rng: Callable[[], float] = random.random, later: Later = _call_later) -> None:
        self.clock = clock
        self.spec = Spec("", "")
        self.graph: Graph = graph({})
        self.state = State()
        self.statuses: dict[str, DerivedStatus] = {}
        self.force_stop = False  # stop without order or grace
        self.previous: dict[str, Service] = {}  # definitions that were in force before the present ones
        self.listeners = Listeners()
        self._executor: StepExecutor | None = None
        self._event_log: EventLog | None = None
        self._rng = rng
        self._queue: asyncio.Queue[Message] = asyncio.Queue()
        self._events: list[Event] = []
        self._dirty: set[str] = set()
        self._changed: set[str] = set()
        self._notified: dict[str, tuple[ServiceState | None, DerivedStatus | None]] = {}
        self._early: dict[str, Exit] = {}
        self._restarts: dict[str, float] = {}
        self._later: Later = later
        self._timer: Timer | None = None
        self._fetches_optional = False

    # Ways in

    def attach(self, executor: StepExecutor, event_log: EventLog) -> None:
        """Order steps from `executor` and keep events in `event_log` from now on: a run has begun or was taken back."""
        self._executor, self._event_log = executor, event_log

    def post(self, message: Event | Exit) -> None:
        """Hand in something that happened."""
        self._queue.put_nowait(message)

    def wake(self) -> None:
        """Have everybody who waits look again, though nothing happened."""
        self._queue.put_nowait(Tick())

    async def ask(self, decide: Callable[[], Decision[T]]) -> T:
        """Have `decide` called between two batches and its events applied; return its result, raise what it raises."""
        granted: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(Request(decide, granted))
        return await granted

    async def record(self, make_event: Callable[[], Event]) -> None:
        """Have one event made and applied between two batches."""
        await self.ask(lambda: Decision((make_event(),), None))

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once `holds()`, which is asked after each batch."""
        await self.listeners.until(holds)

    def activate(self, spec: Spec) -> None:
        """Put `spec` in force; only while a request is being decided, or before `run`."""
        before = self.spec.services
        changed = {name: before[name] for name, s in spec.services.items() if name in before and before[name] != s}
        self.previous.update(changed)
        self.spec = spec
        self.graph = graph(spec.services)
        self._dirty.update(spec.services)
        self.statuses = {name: s for name, s in self.statuses.items() if name in spec.services}

    def restore(self, spec: Spec, state: State) -> None:
        """Begin with what an earlier supervisor left."""
        self.state = state
        self.activate(spec)

    # The loop

    async def run(self) -> None:
        """Take message after message, until cancelled."""
        while True:
            self._take(await self._queue.get())
            self.turn()

    def turn(self) -> None:
        """Take what has come so far, order what follows from it, and notify."""
        while not self._queue.empty():
            self._take(self._queue.get_nowait())
        self._settle()

    def _take(self, message: Message) -> None:
        match message:
            case Request():
                self._grant(message)
            case Exit():
                self._on_exit(message)
            case Tick():
                self._dirty.update(self._restarts)
            case happened.InstanceStarted():
                self._record(message)
                if early := self._early.pop(message.instance, None):
                    self._on_exit(early)
            case _:
                self._record(message)

    def _grant(self, request: Request) -> None:
        if request.granted.cancelled():  # whoever asked is gone, and nothing was promised yet
            return
        try:
            decision = request.decide()
            for event in decision.events:
                self._record(event)
        except Exception as refusal:  # the border between the loop and whoever asked: it is theirs
            if not request.granted.cancelled():
                request.granted.set_exception(refusal)
        else:
            if not request.granted.cancelled():
                request.granted.set_result(decision.result)

    def _record(self, event: Event) -> None:
        """Apply one event and keep it."""
        event = happened.stamp(event, self.clock)
        self.state = apply(self.state, event)
        if isinstance(event, happened.RolloutFailed) and event.action is FailureAction.ROLLBACK:
            self._revert(event.service)
        self._events.append(event)
        if self._event_log:
            self._event_log.append(happened.to_json(event))
        self._dirty.update(_concerns(event))

    def _revert(self, name: str) -> None:
        """Put the definition in force again that a service had before, where its state went back to that."""
        option, before = self.state.services[name].option, self.previous.get(name)
        if before and any(option == Option(v.name, digest(before, v)) for v in before.variants):
            self.activate(replace(self.spec, services={**self.spec.services, name: before}))

    def _on_exit(self, end: Exit) -> None:
        """Decide about an instance that ended by itself; a stop reports its own end."""
        service = end.instance.rpartition(".")[0]
        instance = self.state.instance(service, end.instance)
        if instance is None or not instance.is_alive or instance.status is Status.STOPPING:
            return
        if not instance.pid:  # the event that it lives comes after the event that it ended
            self._early[end.instance] = end
        elif instance.pid == end.pid:
            for event in self._exit_events(instance, end):
                self._record(event)

    def _exit_events(self, instance: Instance, end: Exit) -> tuple[Event, ...]:
        service_state, service = self.state.services[instance.service], self.spec.services.get(instance.service)
        if service is None or not service_state.wants(instance):
            return (happened.InstanceStopped(instance.id, instance.service, end.code),)
        variant = decide.variant_of(service, service_state)
        decision = decide_restart(
            service, service_state, Ended(instance, end.code, self.clock.monotonic(), self._rng(), end.left_behind),
            has_check=variant is not None and variant.check is not None,
            is_job=instance.service in self.graph.jobs,
        )  # fmt: skip
        exited = happened.InstanceExited(
            instance.id, instance.service, end.pid, end.code,
            decision.verdict, decision.reason, decision.pause_seconds, decision.requested,
        )  # fmt: skip
        if not decision.is_attempt:
            return (exited,)
        return (exited, happened.Notice(f"{instance.id} {decision.reason}", instance.service))

    def _settle(self) -> None:
        """Order everything that is due, until nothing more is; then notify."""
        affected: set[str] = set()
        while self._dirty:
            names = self._neighbourhood(self._dirty)
            self._dirty = set()
            self._derive(names)
            self._order(names)
            affected |= names
        self._collect_changed(affected)
        self._set_timer()
        change = Change(tuple(self._events), frozenset(self._changed))
        self._events, self._changed = [], set()
        self.listeners.notify(change)

    def _collect_changed(self, names: set[str]) -> None:
        """Collect which of `names` are another than when listeners were last notified of them."""
        for name in names:
            now = (self.state.services.get(name), self.statuses.get(name))
            last = self._notified.get(name, (None, None))
            if now[0] is not last[0] or now[1] != last[1]:
                self._changed.add(name)
                self._notified[name] = now

    def _neighbourhood(self, names: set[str]) -> set[str]:
        """Return `names` and all whose start or stop may hang on them."""
        near = names | (RESERVED & self.graph.needs.keys())
        for name in names:
            near.update(self.graph.dependents.get(name, ()))
            near.update(d.service for d in self.graph.needs.get(name, ()))
        return near

    def _derive(self, names: set[str]) -> None:
        for name in names:
            if name in self.state.services:
                self.statuses[name] = derive_status(self.graph, self.state, name)
            else:
                self.statuses.pop(name, None)
        if not self._fetches_optional and self._is_rest_fetched():
            self._fetches_optional = True
            self._dirty.update(name for name, s in self.spec.services.items() if s.optional)

    def _is_rest_fetched(self) -> bool:
        """Whether nothing but the optional waits for a download, so that downloads for the optional may begin."""
        needed = (s for s in self.spec.services.values() if not s.optional)
        return not any((state := self.state.services.get(s.name)) and decide.owes_fetch(s, state) for s in needed)

    def _order(self, names: set[str]) -> None:
        now = self.clock.monotonic()
        situation = Situation(self.spec, self.graph, self.state, now)
        steps = decide.due(situation, names, fetch_optional=self._fetches_optional, force_stop=self.force_stop)
        for step in steps:
            self._record(_ordered(step))
        for name in names:
            if (due := decide.next_restart(self.state, (name,), now)) is not None:
                self._restarts[name] = due
            else:
                self._restarts.pop(name, None)
        if self._executor:
            for step in steps:
                self._executor.begin(step)
            self._executor.follow(names)

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._restarts:
            wait = max(min(self._restarts.values()) - self.clock.monotonic(), 0.0)
            self._timer = self._later(wait, self.wake)


def _ordered(step: Step) -> Event:
    """Return the event that says that a step was ordered."""
    match step:
        case decide.Fetch(service, variant, tools):
            return happened.FetchBegan(service, variant, tools)
        case decide.Start(service, instance):
            return happened.InstanceStarting(instance, service)
        case decide.Stop(service, instance, cause):
            return happened.InstanceStopping(instance, service, cause)
        case decide.Abandon(service, reason, action):
            return happened.RolloutFailed(service, reason, action)


def _concerns(event: Event) -> Iterable[str]:
    """Return the services that an event is about."""
    if isinstance(event, happened.Planned):
        return (goal.service for goal in event.goals)
    service = getattr(event, "service", "")
    return (service,) if service else ()
