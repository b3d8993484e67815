"""The answers to the session's calls, each from the stack and its loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Coroutine
from typing import Any

import devctl
from devctl.core import events as happened
from devctl.core.derived import is_healthy
from devctl.core.plan import Up, check_names
from devctl.core.spec import Spec, from_json, to_json
from devctl.core.status import GOOD
from devctl.errors import DevctlError, UsageError
from devctl.probes.base import ask
from devctl.probes.kinds import probe
from devctl.session.protocol import VERSION, CheckView, HelloView, LaunchView, Settled, SpecView, StatusView, WhyView
from devctl.supervisor.loop import Change
from devctl.supervisor.server import Call, Feed, Send
from devctl.supervisor.stack import Accepted, Stack
from devctl.supervisor.usage import Figures
from devctl.tasks import BackgroundTasks
from devctl.views import status
from devctl.views.critical_path import critical_path
from devctl.views.status import Picture

OnStarted = Callable[[int, Collection[str]], Awaitable[None]]
"""Hears which services were brought up by a request, and when it began (wall time in ns)."""


class Calls:
    """Knows the stack; each method answers one call."""

    def __init__(
        self, stack: Stack, keeper_pid: Callable[[], int], *, watch_files: Callable[[], None], started: OnStarted
    ) -> None:
        self._stack = stack
        self._watch_files = watch_files
        self._started = started
        self._loop = stack.loop
        self._keeper_pid = keeper_pid
        self._figures = Figures()
        self._feeds: set[Feed] = set()
        self._went_down: Callable[[], Awaitable[None]] | None = None
        self._down_lock = asyncio.Lock()
        self._works = BackgroundTasks()

    def table(self) -> dict[str, Call]:
        """Return every call by its name."""
        return {
            "hello": self._hello, "status": self._status, "apply": self._apply, "plan": self._plan,
            "watch": self._watch, "stop": self._stop, "restart": self._restart, "kill": self._kill,
            "check": self._check, "why": self._why, "spec": self._spec, "down": self._down,
        }  # fmt: skip

    def when_down(self, clean_up: Callable[[], Awaitable[None]]) -> None:
        """Set what cleans up before `down` is answered."""
        self._went_down = clean_up

    def progress(self, item: dict[str, Any]) -> None:
        """Pass the progress of a download on to whoever listens."""
        shape = {"service": "", "tool": "", "source": "", "stage": "", "bytes": 0, "total": 0}
        for feed in tuple(self._feeds):
            feed.put({"progress": {**shape, **item}})

    # Look

    def picture(self) -> Picture:
        """Return what views are made from, as of now."""
        return Picture(self._loop.spec, self._loop.graph, self._loop.state, self._loop.standings)

    async def _hello(self, _: dict[str, Any], __: Send) -> HelloView:
        run = self._stack.run
        return {"version": VERSION, "devctl": devctl.__version__, "pid": os.getpid(), "run": run.id if run else ""}

    async def _status(self, _: dict[str, Any], __: Send) -> StatusView:
        return self._status_view()

    def _status_view(self) -> StatusView:
        folder = os.fspath(self._stack.paths.folder)
        return status.status_view(self.picture(), folder, os.getpid(), self._keeper_pid(), self._figures.of)

    async def _watch(self, _: dict[str, Any], send: Send) -> None:
        feed = Feed()
        with _Listening(self, feed, events=True):
            await send({"status": self._status_view()})
            await feed.pump(send)

    async def _why(self, request: dict[str, Any], _: Send) -> list[WhyView]:
        from devctl.diagnosis import causes  # with the reading side of logs, which only this call needs

        names = list(request.get("names", ()))
        check_names(self._loop.spec.services, names)
        answers = {instance: answer.text for instance, answer in self._stack.health.answers.items()}
        return causes.why(self.picture(), names, answers, self._stack.run, self._loop.clock)

    async def _spec(self, _: dict[str, Any], __: Send) -> SpecView:
        instances = [i for found in self._loop.state.services.values() for i in found.instances.values()]
        launches = [made for i in instances if (made := self._launch(i.service, i.id))]
        return {"spec": to_json(self._loop.spec), "launches": launches}

    def _launch(self, service: str, instance: str) -> LaunchView | None:
        """Return how an instance is run; None while that is not known, as before its program is fetched."""
        maker = self._stack.launches
        chosen = maker.chosen(service) if maker else None
        if maker is None or chosen is None:
            return None
        try:
            made = maker.launch(chosen, instance)
        except DevctlError:
            return None
        return {"instance": instance, "argv": list(made.argv), "environment": made.environment,
                "working_dir": made.working_dir, "ports": made.ports}  # fmt: skip

    async def _check(self, request: dict[str, Any], _: Send) -> list[CheckView]:
        names = list(request.get("names", ()))
        check_names(self._loop.spec.services, names)
        living = [i for i in self._loop.state.living if i.pid and (not names or i.service in names)]
        return list(await asyncio.gather(*(self._check_one(i.service, i.id) for i in living)))

    async def _check_one(self, service: str, instance: str) -> CheckView:
        maker = self._stack.launches
        chosen = maker.chosen(service) if maker else None
        known = self._loop.state.instance(service, instance)
        check = maker.check(chosen, instance) if maker and chosen else None
        if not (maker and chosen and known and check):
            return {"service": service, "instance": instance, "healthy": None, "check": "", "answer": "runs",
                    "milliseconds": 0.0}  # fmt: skip
        asked = probe(check, maker.target(chosen, known))
        answer = await ask(asked, check.timeout_seconds)
        return {"service": service, "instance": instance, "healthy": answer.is_good, "check": asked.describe,
                "answer": answer.text, "milliseconds": round(answer.seconds * 1000, 1)}  # fmt: skip

    # Change

    async def _plan(self, request: dict[str, Any], _: Send) -> Any:
        return status.step_views(self._stack.plan(_spec_of(request), _up_of(request)))

    async def _apply(self, request: dict[str, Any], send: Send) -> Settled:
        spec = _spec_of(request)
        return await self._follow(lambda: self._stack.apply(spec, _up_of(request)), request, send)

    async def _stop(self, request: dict[str, Any], send: Send) -> Settled:
        names = list(request.get("names", ()))
        return await self._follow(lambda: self._stack.stop(names), request, send)

    async def _restart(self, request: dict[str, Any], send: Send) -> Settled:
        names, along = list(request.get("names", ())), bool(request.get("with_dependents"))
        return await self._follow(lambda: self._stack.restart(names, with_dependents=along), request, send)

    async def _kill(self, request: dict[str, Any], _: Send) -> list[str]:
        return await self._stack.kill(list(request.get("names", ())), str(request.get("signal", "SIGKILL")))

    async def _down(self, request: dict[str, Any], send: Send) -> Settled:
        began = self._loop.clock.monotonic()
        names = frozenset(self._loop.state.services)
        feed = Feed()
        with _Listening(self, feed, events=False):
            pumping = asyncio.get_running_loop().create_task(feed.pump(send))
            try:
                await self._in_any_case(self._take_down(bool(request.get("volumes")), now=bool(request.get("now"))))
            finally:
                pumping.cancel()
            await feed.drain(send)
        return self._settled(names, began, began_run=False)

    async def _take_down(self, volumes: bool, *, now: bool) -> None:
        if now:
            await self._stack.hurry()
        async with self._down_lock:
            if not self._stack.is_over.is_set():
                await self._stack.down(volumes=volumes)
                if self._went_down:
                    await self._went_down()

    async def _in_any_case(self, work: Coroutine[Any, Any, None]) -> None:
        """Do `work` to its end, whether or not the caller stays to hear of it."""
        await asyncio.shield(self._works.start(work))

    async def _follow(self, begin: Callable[[], Awaitable[Accepted]], request: dict[str, Any], send: Send) -> Settled:
        """Begin a change, stream what happens until it is settled, and say how it ended."""
        began, began_ns = self._loop.clock.monotonic(), self._loop.clock.now_ns()
        feed = Feed()
        with _Listening(self, feed, events=False):
            accepted = await begin()
            if request.get("watch"):
                self._watch_files()
            steps = status.step_views(accepted.plan)
            await send({"accepted": {"run": accepted.run, "began": accepted.began, "steps": steps}})
            if request.get("wait", True):
                pumping = asyncio.get_running_loop().create_task(feed.pump(send))
                try:
                    await self._loop.until(lambda: self._stack.is_settled(accepted.names))
                finally:
                    pumping.cancel()
                await feed.drain(send)
                self._works.start(self._started(began_ns, accepted.names))
        return self._settled(accepted.names, began, began_run=accepted.began)

    def _settled(self, names: Collection[str], began: float, *, began_run: bool) -> Settled:
        standings = {name: s for name, s in self._loop.standings.items() if name in names}
        seen = self.picture()
        going_on = sorted(name for name in names if self._stack.is_going_on(name))
        return {
            "run": self._stack.run.id if self._stack.run else "",
            "healthy": is_healthy(standings, seen.optional),
            "began": began_run,
            "seconds": round(self._loop.clock.monotonic() - began, 3),
            "critical_path": critical_path(seen, names, began),
            "going_on": going_on,
            "failed": sorted(n for n, s in standings.items() if s.status not in GOOD and n not in going_on),
        }

    # Streams

    def add(self, feed: Feed) -> None:
        """Let a feed hear of downloads."""
        self._feeds.add(feed)

    def remove(self, feed: Feed) -> None:
        """Let a feed hear no more."""
        self._feeds.discard(feed)

    def items(self, change: Change, *, events: bool) -> list[dict[str, Any]]:
        """Return what a stream is sent of a change."""
        items: list[dict[str, Any]] = []
        if events:
            items += [{"event": happened.to_json(event)} for event in change.events]
        items += [{"notice": e.text} for e in change.events if isinstance(e, happened.Noticed)]
        if change.names:
            seen = self.picture()
            shown = [n for n in change.names if n in seen.state.services or n in seen.spec.services]
            services = [status.service_view(seen, name, status.no_figures) for name in sorted(shown)]
            items.append({"services": services})
        return items


class _Listening:
    """Feeds the changes of the loop into a feed for as long as it is entered."""

    def __init__(self, calls: Calls, feed: Feed, *, events: bool) -> None:
        self._calls = calls
        self._feed = feed
        self._events = events

    def _hear(self, change: Change) -> None:
        for item in self._calls.items(change, events=self._events):
            self._feed.put(item)

    def __enter__(self) -> None:
        self._calls.add(self._feed)
        self._calls._loop.listeners.append(self._hear)

    def __exit__(self, *_: object) -> None:
        self._calls.remove(self._feed)
        self._calls._loop.listeners.remove(self._hear)


def _spec_of(request: dict[str, Any]) -> Spec | None:
    if not request.get("spec"):
        return None
    try:
        return from_json(Spec, request["spec"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            "the running supervisor does not understand this specification",
            next="Another version of devctl started it: run `devctl down`, then `devctl up`.",
        ) from error


def _up_of(request: dict[str, Any]) -> Up:
    names = tuple(request.get("names", ()))
    return Up(names, force=bool(request.get("force")), no_deps=bool(request.get("no_deps")))
