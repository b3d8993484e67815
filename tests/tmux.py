"""A terminal in tmux: keys in, what stands on the screen out."""

from __future__ import annotations

import os
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import eventually


class Terminal:
    """One tmux session on a socket of its own."""

    def __init__(self, socket: str) -> None:
        self._socket = socket

    def _tmux(self, *arguments: str) -> str:
        done = subprocess.run(["tmux", "-L", self._socket, *arguments], capture_output=True, text=True)
        return done.stdout

    def press(self, *keys: str) -> None:
        """Send keys as tmux names them."""
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        """Send text."""
        self._tmux("send-keys", "-l", text)

    def resize(self, width: int, height: int) -> None:
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def sees(self, *texts: str, within: float = 60) -> str:
        """Wait until all these texts are on the screen; return it."""

        def shown() -> str:
            screen = self.screen()
            return screen if all(text in screen for text in texts) else ""

        try:
            return eventually(shown, within=within, every=0.1)
        except AssertionError:
            raise AssertionError(f"{texts} not within {within} s on\n{self.screen()}") from None

    def sees_not(self, text: str, within: float = 60) -> None:
        """Wait until a text is on the screen no more."""
        eventually(lambda: text not in self.screen(), within=within, every=0.1, what=f"{text!r} goes")

    def close(self) -> None:
        self._tmux("kill-server")


@contextmanager
def devctl_in_tmux(
    arguments: Sequence[str], folder: Path, environ: Mapping[str, str], size: tuple[int, int] = (80, 24)
) -> Iterator[Terminal]:
    """Run a devctl command in a terminal; a shell stays when it has ended."""
    socket = f"devctl-{os.getpid()}-{secrets.token_hex(3)}"
    unset = " ".join(f"-u {name}" for name in ("CI", "NO_COLOR", "DEVCTL_TUI", "TMUX"))
    settings = " ".join(f"{name}={shlex.quote(value)}" for name, value in environ.items())
    command = f"env {unset} {settings} {shlex.join([sys.executable, '-m', 'devctl', *arguments])}; echo code=$?; cat"
    width, height = map(str, size)
    argv = ["tmux", "-L", socket, "-f", os.devnull, "new-session", "-d", "-x", width, "-y", height, command]
    subprocess.run(argv, check=True, cwd=folder)
    terminal = Terminal(socket)
    try:
        yield terminal
    finally:
        terminal.close()
