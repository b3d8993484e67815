"""A stack that runs, as the terminal UI sees it, while its supervisor is there, silent, or back again."""

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from devctl.errors import EnvironmentProblem
from devctl.paths import StackPaths
from devctl.tui.live import LiveStack
from tests.tui.fakes import status
from tests.waiting import eventually


class Supervisor:
    """Answers, or does not."""

    def __init__(self) -> None:
        self.is_stopped = False
        self.over = threading.Event()

    def hello(self) -> dict[str, Any]:
        return {"run": ""}

    def watch(self) -> Iterator[dict[str, Any]]:
        yield {"status": status()}
        self.over.wait()

    def status(self) -> dict[str, Any]:
        if self.is_stopped:
            raise EnvironmentProblem("the supervisor is stopped", next="Wake it.")
        return status()

    def close(self) -> None:
        """Nothing is held."""


class Access:
    def __init__(self, folder: Path, supervisor: Supervisor) -> None:
        self.paths, self._supervisor = StackPaths(folder), supervisor

    def client(self) -> Supervisor:
        return self._supervisor


def test_a_supervisor_that_is_silent_is_named_with_the_next_step_and_taken_up_again(tmp_path: Path) -> None:
    supervisor = Supervisor()
    stack = LiveStack(Access(tmp_path, supervisor))  # type: ignore[arg-type]
    items: list[Any] = []
    links: list[str] = []
    stack.watch(items.append, links.append)
    try:
        eventually(lambda: stack.link == "live", within=30)
        assert stack.sample() == {"status": status()}
        supervisor.is_stopped = True
        assert stack.sample() is None
        assert stack.sample() is None
        assert items[1:] == [{"notice": "the supervisor is stopped. Wake it."}]
        supervisor.is_stopped = False
        assert stack.sample() == {"status": status()}
        assert links == ["live", "lost", "live"]
    finally:
        supervisor.over.set()
        stack.close()
