"""Has native programs found or downloaded by a short-lived child, and passes its progress on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from devctl.errors import EnvironmentProblem
from devctl.supervisor.loop import Loop

DECISIVE_SECONDS = 3.0
"""How long a fetch may take to turn out impossible before nobody waits for it any more."""

Item = dict[str, Any]

Report = Callable[[Item], None]
"""Hears how far a download is."""


def at_hand(names: Iterable[str], paths_of: Mapping[str, str]) -> dict[str, str] | None:
    """Return the paths of all of `names` where `paths_of` has them and they are still there, else None."""
    paths = {name: paths_of.get(name, "") for name in names}
    return paths if all(path and Path(path).exists() for path in paths.values()) else None


class Downloads:
    """Knows which fetches have turned out to be downloads that take their time."""

    def __init__(self, loop: Loop, report: Report) -> None:
        self._loop = loop
        self._report = report
        self._began: dict[str, float] = {}

    def begin(self, service: str) -> None:
        """Record that a fetch began; whether it can be had at all shows within seconds."""
        self._began[service] = self._loop.clock.monotonic()
        asyncio.get_running_loop().call_later(DECISIVE_SECONDS, self._loop.wake)

    def on_item(self, item: dict[str, Any]) -> None:
        """Pass progress on; with the first byte it is clear that this is a download."""
        if item.get("bytes"):
            self._began[str(item.get("service"))] = -DECISIVE_SECONDS
            self._loop.wake()
        self._report(item)

    def goes_on(self, service: str, *, begun: bool) -> bool:
        """Tell whether nobody should wait for this fetch: it has not `begun`, downloads, or takes its time."""
        return not begun or self._loop.clock.monotonic() - self._began.get(service, 0.0) >= DECISIVE_SECONDS


async def fetch(names: Iterable[str], skip_file: Path, report: Report, gently: bool) -> dict[str, str]:
    """Return the path of each program; EnvironmentProblem when no source gives one of them.

    `gently`: while others start, who come first.
    """
    argv = [sys.executable, "-P", "-m", "devctl.products", "fetch", *names, "--skip-file", os.fspath(skip_file)]
    argv += ["--gently"] if gently else []
    child = await asyncio.create_subprocess_exec(*argv, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL)
    try:
        return await _result(child, report)
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.terminate()
        await child.wait()


async def _result(child: asyncio.subprocess.Process, report: Report) -> dict[str, str]:
    assert child.stdout is not None
    async for line in child.stdout:
        try:
            item = json.loads(line)
        except ValueError:
            continue
        if "tools" in item:
            return {str(name): str(path) for name, path in item["tools"].items()}
        if error := item.get("error"):
            raise EnvironmentProblem(error["what"], where=error.get("where", ""), next=error.get("next", ""))
        report(item)
    raise EnvironmentProblem(f"the download ended with {await child.wait()}", next="Run `devctl doctor`.")
