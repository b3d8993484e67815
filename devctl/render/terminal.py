"""Where output goes: results to stdout, messages to stderr; colour, width and liveness decided in one place."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from typing import TextIO

CODES = {
    "red": "31", "green": "32", "yellow": "33", "blue": "34", "magenta": "35", "cyan": "36",
    "bold": "1", "dim": "2",
}  # fmt: skip


class Terminal:
    """The two streams of a command and what they can show."""

    def __init__(self, out: TextIO, err: TextIO, environ: Mapping[str, str], *, no_color: bool = False) -> None:
        self.out = out
        self.err = err
        self.environ = environ
        self.no_color = no_color

    @classmethod
    def of_process(cls, environ: Mapping[str, str]) -> Terminal:
        """Return this process's terminal; characters that its encoding lacks are escaped, never an error."""
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(errors="backslashreplace")
        return cls(sys.stdout, sys.stderr, environ)

    def colour(self, stream: TextIO | None = None) -> bool:
        """Tell whether `stream` (stdout unless given) shall get colours."""
        if self.no_color or self.environ.get("NO_COLOR"):
            return False
        if self.environ.get("FORCE_COLOR"):
            return self.environ["FORCE_COLOR"] != "0"
        return _is_terminal(stream or self.out) and self.environ.get("TERM") != "dumb"

    @property
    def is_terminal(self) -> bool:
        """Whether a person looks at stdout."""
        return _is_terminal(self.out)

    @property
    def is_live(self) -> bool:
        """Whether messages may be redrawn in place."""
        return _is_terminal(self.err) and self.environ.get("TERM", "dumb") != "dumb"

    @property
    def can_ask(self) -> bool:
        """Whether a person can be asked a question."""
        return sys.stdin is not None and sys.stdin.isatty() and _is_terminal(self.err)

    @property
    def width(self) -> int:
        """Columns to fill: the terminal's, or plenty where there is none."""
        if (columns := self.environ.get("COLUMNS", "")).isdigit() and int(columns) > 0:
            return int(columns)
        try:
            return os.get_terminal_size(self.out.fileno()).columns or 80
        except (OSError, ValueError):
            return 200

    @property
    def height(self) -> int:
        """Lines to fill: the terminal's, or plenty where there is none."""
        if (lines := self.environ.get("LINES", "")).isdigit() and int(lines) > 0:
            return int(lines)
        try:
            return os.get_terminal_size(self.out.fileno()).lines or 24
        except (OSError, ValueError):
            return 10_000

    def write(self, text: str) -> None:
        """Write a result to stdout, with a newline after it."""
        self.out.write(text + "\n")

    def write_bytes(self, content: bytes) -> None:
        """Write a large result as it is."""
        self.out.flush()
        if (raw := getattr(self.out, "buffer", None)) is None:
            self.out.write(content.decode())
        else:
            raw.write(content)
            raw.flush()

    def say(self, text: str) -> None:
        """Say something to the person, on stderr; where nobody can hear it the command goes on all the same."""
        self.out.flush()
        try:
            self.err.write(text + "\n")
            self.err.flush()
        except OSError:  # a closed pipe, a full disk
            self.err = open(os.devnull, "w")  # noqa: SIM115  lives as long as the process

    def paint(self, text: str, *styles: str, err: bool = False) -> str:
        """Return `text` in the named styles where colours are shown."""
        if not text or not styles or not self.colour(self.err if err else self.out):
            return text
        return f"\x1b[{';'.join(CODES[style] for style in styles)}m{text}\x1b[0m"

    def ask(self, question: str) -> bool:
        """Return whether the person agrees; only for where `can_ask`."""
        self.say(f"{question} [y/N] ")
        return sys.stdin.readline().strip().lower() in {"y", "yes"}

    def flush(self) -> None:
        """Write out what is buffered; a closed pipe shows here at the latest."""
        self.out.flush()

    def lose(self) -> None:
        """Say and show nothing any more: whoever looked is gone, and writing to them would fail."""
        self.out = self.err = open(os.devnull, "w")  # noqa: SIM115  lives as long as the process

    def abandon(self) -> None:
        """Abandon stdout, whose reader is gone, so that nothing complains at exit."""
        if self.out in (sys.stdout, sys.__stdout__):  # the second where something redirects the first
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.out.fileno())


def _is_terminal(stream: TextIO) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False
