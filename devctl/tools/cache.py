"""The user's cache of native programs: finished folders with a `tool.json`, moved into place in one step, under a lock.

A folder without `tool.json` is not a tool. Nothing in a finished folder is ever changed.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from devctl import paths
from devctl.tools import versions
from devctl.tools.base import Tool
from devctl.tools.entry import Entry

RECORD = "tool.json"
WORK = ".work-"
FORGOTTEN_SECONDS = 86_400.0


def base() -> Path:
    """Return the folder that holds all tools, which may not exist yet."""
    return paths.cache_folder() / "tools"


def private(folder: Path) -> Path:
    """Make a folder of the cache, which nobody else may look into, and return it."""
    base().mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def downloads() -> Path:
    """Return the folder of files that are on their way or not unpacked yet."""
    return private(base() / "downloads")


def find(entry: Entry) -> Tool | None:
    """Return the newest cached version of the tool."""
    return max(every(entry.name), key=lambda tool: versions.numbers(tool.version), default=None)


def find_part(entry: Entry, whole: Entry) -> Tool | None:
    """Return the program that lies beside another tool in the cache, with which it came."""
    tool = find(whole)
    if tool is None:
        return None
    program = Path(tool.path).with_name(entry.name)
    if not program.is_file():
        return None
    return Tool(entry.name, str(program), tool.version, tool.source, tool.checksum, program.stat().st_size)


def every(name: str) -> list[Tool]:
    """Return all cached versions of one tool."""
    return [tool for record in sorted((base() / name).glob(f"*/{RECORD}")) if (tool := _read(record))]


def installed() -> list[Tool]:
    """Return everything that the cache holds, all versions."""
    return [tool for record in sorted(base().glob(f"*/*/{RECORD}")) if (tool := _read(record))]


def _read(record: Path) -> Tool | None:
    try:
        facts = json.loads(record.read_text())
        path = record.parent / facts.pop("path")
        tool = Tool(path=str(path), **facts)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return tool if path.exists() else None


def install(name: str, version: str, source: str, checksum: str, content: Path, path: str) -> Tool:
    """Move the finished folder `content` into the cache in one step; `path` is the tool's path inside it.

    Whoever comes second keeps what the first one brought.
    """
    facts = {"name": name, "version": version, "source": source, "checksum": checksum, "path": path}
    (content / RECORD).write_text(json.dumps({**facts, "bytes": size(content)}))
    target = private(base() / name) / f"{version}-{source}"
    if _read(target / RECORD) is None:
        shutil.rmtree(target, ignore_errors=True)
        _sync(content)
        content.rename(target)
    tool = _read(target / RECORD)
    assert tool is not None
    return tool


def _sync(content: Path) -> None:
    """Have the record on disk before the folder gets its name, so that a power cut leaves no half tool."""
    handle = os.open(content / RECORD, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def size(folder: Path) -> int:
    """Return the bytes of all files under `folder`."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def remove(name: str) -> int:
    """Delete every cached version of the tool and return the bytes that were freed."""
    folder = base() / name
    with lock(name):
        freed = size(folder) if folder.is_dir() else 0
        shutil.rmtree(folder, ignore_errors=True)
    return freed


@contextmanager
def staging_dir() -> Iterator[Path]:
    """Yield a private folder on the cache's own disk, deleted afterwards; those of killed processes go as well."""
    import tempfile

    _sweep()
    with tempfile.TemporaryDirectory(prefix=WORK, dir=private(base())) as folder:
        yield Path(folder)


def _sweep() -> None:
    """Delete staging folders that nobody has touched for a day."""
    for left in base().glob(f"{WORK}*"):
        if time.time() - left.stat().st_mtime > FORGOTTEN_SECONDS:
            shutil.rmtree(left, ignore_errors=True)


@contextmanager
def lock(name: str, waiting: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the tool for this process alone; `waiting` is called when another one has it.

    The kernel gives it free when the process dies.
    """
    import fcntl

    with open(private(base() / "locks") / name, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waiting()
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
