import asyncio
import os
import signal
import stat
from pathlib import Path

import pytest

from devctl.errors import DevctlError
from devctl.runners import processes
from devctl.runners.process import ProcessRunner
from tests.integration.keeper.stack import Stack, is_alive
from tests.waiting import eventually

STUBBORN = """
import os, signal, sys, time
for each in (signal.SIGTERM, signal.SIGINT):
    signal.signal(each, signal.SIG_IGN)
if os.fork() == 0:                       # same group, ignores TERM
    time.sleep(300)
if (child := os.fork()) == 0:
    os.setsid()                          # a session of its own
    if os.fork() == 0:                   # an orphan in it, with nothing left of its environment
        os.execve("/bin/sleep", ["sleep", "300"], {})
    os._exit(0)
os.waitpid(child, 0)
sys.stdout.write(f"up {sys.argv[1]}\\n")
sys.stdout.flush()
time.sleep(300)
"""


async def test_an_exit_code_is_kept(stack: Stack) -> None:
    await stack.start("job.1", "sh", "-c", "exit 7")
    assert (await stack.ended("job.1")).code == 7


async def test_a_death_by_signal_is_a_negative_code(stack: Stack) -> None:
    await stack.start("job.1", "sh", "-c", "kill -SEGV $$")
    assert (await stack.ended("job.1")).code == -signal.SIGSEGV


async def test_an_instance_leads_a_session_of_its_own_without_input_and_with_its_tag(stack: Stack) -> None:
    program = "import os; print(os.getsid(0) == os.getpid(), os.read(0, 1), os.environ['DEVCTL_INSTANCE'], os.getcwd())"
    await stack.python("job.1", program)
    await stack.ended("job.1")
    tag = f"{stack.run.id}/job.1"
    assert stack.lines() == [f"True b'' {tag} {stack.paths.folder}".encode()]


async def test_an_instance_inherits_no_signal_disposition_and_no_descriptor(stack: Stack) -> None:
    await stack.start("job.1", "grep", "SigIgn", "/proc/self/status")
    await stack.ended("job.1")
    await stack.start("job.1", "ls", "-m", "/proc/self/fd")
    await stack.ended("job.1")
    ignored, descriptors = stack.lines()
    assert int(ignored.split()[1], 16) & 0x7FFFFFFF == 0  # the C library keeps signals 32 and 33 to itself
    assert descriptors == b"0, 1, 2, 3"  # 3 is the listed folder itself


@pytest.mark.parametrize(
    ("argv", "folder", "says"),
    [
        (["no-such-program"], "", "no such program on its PATH"),
        (["./missing"], "", "no such program"),
        (["/etc/passwd"], "", "the file is not executable"),
        (["sh"], "/no/such/folder", "no such working directory"),
    ],
)
async def test_a_start_that_cannot_be_says_why(stack: Stack, argv: list[str], folder: str, says: str) -> None:
    with pytest.raises(DevctlError, match=says):
        await stack.start("bad.1", *argv, **({"working_dir": folder} if folder else {}))
    del stack.launches["bad.1"]
    assert (await stack.start("bad.1", "sh", "-c", "exit 0")).pid


async def test_a_script_without_first_line_is_refused_in_words(stack: Stack, tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("echo hello\n")
    script.chmod(0o755)
    with pytest.raises(DevctlError, match="Exec format error"):
        await stack.start("bad.1", str(script))
    del stack.launches["bad.1"]


async def test_stop_leaves_no_survivor_whatever_its_children_do(stack: Stack) -> None:
    for number in range(3):
        await stack.python("wild.1", STUBBORN, number)
        await stack.has_line("wild.1", b"up %d" % number)
        members = await stack.runner._scan.members("wild.1")
        pids = [row.pid for row in members]
        assert len(pids) >= 3
        stopped = await stack.runner.stop("wild.1", signal.SIGTERM, 0.2)
        assert set(stopped.killed) == set(pids)
        assert not any(map(is_alive, pids))


async def test_a_stop_that_is_obeyed_kills_nobody(stack: Stack) -> None:
    await stack.start("good.1", "sh", "-c", "trap 'exit 4' TERM; echo up; while :; do sleep 0.01; done")
    await stack.has_line("good.1", b"up")
    stopped = await stack.runner.stop("good.1", signal.SIGTERM, 10)
    assert (stopped.code, stopped.killed) == (4, ())
    assert [each.code for each in stack.exits] == [4]


async def test_what_a_crashed_instance_leaves_behind_is_gone_before_its_end_is_told(stack: Stack) -> None:
    await stack.start("crash.1", "sh", "-c", "sleep 300 & echo $!; exit 1")
    await stack.ended("crash.1")
    (child,) = stack.lines()
    assert not is_alive(int(child))


async def test_orphans_leave_no_zombies(stack: Stack) -> None:
    program = """
import os
for _ in range(200):
    if os.fork() == 0:
        if os.fork() == 0:
            os._exit(0)
        os._exit(0)
    os.wait()
print("done", flush=True)
"""
    await stack.python("forks.1", program)
    await stack.ended("forks.1")
    children = Path(f"/proc/{stack.runner.keeper_pid}/task/{stack.runner.keeper_pid}/children")
    eventually(lambda: not children.read_text().split(), what="no zombie of the keeper")


async def test_many_start_and_stop_together(stack: Stack) -> None:
    import asyncio

    names = [f"many.{number}" for number in range(1, 61)]
    await asyncio.gather(*(stack.start(name, "sleep", "300") for name in names))
    stopped = await asyncio.gather(*(stack.runner.stop(name, signal.SIGTERM, 10) for name in names))
    assert [(each.code, each.killed) for each in stopped] == [(-signal.SIGTERM, ())] * 60


async def test_a_signal_reaches_every_process_of_an_instance(stack: Stack) -> None:
    inner = "trap 'echo inner; exit' USR1; echo up; while :; do sleep 0.01; done"
    script = f"trap 'echo outer' USR1; sh -c \"{inner}\"; sleep 300 & wait"
    await stack.start("deep.1", "sh", "-c", script)
    await stack.has_line("deep.1", b"up")
    await stack.runner.signal("deep.1", signal.SIGUSR1)
    await stack.has_line("deep.1", b"inner")


async def test_a_recycled_process_number_is_never_signalled(stack: Stack) -> None:
    bystander = await stack.start("bystander.1", "sleep", "300")
    earlier = processes.ProcessEntry(bystander.pid, 1, bystander.pid, bystander.start_ticks - 1)
    assert not processes.send(earlier, signal.SIGKILL)
    assert is_alive(bystander.pid)


async def test_a_recorded_process_of_another_start_or_boot_is_not_taken_back(stack: Stack) -> None:
    import dataclasses

    other = await stack.start("other.1", "sleep", "300")
    launch = stack.launch("mine.1", ["sleep", "300"])
    recycled = dataclasses.replace(other, instance="mine.1", start_ticks=other.start_ticks - 1)
    earlier_boot = dataclasses.replace(other, instance="mine.2", boot="another")
    ends = await stack.runner.adopt([(launch, recycled), (stack.launch("mine.2", ["sleep"]), earlier_boot)])
    assert [(end.instance, end.code) for end in ends] == [("mine.1", None), ("mine.2", None)]
    assert is_alive(other.pid)
    await stack.runner.release(["mine.1", "mine.2"])


async def test_everything_private_is_private(stack: Stack) -> None:
    await stack.start("job.1", "sh", "-c", "umask 0; echo hello")
    await stack.ended("job.1")
    private = [stack.paths.runtime, *stack.paths.runtime.rglob("*"), *stack.run.folder.rglob("*"), stack.run.folder]
    open_to_others = [path for path in private if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    assert open_to_others == []


async def test_a_new_supervisor_finds_what_runs_and_hears_what_ended_meanwhile(stack: Stack) -> None:
    living = await stack.start("living.1", "sleep", "300")
    dying = await stack.start("dying.1", "sh", "-c", "read line; exit 5", working_dir="/")
    await stack.ended("dying.1")
    mortal = await stack.start("mortal.1", "sleep", "300")
    await stack.runner.save(b"a snapshot\0of it")
    await stack.runner.close(end=False)
    os.kill(mortal.pid, signal.SIGKILL)
    eventually(lambda: not is_alive(mortal.pid))

    stack.exits.clear()
    stack.runner = ProcessRunner(stack.paths)
    living_again = await stack.connect()
    assert living_again == [living]
    assert await stack.runner.saved() == b"a snapshot\0of it"
    assert (await stack.ended("mortal.1")).code == -signal.SIGKILL
    assert dying.pid not in {each.pid for each in stack.exits}


async def test_of_racing_starters_one_keeper_wins(stack: Stack) -> None:
    import asyncio

    runners = [ProcessRunner(stack.paths) for _ in range(8)]
    await asyncio.gather(*(runner.connect(lambda _: None, lambda: None) for runner in runners))
    assert {runner.keeper_pid for runner in runners} == {stack.runner.keeper_pid}
    for runner in runners:
        await runner.close(end=False)


async def test_a_keeper_with_living_instances_does_not_end(stack: Stack) -> None:
    await stack.start("living.1", "sleep", "300")
    with pytest.raises(DevctlError, match=r"still running: living\.1"):
        await stack.runner._link.ask("end")
    os.kill(stack.runner.keeper_pid, signal.SIGINT)
    os.kill(stack.runner.keeper_pid, signal.SIGHUP)
    another = ProcessRunner(stack.paths)
    assert [each.instance for each in await another.connect(lambda _: None, lambda: None)] == ["living.1"]
    await another.close(end=False)


async def test_what_ended_while_the_keeper_was_stopped_is_started_again_at_once(stack: Stack) -> None:
    first = await stack.start("job.1", "sleep", "60")
    os.kill(stack.runner.keeper_pid, signal.SIGSTOP)
    try:
        os.kill(first.pid, signal.SIGKILL)
        eventually(lambda: not is_alive(first.pid), within=30, what="the end of the instance")
        starting = asyncio.ensure_future(stack.start("job.1", "sleep", "60"))
        for _ in range(20):  # so that the order is with the keeper before it can learn of the end
            await asyncio.sleep(0)
    finally:
        os.kill(stack.runner.keeper_pid, signal.SIGCONT)
    assert (await starting).pid != first.pid
