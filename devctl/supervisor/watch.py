"""Restarts a service when one of its watched files changes. Watches only while somebody asked for it."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
import os
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from devctl.core.spec import Service, Watch

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
    root = os.path.realpath(watch.path)
    if path != root and not path.startswith(root + os.sep):
        return False
    inner = os.path.relpath(path, root)
    parts = [inner, *Path(inner).parts]
    return not any(fnmatch.fnmatch(part, pattern) for pattern in watch.ignore for part in parts)


class FileWatch:
    """One watch over the files of all services; begun anew when the specification changes."""

    def __init__(self, restart: Restart) -> None:
        self._restart = restart
        self._task: asyncio.Task[None] | None = None

    def begin(self, services: Mapping[str, Service]) -> None:
        """Watch the files of `services` from now on, instead of what was watched."""
        self.end()
        roots = {w.path for s in services.values() for w in s.watch if Path(w.path).exists()}
        if roots:
            self._task = asyncio.get_running_loop().create_task(self._run(sorted(roots), services))

    def end(self) -> None:
        """Watch no more."""
        if self._task:
            self._task.cancel()
            self._task = None

    async def _run(self, roots: list[str], services: Mapping[str, Service]) -> None:
        import watchfiles  # starts a thread and loads a native library: only for who wants it

        changes = watchfiles.awatch(*roots, debounce=_GATHER_MILLISECONDS, step=_GATHER_MILLISECONDS // 2)
        async with contextlib.aclosing(changes):
            async for batch in changes:
                files = changed_files((os.path.realpath(path) for _, path in batch), services)
                if files.paths:
                    await self._restart(files)
