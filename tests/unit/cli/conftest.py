"""One helper for all tests of the command line: run a line against a fake session in an empty folder."""

from collections.abc import Callable
from pathlib import Path

import pytest

from devctl.cli import main
from tests.unit.cli.fake_session import Door, FakeSession, Screen

Run = Callable[..., tuple[int, Screen]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stack.yaml").write_text("name: shop\nservices:\n  web: {command: sleep 1}\n")

    def go(line: str, session: FakeSession | None = None, **environ: str) -> tuple[int, Screen]:
        screen = Screen(**environ)
        code = main.run(line.split(), environ, screen, Door(session))  # type: ignore[arg-type]
        return code, screen

    return go
