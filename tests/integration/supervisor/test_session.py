"""The contract of the session, asked over the socket as any client may."""

from __future__ import annotations

import json
import socket
import stat
import subprocess
import sys
from typing import Any

import pytest

from devctl.session.protocol import CALLS, VERSION, OneOffView
from tests.integration.supervisor.conftest import RealStack, process
from tests.waiting import eventually


def talk(stack: RealStack, *lines: bytes, until: int = 1) -> list[dict[str, Any]]:
    """Send raw lines and return the answers up to and with the `until`th result or error."""
    with socket.socket(socket.AF_UNIX) as plain:
        plain.settimeout(10)
        plain.connect(str(stack.paths.socket))
        for line in lines:
            plain.sendall(line + b"\n")
        answers: list[dict[str, Any]] = []
        for line in plain.makefile("rb"):
            answers.append(json.loads(line))
            if sum("item" not in answer for answer in answers) == until:
                return answers
    return answers


def request(call: str, number: int = 1, **arguments: Any) -> bytes:
    return json.dumps({"v": VERSION, "id": number, "call": call, **arguments}).encode()


@pytest.fixture
def up(stack: RealStack) -> RealStack:
    with stack.client() as client:
        client.apply(stack.spec(process("a", "sleep", "600"), process("b", "sleep", "600")))
    return stack


ARGUMENTS: dict[str, dict[str, Any]] = {
    "apply": {"spec": None, "names": ["a"]},
    "plan": {"spec": None, "force": True},
    "stop": {"names": ["a"]},
    "restart": {"names": ["a"]},
    "kill": {"names": ["a"], "signal": "SIGUSR1"},
    "scale": {"counts": {"a": 1}},
    "pause": {"names": ["a"]},
    "unpause": {"names": ["a"]},
    "one_off": {"service": "a"},
}


@pytest.mark.timeout(60)
def test_every_call_is_answered_in_its_shape(up: RealStack) -> None:
    shapes = {
        "hello": {"version", "devctl", "pid", "run", "starter", "folder"},
        "status": {"stack", "run", "status", "folder", "supervisor", "keeper", "notice", "services"},
        "spec": {"spec", "launches"},
        "snapshot": {"spec", "state", "answers"},
        "one_off": set(OneOffView.__annotations__),
    }
    settled = {"run", "healthy", "began", "seconds", "critical_path", "going_on", "failed", "rolled_back"}
    for call in CALLS:
        if call in ("watch", "down", "fault_add"):  # the last: where nothing is relayed it is refused
            continue
        *items, last = talk(up, request(call, 7, **ARGUMENTS.get(call, {})))
        assert last["id"] == 7
        assert all(item["id"] == 7 and "item" in item for item in items), call
        if call in ("apply", "stop", "restart", "scale"):
            assert set(last["result"]) == settled, call
            assert "accepted" in items[0]["item"]
        elif call in shapes:
            assert set(last["result"]) == shapes[call], call
        else:
            assert isinstance(last["result"], list), call


def test_a_new_listener_gets_the_past_and_the_future_in_one_step(up: RealStack) -> None:
    answers = talk(up, request("watch", 1), request("restart", 2, names=["a"]))
    assert set(answers[0]["item"]) == {"status"}
    mine = [answer["item"] for answer in answers if answer["id"] == 1]
    types = [item["event"]["type"] for item in mine if "event" in item]
    assert types[:2] == ["planned", "instance_stopping"]


@pytest.mark.parametrize(
    ("line", "code", "what"),
    [
        (b'{"v": 99, "id": 1, "call": "status"}', 2, "version"),
        (request("dance"), 2, "no call 'dance'"),
        (request("stop", names=["nobody"]), 2, "no service 'nobody'"),
        (request("apply", spec={"unheard": 1}), 2, "does not understand"),
        (b"not json", 2, "no request"),
        (b"[]", 2, "no request"),
    ],
)
def test_what_is_wrong_is_answered_with_an_error_and_the_stack_goes_on(
    up: RealStack, line: bytes, code: int, what: str
) -> None:
    answers = talk(up, line)
    assert answers[-1]["error"]["exit_code"] == code
    assert what in answers[-1]["error"]["what"]
    assert up.statuses() == {"a": "running", "b": "running"}


def test_many_calls_of_one_connection_are_answered_each(up: RealStack) -> None:
    answers = talk(up, *(request("status", n) for n in range(20)), until=20)
    assert sorted(answer["id"] for answer in answers) == list(range(20))


def test_twenty_restarts_at_once_leave_one_instance(up: RealStack) -> None:
    answers = talk(up, *(request("restart", n, names=["a"]) for n in range(20)), until=20)
    assert sum("result" in answer for answer in answers) == 20
    assert len(up.pids()) == 2
    ours = [pid for pid in up.processes() if pid not in up.pids().values()]
    assert len(ours) == 2, "supervisor and keeper"


def test_nobody_else_may_enter(up: RealStack) -> None:
    for path in (up.paths.runtime, up.paths.socket, up.paths.lock, up.paths.state):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_reader_that_hangs_hinders_nobody(up: RealStack) -> None:
    with socket.socket(socket.AF_UNIX) as plain:
        plain.connect(str(up.paths.socket))
        plain.sendall(request("watch") + b"\n")
        with up.client() as client:
            for _ in range(5):
                assert client.restart(["a"])["healthy"]


def test_the_supervisor_loads_nothing_heavy() -> None:
    heavy = {"pydantic", "yaml", "typer", "rich", "httpx", "textual", "docker", "psutil", "watchfiles", "jinja2"}
    code = "import sys, devctl.supervisor.__main__; print(*{m.split('.')[0] for m in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not heavy & set(loaded)


def test_the_client_loads_no_asyncio() -> None:
    code = "import sys, devctl.session.connect; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"asyncio", "ssl", "subprocess", "devctl.core.spec"} & set(loaded)


def test_an_idle_supervisor_without_a_run_ends(stack: RealStack) -> None:
    with stack.client() as client:
        assert client.hello()["run"] == ""
    eventually(lambda: not stack.is_left(), what="its end")
