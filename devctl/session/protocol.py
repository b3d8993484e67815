"""How every front end speaks to a stack: the calls of the session and the shapes of their answers.

One JSON object a line over a Unix socket. Request `{"v": 1, "id": n, "call": NAME, …}`; answers
`{"id": n, "item": …}` any number of times, then `{"id": n, "result": …}` or
`{"id": n, "error": {what, where, next, exit_code}}`. The shapes are plain JSON; `status` is also what
`devctl status --json` prints.

The protocol grows without a new version: calls, keys of a shape, kinds of item and types of event are added, and
whoever meets one that it does not know passes over it (a call that is not known is refused by name). The version
changes when something is taken away or means something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NotRequired, Protocol, TypedDict

if TYPE_CHECKING:
    from devctl.core.spec import Spec

VERSION = 1

CALLS = (
    "hello", "status", "apply", "plan", "watch", "stop", "restart", "kill", "check", "snapshot", "spec", "down",
    "scale", "fault_add", "fault_remove", "pause", "unpause", "processes", "one_off",
)  # fmt: skip

READING_CALLS = frozenset({"hello", "status", "plan", "check", "snapshot", "spec", "processes"})
"""Those that change nothing: a client may ask again when the supervisor died before it answered."""


class ProcessView(TypedDict):
    """A process of devctl itself. `pid` is 0 where it does not run."""

    pid: int


class InstanceView(TypedDict):
    """One instance. `started_at` is RFC 3339 in UTC, empty before the first start; `pid` is 0 when it does not live.

    `cpu_percent` is of one core, since they were last asked for; both figures are of the whole process tree.
    """

    id: str
    pid: int
    container: str
    status: str
    reason: str
    ports: dict[str, str]
    started_at: str
    restarts: int
    exit_code: int | None
    cpu_percent: float
    memory_bytes: int


class FaultView(TypedDict):
    """One fault on the wire of a service. `seconds_left` None: until it is removed."""

    name: str
    kind: str
    text: str
    seconds_left: float | None


class ServiceView(TypedDict):
    """One service as every front end shows it.

    `ports` are where others reach it as host:port: the relay's where it is `fronted`, else the first instance's.
    `faults` are those on its wire. `waits_for` are the services that block it now.
    `started_seconds` is from the spawn to ready, of the last start of the slowest instance; None before.
    `page` is the address that `open` shows, empty when there is none. `why_variant` says why this variant runs.
    `provides`: what others use it for → the port that serves it (`kafka`, `promql`, `spans`, …); where no
    variant can be had, what they would provide.
    """

    name: str
    status: str
    variant: str
    why_variant: str
    kind: str
    optional: bool
    reason: str
    cure: str
    note: str
    uses: str
    provides: dict[str, str]
    depends_on: list[str]
    ports: dict[str, str]
    fronted: bool
    faults: list[FaultView]
    page: str
    waits_for: list[str]
    started_seconds: float | None
    instances: list[InstanceView]


class StatusView(TypedDict):
    """A whole stack. `status` is healthy, unhealthy, starting, stopping or stopped.

    `notice` is what a person should know of it whatever its services' status, such as that lines are being lost.
    """

    stack: str
    run: str
    status: str
    folder: str
    supervisor: ProcessView
    keeper: ProcessView
    notice: NotRequired[str]
    services: list[ServiceView]


class ProgressView(TypedDict):
    """How far a download is. `total` is 0 where nobody knows it."""

    service: str
    tool: str
    source: str
    stage: str
    bytes: int
    total: int


class AcceptedView(TypedDict):
    """The first item of `apply`: `began` is true in the one call that began the run, `joined` otherwise."""

    run: str
    began: bool
    steps: list[StepView]


class Item(TypedDict, total=False):
    """What a stream sends, one or more of its keys at a time.

    `status`: everything (the first item of `watch`). `services`: those that changed. `event`: what happened,
    see core.events. `progress`: a download. `accepted`: what `apply` set out to do. `notice`: a sentence for a
    person.
    """

    status: StatusView
    services: list[ServiceView]
    event: dict[str, Any]
    progress: ProgressView
    accepted: AcceptedView
    notice: str


class StepView(TypedDict):
    """One step of a plan: `action` is fetch, write, start, stop or restart; `after` are services to wait for."""

    action: str
    service: str
    cause: str
    after: list[str]
    text: str


class PathView(TypedDict):
    """One link of the critical path of a start: how long this step of a service itself took, and when it was done.

    `step` is `stop` (of what ran before), `fetch` (its program was looked for, downloaded, unpacked) or `start` (from
    spawn to good).
    """

    service: str
    step: str
    seconds: float
    ready_seconds: float


class Settled(TypedDict):
    """The result of `apply`, `stop`, `restart` and `down` once nothing more happens by itself.

    `healthy`: everything but the optional is good. `going_on`: optional services that are still being fetched.
    `rolled_back`: services whose change was taken back, or stopped half-way, because a new instance did not become
    healthy, and why.
    `critical_path` is the longest chain of this call, first to last; `seconds` what the call took.
    """

    run: str
    healthy: bool
    began: bool
    seconds: float
    critical_path: list[PathView]
    going_on: list[str]
    failed: list[str]
    rolled_back: dict[str, str]


class CheckView(TypedDict):
    """One answer of one probe, run now. `healthy` None: the service has no check."""

    service: str
    instance: str
    healthy: bool | None
    check: str
    answer: str
    milliseconds: float


class SnapshotView(TypedDict):
    """The whole stack as the supervisor has it, for those who draw conclusions of their own (see `views.snapshot`).

    `spec` and `state` are core.spec.Spec and core.state.State; `answers` is what the probe of each instance saw last.
    """

    spec: dict[str, Any]
    state: dict[str, Any]
    answers: dict[str, str]


class LaunchView(TypedDict):
    """How an instance is run, every reference resolved. Secrets are in: the reader masks them."""

    instance: str
    argv: list[str]
    environment: dict[str, str]
    working_dir: str
    ports: dict[str, int]
    engine: str  # where it is a container: the address of the engine that holds it, and its name there
    container: str


class MembersView(TypedDict):
    """The processes of one instance that lives: their numbers, or the container that holds them and its engine."""

    instance: str
    pids: list[int]
    engine: str
    container: str


class OneOffView(LaunchView):
    """How a service is run once more beside its instances. `config`: of its container as the engine takes it,
    empty for a process."""

    config: dict[str, Any]


class SpecView(TypedDict):
    """The specification in force, and the launch of every instance."""

    spec: dict[str, Any]
    launches: list[LaunchView]


class HelloView(TypedDict):
    """Who answers. `run` is empty before the first `apply`, `starter` what the client that began it calls itself.

    `folder` is where the stack is by now, which may be another than where it was when it was started.
    """

    version: int
    devctl: str
    pid: int
    run: str
    starter: str
    folder: str


OnItem = Callable[[Item], None]
"""Is called with each item of a stream as it comes; an exception in it ends the wait, not the work."""


class Session(Protocol):
    """What a front end may ask of a stack. Every method raises DevctlError with what, where and what next."""

    def hello(self) -> HelloView:
        """Say who answers, and which run."""
        ...

    def status(self) -> StatusView:
        """Return the status of the whole stack."""
        ...

    def apply(
        self,
        spec: Spec,
        *,
        names: Sequence[str] = (),
        force: bool = False,
        no_deps: bool = False,
        watch: bool = False,
        wait: bool = True,
        on_item: OnItem | None = None,
    ) -> Settled:
        """Bring `names` (none: all that is active in `spec`) and what they need up, as `spec` says.

        `force` restarts even what did not change, `watch` restarts services when their files change. With `wait`
        it returns when everything is settled, else as soon as the work is accepted.
        """
        ...

    def start(self, names: Sequence[str], *, wait: bool = True, on_item: OnItem | None = None) -> Settled:
        """Bring services of the specification in force up again (`apply` without a new one)."""
        ...

    def plan(
        self, spec: Spec, *, names: Sequence[str] = (), force: bool = False, no_deps: bool = False
    ) -> list[StepView]:
        """Return the steps that `apply` would take, and take none."""
        ...

    def watch(self) -> Iterator[Item]:
        """Yield the status, then every change, until the stack is gone or the iterator is closed."""
        ...

    def stop(self, names: Sequence[str], *, on_item: OnItem | None = None) -> Settled:
        """Stop `names` and nothing else; return when no process of them is left."""
        ...

    def restart(
        self, names: Sequence[str], *, with_dependents: bool = False, wait: bool = True, on_item: OnItem | None = None
    ) -> Settled:
        """Restart `names` in dependency order; return when they are settled again."""
        ...

    def kill(self, names: Sequence[str], *, signal: str = "SIGKILL") -> list[str]:
        """Send a signal to every process of `names`; return the instances that got it. Restart policies act."""
        ...

    def pause(self, names: Sequence[str]) -> list[str]:
        """Hold every process of `names` (services or instances); return the instances that were not held before."""
        ...

    def unpause(self, names: Sequence[str]) -> list[str]:
        """Let paused instances of `names` go on; return those that were paused."""
        ...

    def processes(self, names: Sequence[str] = ()) -> list[MembersView]:
        """Return which processes every instance of `names` (none: of all) has now."""
        ...

    def one_off(self, service: str) -> OneOffView:
        """Prepare one more run of a service beside its instances, and return how it is run."""
        ...

    def check(self, names: Sequence[str] = ()) -> list[CheckView]:
        """Run the probes now and return what they saw."""
        ...

    def snapshot(self) -> SnapshotView:
        """Return specification, state and last answers of the probes, as of one moment."""
        ...

    def spec(self) -> SpecView:
        """Return the specification in force with the launch of every instance."""
        ...

    def down(self, *, volumes: bool = False, now: bool = False, on_item: OnItem | None = None) -> Settled:
        """Stop everything in reverse order and end the run; `now` kills at once. `volumes` also deletes the data."""
        ...

    def close(self) -> None:
        """Close the connection; the stack goes on."""
        ...
