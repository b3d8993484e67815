"""What everyday commands may load: little, or they cannot be quick."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from devctl.paths import StackPaths
from tests.integration.cli.fake_supervisor import answering, write_manifest
from tests.unit.cli.fake_session import service, settled, stack

HEAVY = {
    "textual", "docker", "pydantic", "httpx", "asyncio", "rich", "yaml", "psutil", "ssl", "urllib.request",
    "watchfiles",
}  # fmt: skip
TOLD = "\nLOADED "
PROGRAM = f"""
import sys
from devctl.__main__ import main
sys.argv[0] = "devctl"
try:
    main()
finally:
    print({TOLD!r} + " ".join(sys.modules))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="dc") as runtime:
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        write_manifest(tmp_path)
        yield tmp_path.resolve()


def loaded(folder: Path, *arguments: str) -> set[str]:
    argv = [sys.executable, "-c", PROGRAM, *arguments]
    done = subprocess.run(argv, cwd=folder, env=dict(os.environ), capture_output=True, text=True, timeout=30)
    assert TOLD in done.stdout, done.stderr
    return set(done.stdout.split(TOLD)[1].split())


def test_the_version_is_answered_before_anything_is_loaded(folder: Path) -> None:
    modules = loaded(folder, "--version")
    assert not {name for name in modules if name.startswith("devctl.")} - {"devctl.__main__"}


def test_the_list_of_commands_is_printed_without_typer(folder: Path) -> None:
    modules = loaded(folder, "--help")
    assert not modules & (HEAVY | {"typer", "inspect", "dataclasses", "hashlib"})


def test_help_of_a_command_loads_typer_and_nothing_heavy(folder: Path) -> None:
    modules = loaded(folder, "up", "--help")
    assert "typer" in modules
    assert not modules & HEAVY


@pytest.mark.parametrize("line", ["status", "status --json", "ps", "down", "why", "stop web", "kill web"])
def test_commands_that_only_talk_to_the_supervisor_load_no_typer_and_nothing_heavy(folder: Path, line: str) -> None:
    view = stack(service("web"))
    snapshot = {"spec": {"name": "shop", "folder": "/shop"}, "state": {}, "answers": {}}
    nobody = {"version": 1, "devctl": "0", "pid": 2**22 + 1, "run": ""}
    answers = {"hello": nobody, "status": view, "snapshot": snapshot, "kill": ["web.1"]}
    answers |= {"down": settled(), "stop": settled()}
    with answering(StackPaths(folder), answers):
        modules = loaded(folder, *line.split())
    assert "devctl.session.client" in modules
    assert not modules & (HEAVY | {"typer"})


def test_status_of_a_stack_that_is_down_loads_nothing_heavy(folder: Path) -> None:
    assert not loaded(folder, "status") & (HEAVY | {"typer"})


def test_logs_loads_nothing_heavy(folder: Path) -> None:
    (folder / ".devctl" / "runs" / "20260131-120000-abcd" / "logs").mkdir(parents=True)
    assert not loaded(folder, "logs", "--json") & (HEAVY | {"typer"})


def test_a_runtime_folder_whose_name_is_too_long_for_a_socket_is_told_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "stack.yaml").write_text("services: {a: {command: sleep 1}}")
    runtime = tmp_path / ("x" * 100)
    runtime.mkdir()
    for command in ("status", "up -d", "down"):
        done = subprocess.run(
            [sys.executable, "-m", "devctl", *command.split()],
            cwd=tmp_path, capture_output=True, text=True, check=False,
            env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
        )  # fmt: skip
        assert done.returncode == 3
        assert "the path of its socket is longer than the 103 bytes" in done.stderr
        assert "XDG_RUNTIME_DIR" in done.stderr
