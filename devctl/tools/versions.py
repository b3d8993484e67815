"""Asks a program for its version, with a time limit, and remembers the answer for as long as the file is the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

from devctl import paths
from devctl.disk import replace_file
from devctl.values import dataclass

ASK_SECONDS = 5.0
"""A program that prints its version needs milliseconds; Java and Grafana up to two seconds on a busy machine."""
UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Range:
    """Versions from `minimum` up to, not including, `below` (empty = no upper end)."""

    minimum: tuple[int, ...]
    below: tuple[int, ...] = ()

    def holds(self, version: str) -> bool:
        """Tell whether `version` lies within; an unreadable version does not."""
        number = numbers(version)
        return bool(number) and number >= self.minimum and (not self.below or number < self.below)

    def __str__(self) -> str:
        upper = f", below {'.'.join(map(str, self.below))}" if self.below else ""
        return f"{'.'.join(map(str, self.minimum))} or newer{upper}"


def numbers(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a version: `2.42.0+ds-5` is (2, 42, 0); () when there are none."""
    leading = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(map(int, leading[1].split("."))) if leading else ()


def ask(program: Path, arguments: tuple[str, ...], pattern: str) -> str:
    """Return the version that `program` prints, `unknown` when it prints none or does not answer in time."""
    stamp = _stamp(program)
    answers = _remembered()
    if (version := answers.get(stamp)) is not None:
        return version
    printed = output(program, arguments)
    version = match(pattern, printed)
    if printed:  # silence may only mean that the machine is busy
        _remember({**answers, stamp: version})
    return version


def output(program: Path, arguments: tuple[str, ...]) -> str:
    """Return what `program` prints (both streams, at most 64 KiB); empty when it cannot be run or hangs."""
    import subprocess

    try:
        done = subprocess.run(
            [program, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=ASK_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout[: 64 << 10].decode(errors="replace")


def match(pattern: str, text: str) -> str:
    """Return what the first group of `pattern` finds in `text`, else `unknown`."""
    hit = re.search(pattern, text)
    return hit[1] if hit else UNKNOWN


def _stamp(program: Path) -> str:
    real = program.resolve()
    facts = real.stat()
    return f"{real}:{facts.st_size}:{facts.st_mtime_ns}"


def _store() -> Path:
    return paths.cache_folder() / "versions.json"


def _remembered() -> dict[str, str]:
    try:
        answers = json.loads(_store().read_text())
    except (OSError, ValueError):
        return {}
    return answers if isinstance(answers, dict) else {}


def _remember(answers: dict[str, str]) -> None:
    store = _store()
    try:
        store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        replace_file(store, json.dumps(dict(list(answers.items())[-200:])))
    except OSError:  # a read-only cache only costs the question again
        return
