"""Whatever is typed: one clear message, a documented exit code, never a traceback."""

import contextlib
import io
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from devctl.cli import main
from devctl.cli.line.declare import GlobalOptions
from devctl.errors import ExitCode
from tests.unit.cli.fake_session import Door, FakeSession, Screen
from tests.unit.cli.test_parsers import COMMANDS

# These would leave this process, open a browser, or reach for the network.
ELSEWHERE = {"exec", "run", "attach", "cp", "open", "tools install", "tools remove", "doctor", "tools list"}
ENDLESS = {"--watch", "-w", "--follow", "-f", "--plain"}
NAMES = sorted(set(COMMANDS) - ELSEWHERE)
WORDS = ["order", "cart.1", "nope", "", "-", "--", "5m", "-5", "9" * 20, "\x1b]0;x\x07", "[/]", "ü\ud800", "("]


def _spelled(name: str) -> list[str]:
    options = [*COMMANDS[name].options.named(), *GlobalOptions.named()]
    return [flag for option in options for flag in option.flags if flag not in ENDLESS]


@st.composite
def lines(draw: st.DrawFn) -> list[str]:
    name = draw(st.sampled_from(NAMES))
    word = st.one_of(st.sampled_from(_spelled(name)), st.sampled_from(WORDS), st.text(max_size=6))
    return [*name.split(), *draw(st.lists(word, max_size=5))]


@given(line=st.one_of(lines(), st.lists(st.text(max_size=8), max_size=4)), runs=st.booleans())
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_any_command_line_ends_with_a_documented_code_and_no_traceback(
    line: list[str], runs: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stack.yaml").write_text("name: shop\nservices:\n  order: {command: sleep 1}\n")
    screen, loose = Screen(XDG_RUNTIME_DIR=str(tmp_path)), io.StringIO()
    with contextlib.redirect_stdout(loose), contextlib.redirect_stderr(loose):
        code = main.run(line, screen.environ, screen, Door(FakeSession() if runs else None))  # type: ignore[arg-type]
    messages = screen.shown + screen.messages + loose.getvalue()
    assert code in set(ExitCode) - {ExitCode.BUG}, messages
    assert "Traceback" not in messages
    assert "\x1b]" not in screen.messages
