"""Processes of devctl are killed under load: no service dies of it, and the next command finds them again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from devctl.core.checks import CommandCheck, LogCheck
from devctl.core.spec import Port
from devctl.core.status import Condition
from devctl.machine.boot import boot_id
from devctl.record import logs, store
from devctl.session.connect import connect
from tests.integration.supervisor.conftest import RealStack, is_alive, process, script
from tests.integration.supervisor.test_stack import CHECK, HTTP
from tests.soak import rounds
from tests.waiting import eventually

ROUNDS = rounds(5, 20)
COUNTER = """
import itertools, os, time
for n in itertools.count():
    os.write(1, b"%d\\n" % n)
    if n % 50 == 0: time.sleep(0.002)
"""


def loaded(stack: RealStack) -> dict[str, int]:
    """Bring up a stack that works; return the pids."""
    spec = stack.spec(
        script("web", HTTP, check=CHECK, ports=(Port("http"),)),
        script("counter", COUNTER),
        process("idle", "sleep", "600", after={"web": Condition.HEALTHY}, replicas=3),
        script("slow", "import time; time.sleep(600)", check=LogCheck(pattern="never")),
    )
    with stack.client() as client:
        client.apply(spec, wait=False)
    eventually(lambda: stack.statuses() == GOOD, what="the stack")
    return stack.pids()


GOOD = {"web": "healthy", "counter": "running", "idle": "running", "slow": "starting"}


def moments() -> Iterator[int]:
    """Yield the rounds, each after a random moment."""
    for number in range(ROUNDS):
        time.sleep(random.uniform(0.0, 0.15))
        yield number


def devctl_processes(stack: RealStack, names: tuple[str, ...]) -> list[int]:
    """Return the pids of supervisor and keeper, once they live."""

    def pids() -> list[int]:
        status = stack.status()
        by_name = {"supervisor": status["supervisor"]["pid"], "keeper": status["keeper"]["pid"]}
        return [by_name[name] for name in names] if all(by_name.values()) else []

    return eventually(pids, what="supervisor and keeper")


def kill_all(pids: list[int]) -> None:
    """Kill processes all at once and wait until none of them runs."""
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(is_alive(pid) for pid in pids), what="their end")


@pytest.mark.parametrize("victims", [("supervisor",), ("keeper",), ("supervisor", "keeper")], ids="+".join)
def test_what_kills_devctl_kills_no_service_and_loses_no_line(stack: RealStack, victims: tuple[str, ...]) -> None:
    before = loaded(stack)
    for _ in moments():
        kill_all(devctl_processes(stack, victims))
        eventually(lambda: stack.statuses() == GOOD, what="the right state")
        assert stack.pids() == before
        assert all(i["restarts"] == 0 for s in stack.status()["services"] for i in s["instances"])
    with stack.client() as client:
        client.stop(["counter"])
        run = store.current(stack.paths)
        assert run is not None
        numbers = [int(line.raw) for line in logs.read(run, logs.Query(services=("counter",)))]
        assert numbers == list(range(len(numbers)))
        client.down()
    assert not stack.is_left()


def test_what_died_while_nobody_watched_is_found_dead_and_restarted(stack: RealStack) -> None:
    before = loaded(stack)
    status = stack.status()
    os.kill(status["supervisor"]["pid"], signal.SIGKILL)
    os.kill(before["web.1"], signal.SIGKILL)
    eventually(lambda: not is_alive(before["web.1"]), what="its end")
    eventually(lambda: stack.pids()["web.1"] not in (0, before["web.1"]), what="the restart")
    eventually(lambda: stack.statuses() == GOOD, what="its health")
    assert {**stack.pids(), "web.1": 0} == {**before, "web.1": 0}


def test_a_supervisor_that_is_asked_to_end_leaves_the_services(stack: RealStack) -> None:
    before = loaded(stack)
    supervisor = stack.status()["supervisor"]["pid"]
    os.kill(supervisor, signal.SIGHUP)
    assert stack.status()["supervisor"]["pid"] == supervisor
    os.kill(supervisor, signal.SIGTERM)
    eventually(lambda: not is_alive(supervisor), what="its end")
    reader = connect(stack.paths)
    assert reader is not None, "a reader finds the stack again"
    reader.close()
    assert stack.pids() == before


def test_a_stale_socket_and_lock_of_an_earlier_boot_hinder_nobody(stack: RealStack) -> None:
    before = loaded(stack)
    kill_all([*devctl_processes(stack, ("supervisor", "keeper")), *before.values()])
    lock = stack.paths.lock.read_text()
    stack.paths.lock.write_text(lock.replace(boot_id(), "another boot"))
    run = store.current(stack.paths)
    assert run is not None
    events = run.events_file.read_text()
    boot = events.split('"boot":"')[1].split('"')[0]
    run.events_file.write_text(events.replace(boot, "another boot"))
    assert connect(stack.paths) is None, "nothing runs, so nothing is started by a reader"
    after = loaded(stack)
    assert set(after) == set(before)
    assert store.current(stack.paths) != run


def test_a_down_whose_command_is_killed_goes_on(stack: RealStack) -> None:
    loaded(stack)
    with stack.client() as client:
        client._send("down", {"volumes": False, "now": False})
    eventually(lambda: not stack.is_left(), what="the end of the stack")


def test_a_supervisor_whose_runtime_folder_is_removed_stays_the_only_one(stack: RealStack) -> None:
    before = loaded(stack)
    first = stack.status()["supervisor"]["pid"]
    for path in (stack.paths.lock, stack.paths.socket):
        path.unlink()
    second = stack.status()["supervisor"]["pid"]
    eventually(lambda: (first == second) or not is_alive(first), what="one supervisor only")
    assert stack.pids() == before
    with stack.client() as client:
        client.down()
    assert not stack.is_left()


def test_a_keeper_that_is_killed_twice_before_the_first_run_is_replaced_twice(stack: RealStack) -> None:
    with stack.client() as client:
        for _ in range(2):
            before = eventually(lambda: client.status()["keeper"]["pid"], what="a keeper")
            kill_all([before])
            eventually(lambda before=before: client.status()["keeper"]["pid"] not in (0, before), what="its successor")
        assert client.apply(stack.spec(process("a", "sleep", "600")))["healthy"]


def test_an_event_log_that_cannot_be_written_is_said_and_the_keeper_remembers(stack: RealStack) -> None:
    before = loaded(stack)
    run = store.current(stack.paths)
    assert run is not None
    run.events_file.unlink()
    run.events_file.mkdir()  # nobody can write there now, as on a full disk
    with stack.client() as client:
        client.restart(["idle"])
    after = stack.pids()
    assert after["idle.1"] != before["idle.1"]
    eventually(lambda: "event log" in (run.folder / "supervisor.log").read_text(), what="the notice")
    assert stack.status()["status"] == "starting", "the supervisor has had a turn in which it saved"
    kill_all(devctl_processes(stack, ("supervisor",)))
    eventually(lambda: stack.statuses() == GOOD, what="the right state")
    assert stack.pids() == after
    run.events_file.rmdir()


def test_what_a_check_by_command_starts_does_not_outlive_it_and_a_down_leaves_none_of_it(stack: RealStack) -> None:
    folder, seconds = stack.paths.folder, str(random.randrange(10**6, 10**7))
    escape = f"setsid sleep {seconds} >/dev/null 2>&1 & echo asked >> {folder}/asked"
    code = f"{escape}; [ -e {folder}/hangs ] && exec sleep {seconds}; :"
    check = CommandCheck(argv=("sh", "-c", code), interval_seconds=0.05, timeout_seconds=600)
    with stack.client() as client:
        client.apply(stack.spec(process("idle", "sleep", "600", check=check)), wait=False)
    eventually(lambda: stack.statuses() == {"idle": "healthy"}, within=30, what="the stack")
    eventually(lambda: (folder / "asked").read_text().count("asked") > 10, within=60, what="ten checks")
    assert len(sleepers(seconds)) <= 1, "the check that is asked right now may have one"

    (folder / "hangs").touch()
    eventually(lambda: len(sleepers(seconds)) == 2, within=30, what="a check that hangs, and what it started")
    kill_all(devctl_processes(stack, ("supervisor",)))
    with stack.client() as client:
        client.down()
    assert sleepers(seconds) == []


def sleepers(seconds: str) -> list[int]:
    """Return the living processes that sleep for so long, which nobody else does."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if command_line(pid) == f"sleep\0{seconds}\0".encode() and is_alive(pid)]


def command_line(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""
