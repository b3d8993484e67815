"""Restarts a service when one of its watched files changes. Watches only while somebody asked for it."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import field
from pathlib import Path

from devctl.core.spec import Service, Watch
from devctl.values import dataclass

IGNORED_FOLDERS = frozenset((
    ".git", ".hg", ".svn", ".devctl", ".venv", ".tox", ".idea", "node_modules", "__pycache__", ".mypy_cache",
    ".pytest_cache", ".ruff_cache", ".hypothesis",
))  # fmt: skip
IGNORED_NAMES = ("*.py[cod]", "*.sw?", "*~", ".#*", ".DS_Store", "*.___jb_*___", "4913")
"""What tools and editors write beside sources (4913 is Vim's probe). A name that is watched itself always counts."""
_GATHER_MILLISECONDS = 100  # an editor's save and a checkout touch files within that time of each other

Restart = Callable[["ChangedFiles"], Awaitable[object]]


@dataclass
class ChangedFiles:
    """What a burst of changed files asks for: the services, those with dependents, and one file each."""

    paths: dict[str, str] = field(default_factory=dict)
    with_dependents: set[str] = field(default_factory=set)


def changed_files(changed: Iterable[str], services: Mapping[str, Service]) -> ChangedFiles:
    """Return which services watch the files that changed."""
    hits = ChangedFiles()
    for path in changed:
        for name, service in services.items():
            for watch in service.watch:
                if _concerns(watch, path):
                    hits.paths.setdefault(name, path)
                    if watch.dependents:
                        hits.with_dependents.add(name)
    return hits


def _concerns(watch: Watch, path: str) -> bool:
    """Tell whether a change of `path` is one of what is watched, by its name or by where the name leads."""
    inner = next((inner for root in _roots_of(watch) if (inner := _inside(path, root))), "")
    if inner in ("", os.curdir):
        return bool(inner)
    parts = [inner, *Path(inner).parts]
    if any(fnmatch.fnmatch(part, pattern) for pattern in watch.ignore for part in parts):
        return False
    return not (IGNORED_FOLDERS & set(parts) or any(fnmatch.fnmatch(parts[-1], name) for name in IGNORED_NAMES))


def _roots_of(watch: Watch) -> tuple[str, ...]:
    name = os.path.abspath(watch.path)  # noqa: PTH100  a link keeps its name
    return tuple(dict.fromkeys((name, os.path.realpath(name))))


def _inside(path: str, root: str) -> str:
    """Return a path as it is seen from `root`, empty when it lies elsewhere."""
    return os.path.relpath(path, root) if path == root or path.startswith(root.rstrip(os.sep) + os.sep) else ""


Identity = tuple[int, int, int, int]
NOWHERE: Identity = (0, 0, 0, 0)


@dataclass(frozen=True)
class Roots:
    """What the system watches, so that names are watched and not what stands behind them now: whole `trees`, and the
    `folders` in which watched names are, or will come to be. `names` tells when they have to be looked for anew."""

    trees: tuple[str, ...]
    folders: tuple[str, ...]
    names: Mapping[str, Identity]


def roots_of(watches: Iterable[Watch]) -> Roots:
    """Return what has to be watched for some names, as things stand now."""
    paths = sorted({path for watch in watches for path in _roots_of(watch)})
    trees = [path for path in paths if Path(path).is_dir()]
    folders = {_nearest_folder(path) for path in paths}
    return Roots(tuple(trees), tuple(sorted(folders)), {path: _identity(path) for path in paths})


def _nearest_folder(path: str) -> str:
    """Return the nearest folder above a path that exists."""
    return str(next(parent for parent in Path(path).parents if parent.is_dir()))


def _identity(path: str) -> Identity:
    """Return what tells that a name means something else now: for a folder or a link what it is, for a file its
    content's age, too."""
    try:
        facts = os.stat(path)  # noqa: PTH116
        link = os.lstat(path).st_ino
    except OSError:
        return NOWHERE
    is_folder = stat.S_ISDIR(facts.st_mode)
    return facts.st_dev, facts.st_ino, link, 0 if is_folder else facts.st_mtime_ns


class FileWatch:
    """One watch over the files of all services; begun anew when the specification changes."""

    def __init__(self, restart: Restart) -> None:
        self._restart = restart
        self._task: asyncio.Task[None] | None = None

    def begin(self, services: Mapping[str, Service]) -> None:
        """Watch the files of `services` from now on, instead of what was watched."""
        self.end()
        if any(service.watch for service in services.values()):
            self._task = asyncio.get_running_loop().create_task(self._run(services))

    def end(self) -> None:
        """Watch no more."""
        if self._task:
            self._task.cancel()
            self._task = None

    async def _run(self, services: Mapping[str, Service]) -> None:
        """Watch, and begin anew whenever a watched name came to be or means something else."""
        watches = [watch for service in services.values() for watch in service.watch]
        now = roots_of(watches)
        changed: set[str] = set()
        while True:
            watched = now
            async with _changes(watched) as batches:
                now = _look_again(watches, now, changed)  # for what changed before the system watched it
                while not _is_stale(watched, now):
                    if changed:
                        await self._report(changed, services)
                    changed = await _gathered(batches)
                    now = _look_again(watches, now, changed)

    async def _report(self, changed: Iterable[str], services: Mapping[str, Service]) -> None:
        files = changed_files(sorted(changed), services)
        if files.paths:
            await self._restart(files)


def _look_again(watches: Iterable[Watch], before: Roots, changed: set[str]) -> Roots:
    """Return what has to be watched now; names that mean something else since are added to what changed."""
    now = roots_of(watches)
    changed |= {path for path, identity in now.names.items() if before.names.get(path) != identity}
    return now


def _is_stale(before: Roots, now: Roots) -> bool:
    """Tell whether the system no longer watches what the names mean."""
    replaced = any(before.names.get(tree) != now.names.get(tree) for tree in now.trees)
    return replaced or (before.trees, before.folders) != (now.trees, now.folders)


async def _gathered(batches: asyncio.Queue[set[str]]) -> set[str]:
    """Return the next batch of changes, with those that came meanwhile."""
    changed = set(await batches.get())
    while not batches.empty():
        changed |= batches.get_nowait()
    return changed


@contextlib.asynccontextmanager
async def _changes(roots: Roots) -> AsyncIterator[asyncio.Queue[set[str]]]:
    """Watch trees and folders; the queue has the paths that changed."""
    batches: asyncio.Queue[set[str]] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    tasks = [
        loop.create_task(_watch(paths, batches, recursive=recursive))
        for paths, recursive in ((roots.trees, True), (roots.folders, False))
        if paths
    ]
    try:
        await asyncio.sleep(0)  # both have begun
        yield batches
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _watch(paths: Sequence[str], batches: asyncio.Queue[set[str]], *, recursive: bool) -> None:
    import watchfiles  # starts a thread and loads a native library: only for who wants it

    changes = watchfiles.awatch(
        *paths, watch_filter=None, debounce=_GATHER_MILLISECONDS, step=_GATHER_MILLISECONDS // 2, recursive=recursive,
        ignore_permission_denied=True,
    )  # fmt: skip
    async with contextlib.aclosing(changes):
        async for batch in changes:
            batches.put_nowait({path for _, path in batch})
