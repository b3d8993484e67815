"""When the terminal UI starts and when it does not, what it leaves behind, and how it ends."""

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from devctl.errors import EnvironmentProblem, UsageError
from devctl.tui import clipboard, launch, manners, plain
from devctl.tui.memory import Memory
from devctl.tui.model import Model
from devctl.tui.replay import read
from devctl.tui.summary import goodbye
from devctl.tui.verbs.times import moment
from tests.tui.fakes import START_NS, broken, fake_stack, shop
from tests.waiting import eventually

TTY = {"stdin_is_terminal": True, "stdout_is_terminal": True, "stderr_is_terminal": True}


@pytest.mark.parametrize(
    ("environ", "terminals", "reason"),
    [
        ({"TERM": "xterm", "DEVCTL_TUI": "0"}, TTY, "DEVCTL_TUI=0"),
        ({"TERM": "dumb"}, TTY, "TERM=dumb"),
        ({"TERM": "xterm", "CI": "true"}, TTY, "CI is set"),
        ({"TERM": "xterm"}, {**TTY, "stdout_is_terminal": False}, "stdout is no terminal"),
        ({"TERM": "xterm"}, {**TTY, "stderr_is_terminal": False}, "stderr is no terminal"),
        ({"TERM": "xterm"}, {**TTY, "stdin_is_terminal": False}, "stdin is no terminal"),
    ],
)
def test_it_is_not_started_where_nobody_could_see_or_steer_it(
    environ: dict[str, str], terminals: dict[str, bool], reason: str
) -> None:
    assert reason in manners.why_not(environ, **terminals)


def test_it_is_started_in_a_terminal() -> None:
    assert manners.why_not({"TERM": "xterm-256color"}, **TTY) == ""


def test_without_the_extra_one_sentence_says_so() -> None:
    code = (
        "import sys; sys.modules['textual'] = None\n"
        "from devctl.tui import launch\n"
        "try: launch.refuse_without_textual()\n"
        "except Exception as error: print(int(error.exit_code), error.what)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert answer == f"3 {manners.MISSING}\n"
    assert EnvironmentProblem.exit_code == 3


def test_three_plain_lines_are_left_behind(tmp_path: Path) -> None:
    model = Model(link="live")
    for frame in broken():
        if "item" in frame:
            model.apply(frame["item"])
        model.whys = frame.get("why", model.whys)
    lines = goodbye(model, "devctl -p two")
    assert len(lines) == 3
    assert lines[0] == "shop is unhealthy: 6 of 8 services healthy; payment: exited with 1 at its start"
    assert "http://127.0.0.1:8103/" in lines[1]
    assert "devctl -p two tui` comes back here" in lines[2]
    assert "devctl -p two down` stops it" in lines[2]


def test_plain_text_says_each_change_in_one_sentence(tmp_path: Path) -> None:
    lines: list[str] = []
    plain.run(fake_stack(tmp_path, broken()), lines.append, lambda: False, once=True)
    assert lines[0] == "shop is healthy."
    assert "gateway is healthy at http://127.0.0.1:8103/." in lines
    assert any(line.startswith("Why: payment: exited with 1 at its start.") for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_plain_text_of_what_there_is_now_ends_though_the_stack_never_rests(tmp_path: Path) -> None:
    seconds = itertools.count()
    stack, is_over = fake_stack(tmp_path, broken()), threading.Event()

    def watch(sink: Callable[[Any], None], on_link: Callable[[str], None]) -> None:
        def go_on() -> None:
            while not is_over.wait(0.001):
                on_link("lost")

        threading.Thread(target=go_on, daemon=True).start()

    stack.watch = watch  # type: ignore[method-assign]
    lines: list[str] = []
    plain.run(stack, lines.append, lambda: False, once=True, clock=lambda: next(seconds) / 10)
    is_over.set()
    assert lines[0] == "The supervisor does not answer; services run on."


def _tui(folder: Path, *arguments: str, terminal: bool = True, **environ: str) -> subprocess.Popen[bytes]:
    """Start `devctl tui` with a terminal of its own (or a pipe)."""
    argv = [sys.executable, "-m", "devctl", "tui", *arguments]
    base = {k: v for k, v in os.environ.items() if k not in ("CI", "NO_COLOR", "DEVCTL_TUI")}
    env = {**base, "TERM": "xterm-256color", **environ}
    if not terminal:
        return subprocess.Popen(argv, cwd=folder, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE)  # fmt: skip
    leader, follower = os.openpty()
    os.set_blocking(leader, False)
    process = subprocess.Popen(argv, cwd=folder, env=env, stdin=follower, stdout=follower, stderr=follower,
                               start_new_session=True)  # fmt: skip
    os.close(follower)
    process.leader = leader  # type: ignore[attr-defined]
    return process


def _output(process: subprocess.Popen[bytes]) -> bytes:
    try:
        return os.read(process.leader, 1 << 20)  # type: ignore[attr-defined]
    except OSError:
        return b""


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "recording.jsonl"
    path.write_text("\n".join(map(json.dumps, shop())))
    return path


def test_a_hangup_ends_it_at_once(tmp_path: Path, recording: Path) -> None:
    process = _tui(tmp_path, "--replay", str(recording))
    try:
        eventually(lambda: b"Services" in _output(process), within=60)
        began = time.monotonic()
        process.send_signal(signal.SIGHUP)
        process.wait(timeout=30)
        took = time.monotonic() - began
    finally:
        process.kill()
        os.close(process.leader)  # type: ignore[attr-defined]
    assert process.returncode in (129, 130)
    assert took < 30  # the figure itself is measured in bench/tui.py


def test_in_a_pipe_it_prints_plain_lines_and_says_why(tmp_path: Path, recording: Path) -> None:
    process = _tui(tmp_path, "--replay", str(recording), terminal=False)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert b"shop is healthy." in out
    assert err.decode().startswith("Plain lines instead of the terminal UI: stdout is no terminal.")


def test_a_file_that_is_no_recording_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for content in ("", "[1]", '{"a": 1}', "no json"):
        path.write_text(content)
        with pytest.raises(UsageError):
            read(path)


def test_a_recording_plays_with_the_clock_of_then(recording: Path) -> None:
    stack = read(recording)
    try:
        assert stack.now_ns() == START_NS
        stack.play()
        assert stack.now_ns() == START_NS + 11 * 1_000_000_000
        assert len(stack.telemetry.traces(_any_trace())) == 2
    finally:
        stack.close()


def _any_trace() -> object:
    from devctl.record.span_query import SpanQuery

    return SpanQuery()


@pytest.mark.parametrize(
    ("text", "seconds_ago"),
    [("5m", 300), ("14:00:00", 800.0), ("14:13:20", 0), ("14:13:21", 86_399), ("2026-09-21T14:13:00+00:00", 20)],
)
def test_a_moment_is_a_time_of_day_or_how_long_ago(text: str, seconds_ago: float) -> None:
    assert START_NS - moment(text, START_NS) == seconds_ago * 1_000_000_000


@pytest.mark.parametrize("text", ["", "25:00", "soon", "12:61"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no time"):
        moment(text, START_NS)


def test_what_is_remembered_survives_and_damage_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "tui.json"
    Memory(path).put("logs", {"wrap": False})
    assert Memory(path).get("logs", {}) == {"wrap": False}
    path.write_text("{ broken")
    assert Memory(path).get("logs", {}) == {}
    Memory(tmp_path / "no" / "folder").put("x", 1)


def test_long_text_goes_to_a_file_and_short_to_the_terminal(tmp_path: Path) -> None:
    written: list[str] = []
    assert clipboard.copy("short", {"TERM": "xterm"}, written.append, tmp_path) == "the clipboard"
    path = Path(clipboard.copy("x" * 100_000, {"TERM": "xterm"}, written.append, tmp_path))
    assert written == ["short"]
    assert path.read_text() == "x" * 100_000
    assert path.stat().st_mode & 0o077 == 0


def test_status_and_help_load_no_textual() -> None:
    code = (
        "import sys; from devctl.cli.main import run; run(['--help']); print('textual' in sys.modules, file=sys.stderr)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stderr.strip() == "False"
    assert launch.terminal_refuses({"DEVCTL_TUI": "0"})
