"""The user's index of stacks that run: one small file for each, by which `devctl ls` and lost commands find them.

Hints only: whoever reads an entry asks the stack itself. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path

from devctl.disk import replace_file
from devctl.paths import StackPaths, user_state_folder


def register(paths: StackPaths) -> None:
    """Add a stack, or say where it is now; a disk or a home that refuses costs the entry and nothing else."""
    if entry := _entry(paths):
        body = {"folder": str(paths.folder), "project": paths.project, "runtime": str(paths.runtime)}
        with contextlib.suppress(OSError):
            entry.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(entry, json.dumps(body))


def unregister(paths: StackPaths) -> None:
    """Forget a stack that was taken down."""
    if entry := _entry(paths):
        with contextlib.suppress(OSError):
            entry.unlink()


def entries() -> Iterator[StackPaths]:
    """Yield every stack of this user that was not taken down in order, by its folder."""
    if base := user_state_folder():
        stacks = (paths for file in (base / "stacks").glob("*.json") if (paths := _read(file)))
        yield from sorted(stacks, key=lambda paths: (paths.folder, paths.project))


def find(paths: StackPaths) -> StackPaths | None:
    """Return a stack with the runtime folder that the index has for it; None when it is not in there."""
    entry = _entry(paths)
    return _read(entry) if entry else None


def _entry(paths: StackPaths) -> Path | None:
    base = user_state_folder()
    return base / "stacks" / f"{paths.key}.json" if base else None


def _read(file: Path) -> StackPaths | None:
    try:
        body = json.loads(file.read_bytes())
        return StackPaths(Path(body["folder"]), str(body["project"]), Path(body["runtime"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
