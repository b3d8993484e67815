"""Text from outside on every path to a person: shown, never obeyed."""

from typing import Any

import pytest

from devctl.core import events as happened
from devctl.core.spec import MissingVariant, Service
from devctl.errors import DevctlError
from devctl.render import diagnosis
from tests import fakes
from tests.fakes import World
from tests.unit.cli.conftest import Run
from tests.unit.cli.fake_session import FakeSession, Screen, service, stack

VECTORS = [
    "\x1b[2J\x1b[H", "\x1b]0;own\x07", "\x1b]8;;http://evil\x1b\\x\x1b]8;;\x1b\\", "\x1b]52;c;eA==\x07", "\x1bPq\x1b\\",
    "\x9b2J", "\x9d0;t\x9c", "a\rb", "\u202eabc", "[/]", "[TODO]", "[link=http://x]y[/link]", "\x00\x07\x08", "\ud800",
]  # fmt: skip
LINES = [
    "status",
    "status --why",
    "why",
    "health",
    "start",
    "stop order",
    "kill order",
    "env order",
    "wait --timeout 1ms",
]


def hostile(evil: str) -> FakeSession:
    view = service("order", "failed", reason=evil, cure=evil, note=evil, why_variant=evil, variant="native", uses=evil)
    view["instances"][0]["reason"] = evil
    session = FakeSession(stack(view, service(f"x{evil}", page=f"http://{evil}", ports={"http": evil})))
    session.items = [{"services": [view], "notice": evil}]
    session.world = World(
        fakes.spec(fakes.service("order"), Service(evil, missing=(MissingVariant(evil, evil, evil),)))
    )
    session.world.up()
    session.world.post(happened.StartFailed("order.1", "order", evil, evil))
    answer = {"service": evil, "instance": evil, "healthy": False, "check": evil, "answer": evil, "milliseconds": 1}
    session.answers = [answer]
    session.launches = [{"instance": "order.1", "environment": {f"A{evil}": evil}}]
    return session


@pytest.mark.parametrize("evil", VECTORS)
@pytest.mark.parametrize("line", LINES)
def test_no_command_passes_a_control_sequence_on(run: Run, line: str, evil: str) -> None:
    code, screen = run(line, hostile(evil))
    messages = screen.shown + screen.messages
    assert code in (0, 1)
    assert not set(messages) & set("\x1b\x9b\x9d\x00\x07\x08\r\u202e")
    if evil.startswith("[") and line == "why":
        assert evil in messages


@pytest.mark.parametrize("evil", VECTORS)
def test_no_link_of_a_chain_of_causes_passes_a_control_sequence_on(evil: str) -> None:
    link: Any = {"service": "order", "instance": "order.1", "status": "failed", "says": evil, "next": evil,
                 "exit_code": 1, "answer": evil, "lines": [evil]}  # fmt: skip
    shown = "".join(diagnosis.lines({"service": evil, "status": "failed", "chain": [link]}, Screen()))
    assert not set(shown) & set("\x1b\x9b\x9d\x00\x07\x08\r\u202e")


@pytest.mark.parametrize("evil", VECTORS)
def test_no_error_passes_a_control_sequence_on(run: Run, evil: str) -> None:
    _, screen = run("status", FakeSession(fail=DevctlError(f"w{evil}", where=evil, next=evil)))
    assert not set(screen.messages) & set("\x1b\x9b\x9d\x00\x07\x08\r\u202e")
