"""The processes of instances, with what each costs: of this machine, or as the engine lists those of a container."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from devctl.errors import EnvironmentProblem
from devctl.masking import mask_text

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.protocol import MembersView

_COLUMNS = "pid,ppid,user,pcpu,rss,etimes,args"  # of ps(1), which the engine runs
_KIBIBYTE = 1024


class RunningProcess(NamedTuple):
    """One process. `cpu_percent` is of one core, over its life; numbers of processes are those of its machine."""

    instance: str
    pid: int
    ppid: int
    user: str
    cpu_percent: float
    memory_bytes: int
    seconds: int
    command: str


def processes_of(views: Iterable[MembersView]) -> list[RunningProcess]:
    """Return the processes of instances, in their order."""
    processes: list[RunningProcess] = []
    for view in views:
        processes += _in_container(view) if view["container"] else _on_machine(view)
    return processes


def _on_machine(view: MembersView) -> Iterator[RunningProcess]:
    import psutil

    for pid in view["pids"]:
        with contextlib.suppress(psutil.Error):  # it has ended meanwhile
            process = psutil.Process(pid)
            with process.oneshot():
                yield _described(view["instance"], process)


def _described(instance: str, process: Any) -> RunningProcess:
    lived = max(time.time() - process.create_time(), 0.01)  # a share of nothing says nothing
    return RunningProcess(
        instance, process.pid, process.ppid(), process.username(),
        round(100 * sum(process.cpu_times()[:2]) / lived, 1), process.memory_info().rss, int(lived),
        mask_text(" ".join(process.cmdline()) or process.name()),
    )  # fmt: skip


def _in_container(view: MembersView) -> list[RunningProcess]:
    from urllib.parse import urlencode

    from devctl.engine import ask
    from devctl.engine.base import Address

    path = f"/containers/{view['container']}/top?{urlencode({'ps_args': f'-ww -eo {_COLUMNS}'})}"
    try:
        answer = ask.ask_patiently(Address(view["engine"], "the container engine"), path)
    except OSError as error:
        raise EnvironmentProblem(
            f"the container engine does not list the processes of {view['instance']}: {error}",
            next="`devctl status` shows whether it still runs.",
        ) from error
    return [_listed(view["instance"], row) for row in answer["Processes"] or ()]


def _listed(instance: str, row: list[str]) -> RunningProcess:
    pid, ppid, user, cpu, resident, seconds, command = row
    return RunningProcess(
        instance, int(pid), int(ppid), user, float(cpu), int(resident) * _KIBIBYTE, int(seconds), mask_text(command)
    )
