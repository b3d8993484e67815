"""The one loop of a stack: one queue, the only writer of its state. It decides; others do and report back.

Whatever happens comes through `post`: events from the hands, ends of instances from the runners, requests from
the session. After each batch it looks what is due (`core.decide`), orders it, and tells its listeners.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from devctl.clock import Clock
from devctl.core import decide
from devctl.core import events as happened
from devctl.core.decide import Step
from devctl.core.derived import Standing, standing
from devctl.core.events import Event
from devctl.core.order import Graph, graph
from devctl.core.spec import HUB, Spec
from devctl.core.state import Instance, ServiceState, State, apply
from devctl.core.status import Status
from devctl.runners.base import Exit
from devctl.supervisor.restart import Ended, judge


class Hands(Protocol):
    """What does the steps that the loop decides on, and posts what came of them."""

    def begin(self, step: Step) -> None:
        """Begin a step and return at once."""
        ...

    def follow(self, names: Iterable[str]) -> None:
        """Begin and end probes, and rewrite live files, as the state of `names` now calls for."""
        ...


class Journal(Protocol):
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
class Change:
    """What listeners are told after a batch: what happened, and whose standing may have changed."""

    events: tuple[Event, ...]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class Request:
    """Something a person asked for: `decide` returns the events that grant it, or raises to refuse it."""

    decide: Callable[[], Iterable[Event]]
    granted: asyncio.Future[None]


class Loop:
    """State, what follows from it, and what is due. Everybody may read its attributes; it alone sets them."""

    def __init__(self, clock: Clock, *, dice: Callable[[], float] = random.random, later: Later | None = None) -> None:
        self.clock = clock
        self.spec = Spec("", "")
        self.graph: Graph = graph({})
        self.state = State()
        self.standings: dict[str, Standing] = {}
        self.hurry = False  # stop without order or grace
        self.hands: Hands | None = None
        self.journal: Journal | None = None
        self.listeners: list[Callable[[Change], None]] = []
        self._dice = dice
        self._queue: asyncio.Queue[Event | Exit | Request | Tick] = asyncio.Queue()
        self._events: list[Event] = []
        self._dirty: set[str] = set()
        self._told: set[str] = set()
        self._last: dict[str, tuple[ServiceState | None, Standing | None]] = {}
        self._waiters: list[tuple[Callable[[], bool], asyncio.Future[None]]] = []
        self._early: dict[str, Exit] = {}
        self._restarts: dict[str, float] = {}
        self._later: Later = later or _call_later
        self._timer: Timer | None = None
        self._fetches_optional = False

    # Ways in

    def post(self, message: Event | Exit) -> None:
        """Hand in something that happened."""
        self._queue.put_nowait(message)

    def nudge(self) -> None:
        """Have everybody who waits look again, though nothing happened."""
        self._queue.put_nowait(Tick())

    async def ask(self, decide: Callable[[], Iterable[Event]]) -> None:
        """Have `decide` called between two batches and its events applied; what it raises is raised here."""
        granted = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(Request(decide, granted))
        await granted

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return once `holds()`, which is looked at after each batch."""
        if holds():
            return
        reached = asyncio.get_running_loop().create_future()
        waiter = (holds, reached)
        self._waiters.append(waiter)
        try:
            await reached
        finally:
            if waiter in self._waiters:
                self._waiters.remove(waiter)

    def put_in_force(self, spec: Spec) -> None:
        """Make `spec` the specification in force; only while a request is being decided, or before `run`."""
        self.spec = spec
        self.graph = graph(spec.services)
        self._dirty.update(spec.services)
        self.standings = {name: s for name, s in self.standings.items() if name in spec.services}

    def restore(self, spec: Spec, state: State) -> None:
        """Begin with what an earlier supervisor left."""
        self.state = state
        self.put_in_force(spec)

    # The loop

    async def run(self) -> None:
        """Take message after message, until cancelled."""
        while True:
            self._take(await self._queue.get())
            self.turn()

    def turn(self) -> None:
        """Take what has come so far, and order and tell what follows from it."""
        while not self._queue.empty():
            self._take(self._queue.get_nowait())
        self._settle()

    def _take(self, message: Event | Exit | Request | Tick) -> None:
        match message:
            case Request():
                self._grant(message)
            case Exit():
                self._ended(message)
            case Tick():
                self._dirty.update(self._restarts)
            case happened.InstanceStarted():
                self._happen(message)
                if early := self._early.pop(message.instance, None):
                    self._ended(early)
            case _:
                self._happen(message)

    def _grant(self, request: Request) -> None:
        try:
            for event in request.decide():
                self._happen(event)
        except Exception as refusal:  # the border between the loop and whoever asked: it is theirs
            if not request.granted.cancelled():
                request.granted.set_exception(refusal)
        else:
            if not request.granted.cancelled():
                request.granted.set_result(None)

    def _happen(self, event: Event) -> None:
        """Apply one event and keep it."""
        event = happened.stamp(event, self.clock)
        self.state = apply(self.state, event)
        self._events.append(event)
        if self.journal:
            self.journal.append(happened.to_json(event))
        self._dirty.update(_concerns(event))

    def _ended(self, ended: Exit) -> None:
        """Judge an instance that ended without being told to; a stop tells of its own end."""
        service = ended.instance.rpartition(".")[0]
        known = self.state.instance(service, ended.instance)
        if known is None or not known.is_alive or known.status is Status.STOPPING:
            return
        if not known.pid:  # the word that it lives comes after the word that it ended
            self._early[ended.instance] = ended
        elif known.pid == ended.pid:
            self._happen(self._judged(known, ended))

    def _judged(self, known: Instance, ended: Exit) -> Event:
        found, service = self.state.services[known.service], self.spec.services.get(known.service)
        if service is None or not found.wanted(known):
            return happened.InstanceStopped(known.id, known.service, ended.code)
        variant = decide.variant_of(service, found)
        verdict = judge(
            service, found, Ended(known, ended.code, self.clock.monotonic(), self._dice()),
            has_check=variant is not None and variant.check is not None,
            is_job=known.service in self.graph.jobs,
        )  # fmt: skip
        return happened.InstanceExited(
            known.id,
            known.service,
            ended.pid,
            ended.code,
            verdict.verdict,
            verdict.reason,
            verdict.pause_seconds,
            verdict.asked,
        )

    def _settle(self) -> None:
        """Order everything that is due, until nothing more is; then tell."""
        touched: set[str] = set()
        while self._dirty:
            names = self._neighbourhood(self._dirty)
            self._dirty = set()
            self._stand(names)
            self._order(names)
            touched |= names
        self._note_changed(touched)
        self._set_timer()
        self._tell()

    def _note_changed(self, names: set[str]) -> None:
        """Note which of `names` are to be told of: those that are another now than when last looked at."""
        for name in names:
            now = (self.state.services.get(name), self.standings.get(name))
            last = self._last.get(name, (None, None))
            if now[0] is not last[0] or now[1] != last[1]:
                self._told.add(name)
                self._last[name] = now

    def _neighbourhood(self, names: set[str]) -> set[str]:
        """Return `names` and all whose start or stop may hang on them."""
        near = names | ({HUB} & self.graph.needs.keys())
        for name in names:
            near.update(self.graph.dependents.get(name, ()))
            near.update(d.service for d in self.graph.needs.get(name, ()))
        return near

    def _stand(self, names: set[str]) -> None:
        for name in names:
            if name in self.state.services:
                self.standings[name] = standing(self.graph, self.state, name)
            else:
                self.standings.pop(name, None)
        if not self._fetches_optional and self._is_rest_fetched():
            self._fetches_optional = True
            self._dirty.update(name for name, s in self.spec.services.items() if s.optional)

    def _is_rest_fetched(self) -> bool:
        """Whether nothing but the optional waits for a download, so that downloads for the optional may begin."""
        needed = (s for s in self.spec.services.values() if not s.optional)
        return not any((found := self.state.services.get(s.name)) and decide.owes_fetch(s, found) for s in needed)

    def _order(self, names: set[str]) -> None:
        now = self.clock.monotonic()
        steps = decide.due(
            self.spec, self.graph, self.state, names, now,
            fetch_optional=self._fetches_optional, hurry=self.hurry,
        )  # fmt: skip
        for step in steps:
            self._happen(_ordered(step))
        for name in names:
            if (due := decide.next_restart(self.state, (name,), now)) is not None:
                self._restarts[name] = due
            else:
                self._restarts.pop(name, None)
        if self.hands:
            for step in steps:
                self.hands.begin(step)
            self.hands.follow(names)

    def _set_timer(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._restarts:
            wait = max(min(self._restarts.values()) - self.clock.monotonic(), 0.0)
            self._timer = self._later(wait, self.nudge)

    def _tell(self) -> None:
        change = Change(tuple(self._events), frozenset(self._told))
        self._events, self._told = [], set()
        for listener in tuple(self.listeners):
            listener(change)
        for waiter in tuple(self._waiters):
            holds, reached = waiter
            if not reached.done() and holds():
                reached.set_result(None)
                self._waiters.remove(waiter)


@dataclass(frozen=True, slots=True)
class Tick:
    """A pause may be over."""


def _ordered(step: Step) -> Event:
    """Return the event that says that a step was ordered."""
    match step:
        case decide.Fetch(service, variant, tools):
            return happened.FetchBegan(service, variant, tools)
        case decide.Start(service, instance):
            return happened.InstanceStarting(instance, service)
        case decide.Stop(service, instance, cause):
            return happened.InstanceStopping(instance, service, cause)


def _concerns(event: Event) -> Iterable[str]:
    """Return the services that an event is about."""
    if isinstance(event, happened.Planned):
        return (goal.service for goal in event.goals)
    service = getattr(event, "service", "")
    return (service,) if service else ()
