"""Asks a program for its version, with a time limit, and remembers the answer for as long as the file is the same."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from devctl import paths

ASK_SECONDS = 5.0
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
    found = re.match(r"v?(\d+(?:\.\d+)*)", version)
    return tuple(map(int, found[1].split("."))) if found else ()


def ask(program: Path, arguments: tuple[str, ...], pattern: str) -> str:
    """Return the version that `program` prints, `unknown` when it prints none or does not answer in time."""
    stamp = _stamp(program)
    known = _remembered()
    if (answer := known.get(stamp)) is not None:
        return answer
    said = output(program, arguments)
    answer = _match(pattern, said)
    if said:  # silence may only mean that the machine is busy
        _remember({**known, stamp: answer})
    return answer


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


def _match(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else UNKNOWN


def _stamp(program: Path) -> str:
    real = program.resolve()
    facts = real.stat()
    return f"{real}:{facts.st_size}:{facts.st_mtime_ns}"


def _store() -> Path:
    return paths.cache_folder() / "versions.json"


def _remembered() -> dict[str, str]:
    try:
        known = json.loads(_store().read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}


def _remember(known: dict[str, str]) -> None:
    store = _store()
    scratch = store.with_suffix(f".{os.getpid()}")
    try:
        store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        scratch.write_text(json.dumps(dict(list(known.items())[-200:])))
        scratch.rename(store)
    except OSError:  # a read-only cache only costs the question again
        return
