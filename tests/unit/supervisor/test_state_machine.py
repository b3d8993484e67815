"""A state machine over start, stop, crash, kills of supervisor and keeper: the state is what is, one life each."""

from __future__ import annotations

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from devctl.core import decide
from devctl.core import events as happened
from devctl.core.events import Event
from devctl.core.spec import Dependency, Spec
from devctl.core.state import State
from devctl.core.status import Condition, Status
from devctl.core.transitions import apply
from devctl.runners.base import Exit, Identity
from devctl.supervisor import adopt
from tests import fakes
from tests.fakes import World

NAMES = ("a", "b", "c")
AFTER_A = (Dependency("a", Condition.HEALTHY),)


def make_spec(argv: str, replicas: int) -> Spec:
    """Return three services: b waits for a, c has no check and `replicas` instances."""
    return fakes.spec(
        fakes.service("a", argv=(argv,)),
        fakes.service("b", depends_on=AFTER_A),
        fakes.service("c", check=False, replicas=replicas),
    )


class Machine(RuleBasedStateMachine):
    """The world of processes is `lives`: instance to pid. Steps that the loop ordered wait until a rule does them."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(make_spec("one", 1))
        self.lives: dict[str, int] = {}
        self.steps: list[decide.Step] = []
        self.next_pid = 1000

    # People

    @rule(names=st.sets(st.sampled_from(NAMES)))
    def up(self, names: set[str]) -> None:
        self.world.up(*sorted(names))
        self.collect()

    @rule(argv=st.sampled_from(["one", "two"]), replicas=st.integers(1, 3))
    def edit(self, argv: str, replicas: int) -> None:
        self.world.spec = make_spec(argv, replicas)
        self.world.up()
        self.collect()

    @rule(name=st.sampled_from(NAMES))
    def stop(self, name: str) -> None:
        self.world.stop(name)
        self.collect()

    @precondition(lambda self: self.world.loop.spec.services)
    @rule(name=st.sampled_from(NAMES), along=st.booleans())
    def restart(self, name: str, along: bool) -> None:
        self.world.restart(name, with_dependents=along)
        self.collect()

    @rule(number=st.integers(1, 3), what=st.sampled_from(["up", "stop", "restart"]))
    def single_instance(self, number: int, what: str) -> None:
        state = self.world.loop.state.services.get("c")
        if state is not None and state.rollout is None and f"c.{number}" in state.instances:
            getattr(self.world, what)(f"c.{number}")
            self.collect()

    # Processes

    @precondition(lambda self: self.steps)
    @rule(which=st.integers(0, 20))
    def do_a_step(self, which: int) -> None:
        self.do(self.steps.pop(which % len(self.steps)))

    @precondition(lambda self: self.lives)
    @rule(which=st.integers(0, 20), code=st.sampled_from([0, 1, -9]))
    def crash(self, which: int, code: int) -> None:
        instance = sorted(self.lives)[which % len(self.lives)]
        self.world.post(Exit(instance, self.lives.pop(instance), code, 0))
        self.collect()

    @precondition(lambda self: self.lives)
    @rule(which=st.integers(0, 20), good=st.booleans())
    def probe(self, which: int, good: bool) -> None:
        instance = sorted(self.lives)[which % len(self.lives)]
        if instance[0] != "c":
            (self.world.ready if good else self.world.unready)(instance)
            self.collect()

    @rule(seconds=st.floats(0.1, 40))
    def wait(self, seconds: float) -> None:
        self.world.wait(seconds)
        self.collect()

    # Disasters

    @rule()
    def kill_supervisor(self) -> None:
        """A new supervisor takes over from the journal; steps that were under way are lost or were done."""
        for step in self.steps[::2]:
            if isinstance(step, decide.Start):
                self.spawn(step.instance)
            elif isinstance(step, decide.Stop):
                self.lives.pop(step.instance, None)
        self.steps = []
        old = self.world
        self.world = World(old.spec)
        self.world.clock.seconds = old.clock.seconds
        self.world.event_log = old.event_log
        self.world.loop.restore(old.loop.spec, replay(old.event_log))
        self.world.post(happened.SupervisorBegan(1))
        self.take_back({name: Identity(name, pid, 1, 1) for name, pid in self.lives.items()})

    @rule(dead=st.sets(st.integers(0, 5)))
    def kill_keeper(self, dead: set[int]) -> None:
        """The keeper dies, and some instances meanwhile, whose exit codes nobody knows."""
        for index in sorted(dead, reverse=True):
            if index < len(self.lives):
                self.lives.pop(sorted(self.lives)[index])
        self.steps = []
        self.take_back({name: Identity(name, pid, 1, 1) for name, pid in self.lives.items()})

    def take_back(self, living: dict[str, Identity]) -> None:
        difference = adopt.compare(self.world.loop.state.living, living, (), self.started)
        for message in difference.messages:
            self.world.post(message)
        self.steps += [decide.Stop(i.service, i.id) for i in difference.unfinished_stops]
        for instance in difference.unknown:
            del self.lives[instance]
        self.collect()

    # Helpers

    def collect(self) -> None:
        self.steps += self.world.executor.steps
        self.world.executor.steps = []

    def do(self, step: decide.Step) -> None:
        if isinstance(step, decide.Start):
            self.spawn(step.instance)
            self.world.post(self.started(step.service, Identity(step.instance, self.lives[step.instance], 1, 1)))
        elif isinstance(step, decide.Stop):
            self.lives.pop(step.instance, None)
            self.world.stopped(step.instance)
        self.collect()

    def spawn(self, instance: str) -> None:
        assert instance not in self.lives, "never two lives of one instance"
        self.next_pid += 1
        self.lives[instance] = self.next_pid

    def started(self, service: str, identity: Identity) -> Event:
        return happened.InstanceStarted(identity.instance, service, identity.pid, 1, 1, checked=service != "c")

    # What must hold

    @invariant()
    def the_state_is_what_is(self) -> None:
        expected = {i.id: i for i in self.world.loop.state.living if i.pid}
        for instance, pid in self.lives.items():
            assert expected[instance].pid == pid
        for instance in expected.values():
            assert instance.id in self.lives or instance.status is Status.STOPPING, instance

    @invariant()
    def a_new_supervisor_would_know_the_same(self) -> None:
        assert replay(self.world.event_log) == self.world.loop.state

    @invariant()
    def what_is_unwanted_is_being_stopped(self) -> None:
        state = self.world.loop.state
        stopping = {step.instance for step in self.steps if isinstance(step, decide.Stop)}
        for instance in state.living:
            if instance.status is Status.STOPPING and instance.pid:
                assert instance.id in stopping, instance

    @invariant()
    def an_instance_that_was_stopped_alone_stays_so(self) -> None:
        started = {step.instance for step in self.steps if isinstance(step, decide.Start)}
        for service_state in self.world.loop.state.services.values():
            held = {i.id: i for i in service_state.instances.values() if i.is_held}
            assert not held or service_state.desired_up
            assert not {i for i in held if held[i].status in (Status.PENDING, Status.FAILED)}
            assert not started & {i for i in held if not held[i].is_alive}

    def teardown(self) -> None:
        """At the end everything goes down, whatever happened before."""
        self.world.down()
        self.collect()
        for _ in range(50):
            if not self.steps:
                break
            self.do(self.steps.pop())
        assert not self.lives
        assert not self.world.loop.state.living


def replay(event_log: list[dict[str, object]]) -> State:
    """Return the state that a journal tells."""
    state = State()
    for body in event_log:
        event = happened.from_json(body)
        assert event is not None
        state = apply(state, event)
    return state


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=40, suppress_health_check=list(HealthCheck))
