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

_GATHER_MILLISECONDS = 100

Restart = Callable[["Hit"], Awaitable[object]]


@dataclass
class Hit:
    """What a burst of changed files asks for: the services, those with dependents, and one file each."""

    paths: dict[str, str] = field(default_factory=dict)
    with_dependents: set[str] = field(default_factory=set)


def hits(changed: Iterable[str], services: Mapping[str, Service]) -> Hit:
    """Return which services watch the files that changed."""
    found = Hit()
    for path in changed:
        for name, service in services.items():
            for watch in service.watch:
                if _concerns(watch, path):
                    found.paths.setdefault(name, path)
                    if watch.dependents:
                        found.with_dependents.add(name)
    return found


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
                found = hits((os.path.realpath(path) for _, path in batch), services)
                if found.paths:
                    await self._restart(found)
