"""Fakes to hand in: a clock turned by hand, an executor that only records, and a world that drives the real loop."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from devctl.core import decide
from devctl.core import events as happened
from devctl.core.checks import HttpCheck
from devctl.core.decide import Step
from devctl.core.events import Event
from devctl.core.plan import Up, merge_specs, only_instances, plan_restart, plan_stop, plan_up
from devctl.core.spec import Service, Spec, Variant
from devctl.core.status import Kind
from devctl.runners.base import Exit
from devctl.supervisor.loop import Decision, Loop, Request


@dataclass
class FakeClock:
    """A clock that stands until it is turned."""

    seconds: float = 1000.0

    def now_ns(self) -> int:
        return int(self.seconds * 1e9)

    def monotonic(self) -> float:
        return self.seconds


@dataclass
class FakeExecutor:
    """Records the steps that it is handed."""

    steps: list[Step] = field(default_factory=list)

    def begin(self, step: Step) -> None:
        self.steps.append(step)

    def follow(self, names: Iterable[str]) -> None:
        """Nothing is probed here."""


@dataclass
class FakeTimer:
    """A call that the world makes when its time has come."""

    at: float
    call: Callable[[], None]
    cancelled: bool = False

    def cancel(self) -> None:
        self.cancelled = True


class World:
    """A real loop with clock, executor and ends of processes in the hands of a test."""

    def __init__(self, spec: Spec | None = None) -> None:
        self.clock = FakeClock()
        self.executor = FakeExecutor()
        self.event_log: list[dict[str, object]] = []
        self.timers: list[FakeTimer] = []
        self.pids: dict[str, int] = {}
        self._last_pid = 100
        self.loop = Loop(self.clock, rng=lambda: 1.0, later=self._later)
        self.loop.attach(self.executor, self)
        self.spec = spec or Spec("t", "/t")

    def append(self, event: dict[str, object]) -> None:
        self.event_log.append(event)

    def _later(self, seconds: float, call: Callable[[], None]) -> FakeTimer:
        self.timers.append(FakeTimer(self.clock.seconds + seconds, call))
        return self.timers[-1]

    # What people ask for

    def up(self, *names: str, force: bool = False) -> None:
        request = only_instances(self.loop.state, Up(names, force=force))
        plan = plan_up(self.spec, self.loop.state, request)
        merged = merge_specs(self.spec, self.loop.spec, self.loop.state, request.names)

        def decide() -> Decision[None]:
            self.loop.force_stop = False
            self.loop.activate(merged)
            return Decision((happened.Planned(plan.goals),), None)

        self.request(decide)

    def stop(self, *names: str) -> None:
        self.request(lambda: Decision((happened.Planned(plan_stop(self.loop.state, names).goals),), None))

    def restart(self, *names: str, with_dependents: bool = False, all_at_once: bool = False) -> None:
        plan = plan_restart(
            self.loop.spec, self.loop.state, names, with_dependents=with_dependents, all_at_once=all_at_once
        )
        self.request(lambda: Decision((happened.Planned(plan.goals),), None))

    def down(self) -> None:
        self.stop(*self.loop.state.services)

    def request(self, decide: Callable[[], Decision[None]]) -> None:
        granted: Future[None] = Future()
        self.loop._queue.put_nowait(Request(decide, granted))  # type: ignore[arg-type]
        self.loop.turn()
        granted.result(timeout=0)

    # What processes do

    def started(self, instance: str) -> None:
        self._last_pid += 1
        self.pids[instance] = self._last_pid
        service = instance.rpartition(".")[0]
        variant = decide.variant_of(self.loop.spec.services[service], self.loop.state.services[service])
        checked = variant is not None and variant.check is not None
        self.post(happened.InstanceStarted(instance, service, self._last_pid, 1, 1, checked=checked))

    def ready(self, instance: str) -> None:
        self.post(happened.InstanceReady(instance, instance.rpartition(".")[0]))

    def unready(self, instance: str) -> None:
        self.post(happened.InstanceUnready(instance, instance.rpartition(".")[0], "503"))

    def exits(self, instance: str, code: int | None) -> None:
        self.post(Exit(instance, self.pids[instance], code, 0))

    def signal(self, instance: str) -> None:
        self.post(happened.InstanceSignalled(instance, instance.rpartition(".")[0], "SIGKILL"))

    def stopped(self, instance: str, code: int | None = 0) -> None:
        self.post(happened.InstanceStopped(instance, instance.rpartition(".")[0], code))

    def post(self, message: Event | Exit) -> None:
        self.loop.post(message)
        self.loop.turn()

    def wait(self, seconds: float) -> None:
        """Turn the clock, making every call whose time comes on the way."""
        end = self.clock.seconds + seconds
        while due := sorted((t for t in self.timers if not t.cancelled and t.at <= end), key=lambda t: t.at):
            self.clock.seconds = max(due[0].at, self.clock.seconds)
            self.timers.remove(due[0])
            due[0].call()
            self.loop.turn()
        self.clock.seconds = end

    # What shows

    def ordered(self) -> list[str]:
        """Return the steps ordered since the last question, such as `start a.1`."""
        steps, self.executor.steps = self.executor.steps, []
        return [_name(step) for step in steps]

    def statuses(self) -> dict[str, str]:
        return {name: derived.status.value for name, derived in self.loop.statuses.items()}


def _name(step: Step) -> str:
    match step:
        case decide.Fetch():
            return f"fetch {step.service}"
        case decide.Start():
            return f"start {step.instance}"
        case decide.Stop():
            return f"stop {step.instance}"
        case decide.Abandon():
            return f"abandon {step.service}"


CHECK = HttpCheck()


def service(name: str, *, check: bool = True, argv: tuple[str, ...] = ("run",), **fields: object) -> Service:
    """Return a service with one process variant."""
    variant = Variant("process", Kind.PROCESS, argv=argv, check=CHECK if check else None)
    return Service(name, **{"variants": (variant,), **fields})  # type: ignore[arg-type]


def spec(*services: Service, **fields: object) -> Spec:
    """Return a specification of `services`, all of them active."""
    table = {s.name: s for s in services}
    return Spec("t", "/t", table, tuple(table), **fields)  # type: ignore[arg-type]
