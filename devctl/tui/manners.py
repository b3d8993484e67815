"""When the terminal UI is not started. Pure; imports nothing heavy, since it decides whether to."""

from __future__ import annotations

from collections.abc import Mapping

MISSING = "the terminal UI needs the package textual, which comes with the extra `devctl[tui]`"


def why_not(
    environ: Mapping[str, str], *, stdin_is_terminal: bool, stdout_is_terminal: bool, stderr_is_terminal: bool
) -> str:
    """Return one sentence on why plain lines are shown instead, empty when the terminal UI may start.

    Textual draws on stderr, so that one has to be a terminal, too.
    """
    if environ.get("DEVCTL_TUI") == "0":
        return "DEVCTL_TUI=0 is set"
    if not stdout_is_terminal:
        return "stdout is no terminal"
    if not stderr_is_terminal:
        return "stderr is no terminal"
    if not stdin_is_terminal:
        return "stdin is no terminal"
    if environ.get("TERM", "") in ("", "dumb"):
        return f"this terminal (TERM={environ.get('TERM', '')}) can only show plain text"
    if environ.get("CI"):
        return "CI is set"
    return ""
