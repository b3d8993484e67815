"""The calls of the session that change the stack: each begins its work, streams what happens, and says how it ended.

A group of calls is a class with a `table`; `__main__` joins the tables.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

from devctl.core.derived import is_healthy
from devctl.session.protocol import Settled
from devctl.supervisor.apply import Accepted
from devctl.supervisor.background import Background
from devctl.supervisor.keeper_watch import KeeperWatch
from devctl.supervisor.requests import fault_of, spec_of, up_of
from devctl.supervisor.server import Call, Send
from devctl.supervisor.stack import Stack
from devctl.supervisor.subscription import Subscriptions, snapshot_of
from devctl.views.critical_path import critical_path
from devctl.views.status import step_views

Request = dict[str, Any]

OnStarted = Callable[[int, Collection[str]], Coroutine[Any, Any, None]]
"""Is told which services were brought up by a request, and when it began (wall time in ns)."""


class ChangingCalls:
    """Carries requests out. `watch_files` begins to watch, `clean_up` leaves nothing behind once all is stopped."""

    def __init__(
        self,
        stack: Stack,
        subscriptions: Subscriptions,
        *,
        watch_files: Callable[[], None],
        on_started: OnStarted,
        clean_up: Callable[[], Awaitable[None]],
        keeper: KeeperWatch,
    ) -> None:
        self._stack = stack
        self._loop = stack.loop
        self._subscriptions = subscriptions
        self._watch_files = watch_files
        self._on_started = on_started
        self._clean_up = clean_up
        self._keeper = keeper
        self._down_lock = asyncio.Lock()
        self._background = Background()

    def table(self) -> dict[str, Call]:
        """Return every call by its name."""
        return {
            "apply": self._watched(self._apply), "stop": self._watched(self._stop), "kill": self._kill,
            "restart": self._watched(self._restart), "down": self._watched(self._down),
            "scale": self._watched(self._scale), "fault_add": self._watched(self._fault_add),
            "fault_remove": self._watched(self._fault_remove),
        }  # fmt: skip

    def _watched(self, call: Callable[[Request, Send], Coroutine[Any, Any, Any]]) -> Call:
        """Return a call that ends with an error where the keeper, without which nothing is done, is stopped."""
        return lambda request, send: self._keeper.unless_stopped(call(request, send))

    async def _apply(self, request: Request, send: Send) -> Settled:
        spec = spec_of(request)
        starter = str(request.get("starter", ""))
        return await self._follow(lambda: self._stack.apply(spec, up_of(request), starter), request, send)

    async def _stop(self, request: Request, send: Send) -> Settled:
        names = list(request.get("names", ()))
        return await self._follow(lambda: self._stack.stop(names), request, send)

    async def _restart(self, request: Request, send: Send) -> Settled:
        names, along = list(request.get("names", ())), bool(request.get("with_dependents"))
        at_once = bool(request.get("all_at_once"))
        return await self._follow(
            lambda: self._stack.restart(names, with_dependents=along, all_at_once=at_once), request, send
        )

    async def _scale(self, request: Request, send: Send) -> Settled:
        counts = {str(name): int(count) for name, count in dict(request.get("counts", {})).items()}
        return await self._follow(lambda: self._stack.scale(counts), request, send)

    async def _fault_add(self, request: Request, _: Send) -> dict[str, Any]:
        added = await self._stack.faults.add(fault_of(request, self._loop.clock.monotonic()))
        return added.to_json()

    async def _fault_remove(self, request: Request, _: Send) -> list[str]:
        return await self._stack.faults.remove(list(request.get("names", ())))

    async def _kill(self, request: Request, _: Send) -> list[str]:
        return await self._stack.kill(list(request.get("names", ())), str(request.get("signal", "SIGKILL")))

    async def _down(self, request: Request, send: Send) -> Settled:
        began, names = self._loop.clock.monotonic(), frozenset(self._loop.state.services)
        work = self._take_down(bool(request.get("volumes")), now=bool(request.get("now")))
        with self._subscriptions.subscribed(events=False) as subscription:
            async with subscription.sent_to(send):
                await asyncio.shield(self._background.begin(work))  # to its end, whether or not the caller stays
        return self._settled(names, began, began_run=False)

    async def _take_down(self, volumes: bool, *, now: bool) -> None:
        if now:
            await self._stack.force_stop()
        async with self._down_lock:
            if not self._stack.is_over.is_set():
                await self._stack.down(volumes=volumes)
                await self._clean_up()

    async def _follow(self, begin: Callable[[], Awaitable[Accepted]], request: Request, send: Send) -> Settled:
        """Begin a change, stream what happens until it is settled, and say how it ended."""
        began, began_ns = self._loop.clock.monotonic(), self._loop.clock.now_ns()
        with self._subscriptions.subscribed(events=False) as subscription:
            accepted = await begin()
            if request.get("watch"):
                self._watch_files()
            steps = step_views(accepted.plan)
            await send({"accepted": {"run": accepted.run, "began": accepted.began, "steps": steps}})
            if request.get("wait", True):
                async with subscription.sent_to(send):
                    await self._loop.until(lambda: self._stack.settling.is_settled(accepted.names))
                self._background.begin(self._on_started(began_ns, accepted.names))
        return self._settled(accepted.names, began, began_run=accepted.began)

    def _settled(self, names: Collection[str], began: float, *, began_run: bool) -> Settled:
        statuses = {name: s for name, s in self._loop.statuses.items() if name in names}
        snapshot = snapshot_of(self._loop)
        services = (self._loop.state.services.get(name) for name in names)
        rolled_back = {s.name: s.rolled_back for s in services if s and s.rolled_back}
        going_on = sorted(name for name in names if self._stack.settling.is_going_on(name))
        return {
            "run": self._stack.run.id if self._stack.run else "",
            "healthy": is_healthy(statuses, snapshot.optional) and not rolled_back,
            "began": began_run,
            "seconds": round(self._loop.clock.monotonic() - began, 3),
            "critical_path": critical_path(snapshot, names, began),
            "going_on": going_on,
            "failed": sorted(n for n, s in statuses.items() if not s.is_good and n not in going_on),
            "rolled_back": rolled_back,
        }
