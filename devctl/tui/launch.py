"""Starts the terminal UI and puts the terminal back in order, however it ends.

The stack is asked in a thread before Textual is imported: what takes longest goes side by side.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from devctl.errors import EnvironmentProblem, ExitCode
from devctl.tui import manners

if TYPE_CHECKING:
    from devctl.tui.stack import Stack


SWITCH_SECONDS = 0.001
"""So long a thread that reads may keep the one that draws from running; five times as often as Python's own, so that
a key is answered at once while lines are searched."""


def refuse_without_textual() -> None:
    """Raise EnvironmentProblem where the extra is not installed."""
    if importlib.util.find_spec("textual") is None:
        raise EnvironmentProblem(manners.MISSING, next="Install it: pip install 'devctl[tui]'.")


def run(
    stack: Stack,
    write: Callable[[str], None],
    environ: Mapping[str, str] = os.environ,
    *,
    command: str = "devctl",
    memory_file: Path | None = None,
    began_stack: bool = False,
) -> int:
    """Show the stack until the person leaves; `write` gets the lines that are left behind."""
    refuse_without_textual()
    for name in ("COLUMNS", "LINES"):  # Textual would believe them for ever, however the terminal is resized
        os.environ.pop(name, None)
    ready = threading.Thread(target=_warm, args=(stack,), daemon=True)
    ready.start()
    sys.setswitchinterval(SWITCH_SECONDS)
    from devctl.tui.app import DevctlApp
    from devctl.tui.memory import Memory
    from devctl.tui.summary import goodbye

    app = DevctlApp(stack, Memory(memory_file), environ)
    app.began_stack = began_stack
    app.run()
    stack.close()
    if app.crash is not None:
        raise app.crash  # the border of the command line writes the report
    if app.hung_up:
        return ExitCode.INTERRUPTED
    for line in goodbye(app.model, command):
        write(line)
    return ExitCode.OK


def _warm(stack: Stack) -> None:
    """Touch what the first screen needs, so that the disk has it."""
    with contextlib.suppress(Exception):
        stack.sample()


def plain(stack: Stack, write: Callable[[str], None], *, once: bool = False) -> int:
    """Show the stack as linear text, until it is interrupted."""
    from devctl.tui import plain as linear

    try:
        linear.run(stack, write, lambda: False, once=once)
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return ExitCode.OK


def terminal_refuses(environ: Mapping[str, str] = os.environ) -> str:
    """Return why the terminal UI cannot be shown here, empty when it can."""
    return manners.why_not(
        environ,
        stdin_is_terminal=sys.stdin.isatty(),
        stdout_is_terminal=sys.stdout.isatty(),
        stderr_is_terminal=sys.stderr.isatty(),
    )
