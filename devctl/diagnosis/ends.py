"""How instances ended: exit codes and signals in words, the ends of late, and whether the kernel was out of memory."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from devctl.core import events as happened
from devctl.core.state import Instance
from devctl.core.status import Status
from devctl.diagnosis.evidence import Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.text import duration

_SHELL_SIGNAL = 128  # a shell tells of a child that a signal ended by 128 and the signal's number
CANNOT_EXECUTE, NOT_FOUND = 126, 127  # POSIX, Shell Command Language, 2.8.2

_SIGNAL_TEXTS = {
    signal.SIGKILL: "killed from outside: by the kernel when memory ran out, by a limit, or by somebody's kill -9",
    signal.SIGTERM: "told to end from outside",
    signal.SIGSEGV: "it touched memory that is not its own: a fault in native code",
    signal.SIGABRT: "it gave up by itself: a failed assertion or a fault in native code",
    signal.SIGBUS: "it touched memory that could not be had: a file cut short, or a full disk under a mapped file",
    signal.SIGILL: "it met an instruction that this processor does not know: a build for another machine",
    signal.SIGINT: "interrupted from outside",
    signal.SIGPIPE: "it wrote to a pipe that nobody reads",
    signal.SIGXFSZ: "a file grew past its limit of size (ulimit -f)",
    signal.SIGXCPU: "it used up its limit of processor time (ulimit -t)",
}


@dataclass(frozen=True, slots=True)
class End:
    """The last end of an instance. `times`: how often it ended by itself of late. `ago_seconds`: since then."""

    instance: str
    service: str
    code: int | None
    at_ns: int
    ago_seconds: float
    times: int
    requested: bool
    is_over: bool  # it runs again, and well

    @property
    def signal(self) -> signal.Signals | None:
        """The signal that ended it, also where a shell in between tells of it."""
        number = 0 if self.code is None else -self.code if self.code < 0 else self.code - _SHELL_SIGNAL
        try:
            return signal.Signals(number)
        except ValueError:
            return None

    @property
    def text(self) -> str:
        """How it ended, in words."""
        if self.code is None:
            return "ended, nobody knows how (its keeper was killed)"
        if (by := self.signal) is not None:
            shown = f"was ended by {by.name}"
            return shown if self.code < 0 else f"{shown} (exit code {self.code})"
        return f"ended with exit code {self.code}"

    @property
    def meaning(self) -> str:
        """What such an end means, empty where the code says nothing."""
        if self.code == CANNOT_EXECUTE:
            return "the shell could not execute the command"
        if self.code == NOT_FOUND:
            return "the shell did not find the command"
        return _SIGNAL_TEXTS.get(self.signal, "") if self.signal else ""


def last_end(facts: Facts, name: str) -> End | None:
    """Return the last end by itself of a service that is not over or happened of late; None when there is none."""
    exits = facts.exits(name)
    if exits and (instance := facts.snapshot.state.instance(name, exits[-1].instance)):
        return _of_event(facts, instance, exits[-1], len([e for e in exits if e.instance == instance.id]))
    for instance in facts.instances(name):
        if instance.ended and not instance.is_alive and _is_of_itself(instance):
            return _of_state(facts, instance)
    return None


def _is_of_itself(instance: Instance) -> bool:
    """Whether what ended did so by itself; one that was stopped for a change waits to be started again."""
    return instance.status is Status.FAILED or (instance.status is Status.PENDING and bool(instance.exits))


def _of_event(facts: Facts, instance: Instance, event: happened.InstanceExited, times: int) -> End:
    ago = max((facts.now_ns - event.at_ns) / 1e9, 0.0)
    is_over = bool(instance.good_since) and instance.status not in (Status.FAILED, Status.UNHEALTHY)
    return End(
        event.instance, event.service, event.code, event.at_ns, ago, times, event.requested, is_over and times < 2
    )


def _of_state(facts: Facts, instance: Instance) -> End:
    at_ns = facts.wall_ns(instance.exits[-1]) if instance.exits else 0
    ago = max((facts.now_ns - at_ns) / 1e9, 0.0) if at_ns else 0.0
    return End(instance.id, instance.service, instance.exit_code, at_ns, ago, max(len(instance.exits), 1), False, False)


def exit_evidence(end: End) -> Evidence:
    """Return an end as evidence."""
    ago = f" {duration(end.ago_seconds)} ago" if end.ago_seconds >= 1 else ""
    times = f", for the {_ordinal(end.times)} time" if end.times > 1 else ""
    meaning = f": {end.meaning}" if end.meaning else ""
    text = f"{end.instance} {end.text}{ago}{times}{meaning}"
    pointer: dict[str, str | int] = {"instance": end.instance, "type": "instance_exited"}
    return Evidence(
        EvidenceKind.EXIT, end.service, text, end.at_ns, pointer | ({} if end.code is None else {"code": end.code})
    )


def _ordinal(number: int) -> str:
    suffix = "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def out_of_memory_kills(pid: int) -> int:
    """Return how often the kernel killed for want of memory in the control group of a process; 0 where none tells."""
    try:
        with open(f"/proc/{pid}/cgroup") as file:
            group = next((line.rpartition(":")[2].strip() for line in file if line.startswith("0::")), "")
        with open(f"/sys/fs/cgroup{group}/memory.events") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("oom_kill ")), 0)
    except (OSError, ValueError, IndexError):
        return 0
