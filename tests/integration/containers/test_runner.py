"""The runner of containers keeps the agreement that the runner of processes keeps, on a real engine."""

import asyncio
import json
import signal
import time
from pathlib import Path

import pytest

from devctl.core.container import Container, Mount
from devctl.engine import execute
from devctl.errors import DevctlError
from tests.engine import IMAGE, PYTHON, TestEngine
from tests.integration.containers.stack import Stack
from tests.integration.keeper.stack import COUNTER, numbered
from tests.waiting import eventually_async

pytestmark = [pytest.mark.xdist_group("engine"), pytest.mark.timeout(240)]

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(300)"
)
POLITE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(3))
print("up", flush=True)
time.sleep(300)
"""


async def test_exit_code_and_output_are_kept_and_reported_once(stack: Stack) -> None:
    identity = await stack.start("job.1", "sh", "-c", "echo out; echo error >&2; exit 7")
    end = await stack.ended("job.1")
    assert (end.code, end.pid) == (7, identity.pid)
    assert sorted(stack.lines()) == [b"error", b"out"]
    assert len(stack.exits) == 1


async def test_a_stop_asks_and_reports_no_end_of_its_own(stack: Stack) -> None:
    await stack.python("polite.1", POLITE)
    await stack.lines_until(1)
    stopped = await stack.runner.stop("polite.1", signal.SIGTERM, 30)
    assert (stopped.code, stopped.killed) == (3, ())
    assert stack.exits == []


async def test_a_stop_insists_where_the_program_does_not_listen(stack: Stack) -> None:
    await stack.python("stubborn.1", STUBBORN)
    await stack.lines_until(1)
    stopped = await stack.runner.stop("stubborn.1", signal.SIGTERM, 0.2)
    assert stopped.code == 128 + signal.SIGKILL
    assert len(stopped.killed) == 1


async def test_a_signal_reaches_the_program_and_its_end_is_reported(stack: Stack) -> None:
    await stack.python("polite.1", POLITE)
    await stack.lines_until(1)
    await stack.runner.signal("polite.1", signal.SIGTERM)
    assert (await stack.ended("polite.1")).code == 3


async def test_what_is_unknown_is_stopped_already(stack: Stack) -> None:
    assert (await stack.runner.stop("nobody.1", signal.SIGTERM, 1)).code is None
    await stack.runner.signal("nobody.1", signal.SIGTERM)


@pytest.mark.parametrize(
    ("argv", "more", "message"),
    [
        (["no-such-program"], {}, f"the image {IMAGE} has no program 'no-such-program'"),
        (["true"], {"image": "devctl-test/none:1"}, "the image devctl-test/none:1 is not on this machine"),
        (["true"], {"mounts": (Mount("/no/such/folder", "/x"),)}, "/no/such/folder"),
    ],
)
async def test_a_start_that_cannot_be_says_why(
    stack: Stack, argv: list[str], more: dict[str, object], message: str
) -> None:
    with pytest.raises(DevctlError, match=message):
        await stack.start("bad.1", *argv, **more)
    assert (await stack.start("bad.1", "true")).container


async def test_a_container_of_somebody_else_is_left_alone_and_named(stack: Stack) -> None:
    with stack.docker() as client:
        client.containers.create(IMAGE, "true", name="box-web-1")
    with pytest.raises(DevctlError, match="not of this stack is called box-web-1"):
        await stack.start("web.1", "true")
    assert stack.containers() == ["box-web-1"]


async def test_names_labels_and_rights_are_those_that_other_tools_expect(stack: Stack) -> None:
    await stack.start("web.2", "sleep", "300", options=Container(user="12:34", read_only=True, tmpfs=("/run:size=1m",)))
    with stack.docker() as client:
        container = client.containers.get("box-web-2")
        described = container.attrs
        assert container.labels["com.docker.compose.project"] == "box"
        assert container.labels["com.docker.compose.service"] == "web"
        assert container.labels["com.docker.compose.container-number"] == "2"
        assert list(described["NetworkSettings"]["Networks"]) == ["box_default"]
        assert described["HostConfig"]["SecurityOpt"] == ["no-new-privileges:true"]
        assert described["HostConfig"]["ReadonlyRootfs"]
        assert container.exec_run(["sh", "-c", "id -u; id -g; touch /run/x"]) == (0, b"12\n34\n")
        assert container.exec_run(["touch", "/x"]).exit_code == 1


async def test_ports_are_published_on_loopback_alone(stack: Stack, unused_tcp_port: int) -> None:
    await stack.start("web.1", PYTHON, "-m", "http.server", "80", published=((80, unused_tcp_port),))

    async def answers() -> bool:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            answer = await reader.read(15)
        except OSError:
            return False
        writer.close()
        return answer.startswith(b"HTTP/1.0 200")

    await eventually_async(answers, within=30)
    with stack.docker() as client:
        bindings = client.containers.get("box-web-1").ports["80/tcp"]
    assert bindings == [{"HostIp": "127.0.0.1", "HostPort": str(unused_tcp_port)}]


async def test_services_find_each_other_by_name(stack: Stack) -> None:
    await stack.start("web.1", PYTHON, "-m", "http.server", "80")
    ask = """
import time, urllib.request
for _ in range(100):
    try:
        print(urllib.request.urlopen("http://web/").status, flush=True)
        break
    except OSError:
        time.sleep(0.1)
"""
    await stack.python("reader.1", ask)
    assert (await stack.ended("reader.1")).code == 0
    assert stack.lines("reader.1") == [b"200"]


async def test_a_named_volume_can_be_written_by_the_user_of_the_image(stack: Stack) -> None:
    folder = stack.paths.volumes / "data"
    folder.mkdir(parents=True, mode=0o700)
    options = Container(user="4321")
    await stack.start(
        "writer.1", "sh", "-c", "echo kept > /data/file", options=options, mounts=(Mount(str(folder), "/data"),)
    )
    assert (await stack.ended("writer.1")).code == 0
    assert (folder / "file").read_text() == "kept\n"


async def test_what_runs_is_taken_back_and_no_line_is_lost_or_doubled(stack: Stack) -> None:
    identity = await stack.python("counter.1", COUNTER, 0, 3000, 0.002)
    for pause in (0.05, 0.2, 0.1):
        await asyncio.sleep(pause)  # somewhere in the middle of the output
        await stack.replace_runner()
    assert (await stack.ended("counter.1")).pid == identity.pid
    assert stack.lines() == numbered(0, 3000)


async def test_what_ended_meanwhile_is_reported_with_its_code_and_its_last_lines(stack: Stack) -> None:
    identity = await stack.start("job.1", "sh", "-c", "sleep 0.5; echo last; exit 4")
    launch = stack.launch("job.1", ["sh"])
    await stack.runner.close(end=False)
    with stack.docker() as client:
        client.containers.get("box-job-1").wait()
    assert await stack.replace_runner() == []
    ends = await stack.runner.adopt([(launch, identity)])
    assert [(end.instance, end.code, end.pid) for end in ends] == [("job.1", 4, identity.pid)]
    assert stack.lines() == [b"last"]


async def test_what_was_removed_meanwhile_has_ended_in_a_way_that_nobody_knows(stack: Stack) -> None:
    identity = await stack.start("job.1", "sleep", "300")
    launch = stack.launch("job.1", ["sleep", "300"])
    await stack.runner.close(end=False)
    with stack.docker() as client:
        client.containers.get("box-job-1").remove(force=True)
    assert await stack.replace_runner() == []
    ends = await stack.runner.adopt([(launch, identity)])
    assert [(end.instance, end.code) for end in ends] == [("job.1", None)]


async def test_what_others_do_to_a_container_is_noticed(stack: Stack) -> None:
    await stack.start("web.1", "sleep", "300")
    with stack.docker() as client:
        client.containers.get("box-web-1").remove(force=True)
    await stack.ended("web.1")
    assert (await stack.start("web.1", "sleep", "300")).container


async def test_an_unchanged_container_is_started_again_and_a_changed_one_is_made_anew(stack: Stack) -> None:
    first = await stack.start("job.1", "sh", "-c", "echo once")
    await stack.ended("job.1")
    stack.exits.clear()
    second = await stack.start("job.1", "sh", "-c", "echo once")
    await stack.ended("job.1")
    assert second.container == first.container
    assert second.pid != first.pid
    assert stack.lines() == [b"once", b"once"]
    third = await stack.start("job.1", "sh", "-c", "echo twice")
    assert third.container != first.container


async def test_the_end_removes_containers_and_network(stack: Stack) -> None:
    await stack.start("web.1", "sleep", "300")
    await stack.runner.stop("web.1", signal.SIGKILL, 0)
    await stack.runner.close(end=True)
    assert stack.containers() == []
    with stack.docker() as client:
        assert [network.name for network in client.networks.list() if network.name == "box_default"] == []
    assert not (stack.paths.state / "engine").exists()


async def test_a_command_in_a_container_is_answered_with_its_code_and_output(stack: Stack) -> None:
    identity = await stack.start("web.1", "sleep", "300", environment={"GREETING": "hello"})
    command = ("sh", "-c", "echo $GREETING; exit 5")
    assert await execute.run(stack.engine.address, identity.container, command, 1000) == (5, b"hello\n")


async def test_a_flood_of_lines_is_in_the_record_whole(stack: Stack) -> None:
    began = time.monotonic()
    await stack.python("flood.1", COUNTER, 0, 50_000, 0)
    await stack.ended("flood.1")
    assert stack.lines() == numbered(0, 50_000)
    print(json.dumps({"lines": 50_000, "seconds": round(time.monotonic() - began, 1)}))


@pytest.fixture
def unused_tcp_port() -> int:
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_an_engine_that_restarts_is_reached_again(engine: TestEngine, stack: Stack, tmp_path: Path) -> None:
    identity = await stack.python("polite.1", POLITE)
    await stack.lines_until(1)
    launch = stack.launch("polite.1", ["sh"])
    engine.end()

    async def is_lost() -> bool:
        return stack.losses > 0

    await eventually_async(is_lost, within=30, what="the loss of the engine")
    with pytest.raises(DevctlError, match="does not run"):
        await stack.connect()
    engine.start()
    assert await stack.connect() == []
    ends = {*stack.exits, *await stack.runner.adopt([(launch, identity)])}
    assert [(end.instance, end.code) for end in ends] == [("polite.1", 3)]
    assert stack.lines()[0] == b"up"
    assert (await stack.start("polite.1", "sleep", "300")).container
