"""Drives the real app without a terminal: keys in, what stands on the screen out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from textual.pilot import Pilot

from devctl.tui.app import DevctlApp
from devctl.tui.memory import Memory
from devctl.tui.replay import Replay
from devctl.tui.screens.view import View
from tests.tui.fakes import fake_stack

Frames = Sequence[Mapping[str, Any]]


class Driver:
    """One app that runs, and its stack."""

    def __init__(self, app: DevctlApp, pilot: Pilot[None], stack: Replay) -> None:
        self.app, self.pilot, self.stack = app, pilot, stack

    @property
    def control(self) -> Any:
        return self.stack.control

    @property
    def active(self) -> View:
        return self.app.panes.active

    def lines(self) -> list[str]:
        """Return what stands on the screen, line by line."""
        strips = self.app.screen._compositor.render_strips()
        return ["".join(segment.text for segment in strip).rstrip() for strip in strips]

    def text(self) -> str:
        return "\n".join(self.lines())

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)

    async def until(self, holds: Callable[[], Any], what: str = "", within: float = 60.0) -> None:
        """Wait until something holds; AssertionError shows the screen."""
        deadline = time.monotonic() + within
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within} s: {what}\n{self.text()}")
            await self.pilot.pause()
            await asyncio.sleep(0.01)

    async def sees(self, *texts: str, within: float = 60.0) -> None:
        """Wait until all these texts stand on the screen."""
        await self.until(lambda: all(text in self.text() for text in texts), f"the screen shows {texts}", within)

    async def sees_not(self, text: str) -> None:
        await self.until(lambda: text not in self.text(), f"the screen shows {text!r} no more")

    async def at(self, text: str) -> None:
        """Put the cursor on the row that holds a text."""
        await self.until(lambda: any(text in row.text for row in self.active.lines.rows), f"a row with {text!r}")
        index = next(n for n, row in enumerate(self.active.lines.rows) if text in row.text and not row.is_head)
        self.active.lines.go(index)
        await self.pilot.pause()


@asynccontextmanager
async def driving(
    folder: Path,
    frames: Frames | None = None,
    size: tuple[int, int] = (80, 24),
    *,
    stack: Replay | None = None,
    environ: Mapping[str, str] | None = None,
    memory: Memory | None = None,
) -> AsyncIterator[Driver]:
    """Run the app on a small shop that has played its frames."""
    stack = stack or fake_stack(folder, frames)
    app = DevctlApp(stack, memory, environ or {"DEVCTL_REDUCED_MOTION": "1"}, command="devctl")
    async with app.run_test(size=size) as pilot:
        driver = Driver(app, pilot, stack)
        await driver.until(lambda: app.model.status and app.panes.views and app.screen.focused, "the stack is shown")
        yield driver
    stack.close()
