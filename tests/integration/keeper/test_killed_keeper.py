import asyncio
import os
import random
import signal
import socket
from pathlib import Path

from devctl.core.launch import Launch
from tests.integration.keeper.stack import COUNTER, Stack, is_alive, numbered
from tests.integration.keeper.test_capture import Follower
from tests.integration.keeper.test_instances import STUBBORN
from tests.soak import rounds
from tests.waiting import eventually

ECHO_SERVER = """
import os, socket
listener = socket.socket(fileno=3)
print(os.environ["LISTEN_FDS"], os.environ["LISTEN_PID"] == str(os.getpid()), flush=True)
while True:
    connection, _ = listener.accept()
    connection.sendall(b"%d" % os.getpid())
    connection.close()
"""


async def test_a_keeper_that_is_killed_under_load_costs_no_line_and_no_instance(stack: Stack) -> None:
    follower = Follower(stack)
    count = 30_000
    for number in (1, 2, 3):
        await stack.python(f"svc{number}.1", COUNTER, 0, count, 0.001)
    for _ in range(rounds(5, 20)):
        await asyncio.sleep(random.uniform(0.05, 0.3))
        assert await stack.kill_keeper() == []
        assert all(is_alive(identity.pid) for identity in stack.identities.values())
    ends = [await stack.ended(f"svc{number}.1", within=60) for number in (1, 2, 3)]
    assert [end.code for end in ends] == [None] * 3
    for number in (1, 2, 3):
        assert stack.lines(f"svc{number}") == numbered(0, count)
    assert sorted(await follower.until(3 * count)) == sorted(numbered(0, count) * 3)


async def test_an_instance_that_ends_while_there_is_no_keeper_keeps_its_last_words(stack: Stack) -> None:
    identity = await stack.start("job.1", "sh", "-c", "echo up; while ! [ -e go ]; do sleep 0.01; done; printf last")
    await stack.has_line("job.1", b"up")
    os.kill(stack.runner.keeper_pid, signal.SIGKILL)
    await asyncio.to_thread(eventually, lambda: not is_alive(stack.runner.keeper_pid))
    (stack.paths.folder / "go").touch()
    await asyncio.to_thread(eventually, lambda: not is_alive(identity.pid))
    await stack.connect()
    ends = await stack.runner.adopt([(stack.launches["job.1"], identity)])
    assert [(end.instance, end.pid, end.code) for end in ends] == [("job.1", identity.pid, None)]
    assert stack.lines() == [b"up", b"last"]


async def test_one_that_connects_while_the_keeper_is_dying_ends_up_at_the_new_one(stack: Stack) -> None:
    await stack.start("job.1", "sleep", "300")
    open_before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(10):
        before = stack.runner.keeper_pid
        os.kill(before, signal.SIGKILL)
        await stack.connect()  # at once: the socket of the dying one may still take connections
        if stack.runner.keeper_pid == before:
            await stack.lost(before)
            await stack.connect()
        assert await stack.take_back() == []
        losses = stack.losses
        await asyncio.sleep(0.02)
        assert stack.losses == losses
    assert is_alive(stack.identities["job.1"].pid)
    assert len(list(Path("/proc/self/fd").iterdir())) < open_before + 10


async def test_stop_leaves_nobody_after_the_keeper_was_killed(stack: Stack) -> None:
    await stack.python("wild.1", STUBBORN, 0)
    await stack.has_line("wild.1", b"up 0")
    pids = [row.pid for row in await stack.runner._scan.members("wild.1")]
    await stack.kill_keeper()
    stopped = await stack.runner.stop("wild.1", signal.SIGTERM, 0.2)
    assert set(stopped.killed) == set(pids)
    assert not any(map(is_alive, pids))


async def test_a_start_whose_answer_was_lost_leaves_no_second_copy(stack: Stack) -> None:
    forgotten = await stack.start("job.1", "sleep", "300")
    os.kill(stack.runner.keeper_pid, signal.SIGKILL)
    await stack.lost(stack.runner.keeper_pid)
    stack.runner._managed.clear()  # as if the answer had never come
    await stack.connect()
    again = await stack.start("job.1", "sleep", "300")
    assert not is_alive(forgotten.pid)
    assert is_alive(again.pid)


async def test_a_stop_survives_the_keeper(stack: Stack) -> None:
    wait = "while ! [ -e go ]; do sleep 0.01; done"
    program = f"trap 'echo asked; {wait}; exit 0' TERM; echo up; while :; do sleep 0.01; done"
    await stack.start("slow.1", "sh", "-c", program)
    await stack.has_line("slow.1", b"up")
    stopping = asyncio.create_task(stack.runner.stop("slow.1", signal.SIGTERM, 60))
    await stack.has_line("slow.1", b"asked")
    await stack.kill_keeper()
    (stack.paths.folder / "go").touch()
    assert (await stopping).code is None
    assert not is_alive(stack.identities["slow.1"].pid)


async def ask(port: int) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        return int(await asyncio.wait_for(reader.read(), 10))
    finally:
        writer.close()


async def test_a_listening_port_survives_its_holder_and_the_keeper(stack: Stack) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    first = await stack.python("srv.1", ECHO_SERVER, inherited={"http": port})
    await stack.has_line("srv.1", b"1 True")
    assert await ask(port) == first.pid
    await stack.runner.signal("srv.1", 9)
    await stack.ended("srv.1")
    waiting = asyncio.create_task(ask(port))  # connects although nobody serves
    await asyncio.sleep(0.05)
    second = await stack.python("srv.1", ECHO_SERVER, inherited={"http": port})
    assert await waiting == second.pid

    await stack.kill_keeper()
    assert await ask(port) == second.pid
    await stack.runner.signal("srv.1", 9)
    await stack.ended("srv.1")
    third = await stack.python("srv.1", ECHO_SERVER, inherited={"http": port})
    assert await ask(port) == third.pid


async def test_output_is_found_again_although_the_name_of_its_fifo_was_taken_away(stack: Stack) -> None:
    await stack.python("job.1", COUNTER, 0, 10_000, 0.001)
    await stack.has_line("job.1", b"000000100")
    (stack.paths.runtime / "fifo" / "job.1").unlink()
    assert await stack.kill_keeper() == []
    await stack.ended("job.1")
    assert stack.lines() == numbered(0, 10_000)
    again: Launch = stack.launches["job.1"]
    assert Path(again.log_folder).is_dir()
    await stack.python("job.1", COUNTER, 10_000, 10_010, 0)
    await stack.ended("job.1")
    assert stack.lines() == numbered(0, 10_010)
