"""The connection to the engine that holds the containers of a stack: reached, followed, remembered in a file."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from devctl.core.launch import ContainerLaunch
from devctl.engine import stream
from devctl.engine.ask import ask_patiently
from devctl.engine.base import Address, Engine, NoEngine
from devctl.engine.client import EngineClient
from devctl.engine.find import examine
from devctl.engine.stream import EngineLost, EngineRefused
from devctl.errors import DevctlError
from devctl.paths import StackPaths
from devctl.runners import container_start, forwarder
from devctl.runners.base import BackendLost
from devctl.runners.container_config import STACK
from devctl.tasks import BackgroundTasks

ENGINE_FILE = "engine"
"""In the stack's folder: the address of the engine that holds containers of it."""

OnEvent = Callable[[dict[str, Any]], None]


class EngineLink:
    """One engine at a time. `on_event` hears what happens to containers, `on_lost` that the engine is gone."""

    def __init__(self, paths: StackPaths, on_event: OnEvent, on_lost: Callable[[], None]) -> None:
        self._paths = paths
        self._file: Path = paths.state / ENGINE_FILE
        self._on_event = on_event
        self._on_lost = on_lost
        self._tasks = BackgroundTasks()
        self._watching: asyncio.Future[None] | None = None
        self._reaching = asyncio.Lock()
        self._has_network = False
        self._forwards: dict[str, tuple[int, ...]] = {}
        self._is_closing = False
        self.client: EngineClient | None = None

    @property
    def connected(self) -> EngineClient:
        """The client of the engine; BackendLost where it is not reached."""
        if self.client is None:
            raise BackendLost("the container engine is not reached", next="Start it again.")
        return self.client

    async def take_up(self) -> EngineClient | None:
        """Reach the engine that an earlier supervisor used; None where there was none."""
        address = self._recorded_address()
        if address is None:
            return None
        async with self._reaching:
            return await self._reach(address)

    async def prepared_for(self, container: ContainerLaunch) -> EngineClient:
        """Return the client for a start, with the network of the stack made."""
        async with self._reaching:
            if self.client is None:
                address = Address(container.engine, "the container engine")
                await self._reach(address)
                container_start.write_private(self._file, json.dumps({"url": address.url, "origin": address.origin}))
            client = self.connected
            if not self._has_network:
                await client.call(container_start.ensure_network, client.api, self._paths.key, container.stack)
                self._has_network = True
            if container.forwards != self._forwards:
                is_rootless = client.engine.is_rootless
                await client.call(forwarder.ensure, client.api, container, self._paths, is_rootless=is_rootless)
                self._forwards = container.forwards
            return client

    async def close(self, *, end: bool) -> None:
        """Disconnect; with `end` also remove containers and network."""
        self._is_closing = True
        if end and self.client is None:
            with contextlib.suppress(DevctlError):
                await self.take_up()
        self._tasks.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self.client is None:
            return
        if end:
            with contextlib.suppress(DevctlError):  # gone: the next start finds the file, and removes what is left
                await self.client.call(container_start.remove_all, self.client.api, self._paths.key)
                self._file.unlink(missing_ok=True)
        self.client.close()
        self.client = None

    def _recorded_address(self) -> Address | None:
        try:
            return Address(**json.loads(self._file.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None

    async def _reach(self, address: Address) -> EngineClient:
        """Connect anew, and follow what happens to containers from now on."""
        engine = await asyncio.to_thread(examine, address, ask_patiently)
        if isinstance(engine, NoEngine):
            raise EngineLost(engine.reason, next=engine.remedy)
        if self.client:
            self.client.close()
        if self._watching:
            self._watching.cancel()
        self.client, self._has_network, self._forwards = EngineClient(engine), False, {}
        listening = asyncio.Event()
        self._watching = self._tasks.start(self._watch(engine, listening))
        await listening.wait()
        return self.client

    async def _watch(self, engine: Engine, listening: asyncio.Event) -> None:
        """Take events until the engine hangs up."""
        query = {"filters": json.dumps({"type": ["container"], "label": [f"{STACK}={self._paths.key}"]})}
        path = f"/v{engine.api_version}/events"
        with contextlib.suppress(EngineLost, EngineRefused):
            async with stream.opened(engine.address, "GET", path, query) as answer:
                listening.set()
                async for event in stream.events(answer):
                    self._on_event(event)
        listening.set()
        if not self._is_closing:
            self._on_lost()
