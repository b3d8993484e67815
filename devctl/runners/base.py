"""The agreement between the supervisor and whatever runs instances. A runner does; it decides nothing."""

from collections.abc import Callable
from typing import Protocol

from devctl.core.launch import Launch
from devctl.errors import DevctlError
from devctl.values import dataclass


class BackendLost(DevctlError):
    """The backend that holds the instances (the keeper, an engine) ended within a request: whether it was done shows
    after `connect`."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One living instance, told apart from any later process of the same number by its start time.

    `start_ticks` is field 22 of /proc/PID/stat (elsewhere the creation time in the platform's unit).
    `container` is the engine's id, for the runner of that kind. `boot` tells this boot of the machine from others.
    """

    instance: str
    pid: int
    start_ticks: int
    started_ns: int
    container: str = ""
    boot: str = ""


@dataclass(frozen=True, slots=True)
class Exit:
    """An instance ended. `code` is its exit code, negative for a signal, None where nobody can know it
    (its keeper was killed meanwhile). `left_behind`: how many processes it left running, which were ended."""

    instance: str
    pid: int
    code: int | None
    ended_ns: int
    left_behind: int = 0


@dataclass(frozen=True, slots=True)
class Stopped:
    """What a stop took: how many processes had to be killed, and the exit of the leader."""

    instance: str
    code: int | None
    killed: tuple[int, ...] = ()


class Runner(Protocol):
    """Start, stop and observe the instances of one kind."""

    async def connect(self, on_exit: Callable[[Exit], None], on_lost: Callable[[], None]) -> list[Identity]:
        """Reach (or start) the backend, return the instances that live, and report every exit from now on.

        `on_lost` is called when the backend itself is gone; the supervisor then calls `connect` and `adopt` again.
        """
        ...

    async def adopt(self, instances: list[tuple[Launch, Identity]]) -> list[Exit]:
        """Take back instances that an earlier backend started; return those that are gone meanwhile."""
        ...

    async def start(self, launch: Launch) -> Identity:
        """Start an instance; DevctlError says why it could not be (no such program, not executable …)."""
        ...

    async def signal(self, instance: str, number: int) -> None:
        """Send a signal to every process of the instance; nothing happens when it is gone."""
        ...

    async def members(self, instance: str) -> list[int]:
        """Return the processes of the instance on this machine; those of a container are its engine's."""
        ...

    async def pause(self, instance: str) -> None:
        """Hold every process of the instance, whatever it is doing; DevctlError says why that cannot be."""
        ...

    async def resume(self, instance: str) -> None:
        """Let a paused instance go on; nothing happens when it is gone."""
        ...

    async def stop(self, instance: str, signal: int, grace_seconds: float) -> Stopped:
        """Ask, wait, insist: return when no process of the instance is left."""
        ...

    async def close(self, *, end: bool) -> None:
        """Disconnect; with `end` also end the backend (it must be empty by then)."""
        ...


class SnapshotStore(Protocol):
    """Keeps the supervisor's last state where neither a full disk nor the supervisor's end takes it."""

    async def save(self, snapshot: bytes) -> None:
        """Keep the supervisor's last snapshot beside the instances, for when disk and supervisor fail together."""
        ...

    async def saved(self) -> bytes:
        """Return what `save` last kept, empty when nothing was."""
        ...
