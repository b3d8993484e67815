"""The calls of the session that change nothing: each answered from the stack and its loop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import devctl
from devctl.core.launch import container_name
from devctl.core.plan import check_names
from devctl.core.selection import select
from devctl.core.spec import HUB, to_json
from devctl.errors import DevctlError
from devctl.machine import listening
from devctl.probes.base import Answer, ask
from devctl.probes.kinds import probe
from devctl.record import notices
from devctl.session.protocol import (
    VERSION,
    CheckView,
    HelloView,
    LaunchView,
    SnapshotView,
    SpecView,
    StatusView,
    StepView,
)
from devctl.supervisor.active_run import ActiveRun
from devctl.supervisor.requests import spec_of, up_of
from devctl.supervisor.server import Call, Send
from devctl.supervisor.stack import Stack
from devctl.supervisor.subscription import Subscriptions, snapshot_of
from devctl.supervisor.usage import ResourceUsage
from devctl.text import listing
from devctl.views.snapshot import snapshot_view
from devctl.views.status import status_view, step_views, with_note

Request = dict[str, Any]
Measure = Callable[[], Awaitable[Mapping[int, tuple[float, int]]]]
"""Returns CPU percent and memory of the containers, by the numbers of their lives."""


class ReadingCalls:
    """Answers questions about the stack."""

    def __init__(
        self,
        stack: Stack,
        subscriptions: Subscriptions,
        keeper_pid: Callable[[], int],
        folder: Callable[[], str],
        measure_containers: Measure,
    ) -> None:
        self._stack = stack
        self._loop = stack.loop
        self._subscriptions = subscriptions
        self._keeper_pid = keeper_pid
        self._folder = folder
        self._usage = ResourceUsage()
        self._measure_containers = measure_containers
        self._container_usage: Mapping[int, tuple[float, int]] = {}

    def table(self) -> dict[str, Call]:
        """Return every call by its name."""
        return {
            "hello": self._hello, "status": self._status, "snapshot": self._snapshot, "spec": self._spec,
            "plan": self._plan, "check": self._check, "watch": self._watch,
        }  # fmt: skip

    async def _hello(self, _: Request, __: Send) -> HelloView:
        run = self._stack.run
        return {
            "version": VERSION, "devctl": devctl.__version__, "pid": os.getpid(), "run": run.id if run else "",
            "starter": self._stack.starter, "folder": self._folder(),
        }  # fmt: skip

    async def _status(self, _: Request, __: Send) -> StatusView:
        await self._measure()
        return self._status_view()

    def _status_view(self) -> StatusView:
        folder = os.fspath(self._stack.paths.folder)
        view = status_view(snapshot_of(self._loop), folder, os.getpid(), self._keeper_pid(), self._usage_of)
        run = self._stack.run
        view["notice"] = self._stack.notice()
        return with_note(view, HUB, "; ".join(map(str, notices.read(run)))) if run else view

    async def _measure(self) -> None:
        """Ask the engine what its containers cost; what it does not say in time is said of the time before."""
        if any(instance.container for instance in self._loop.state.living):
            self._container_usage = await self._measure_containers()

    def _usage_of(self, number: int) -> tuple[float, int]:
        return self._container_usage.get(number) or self._usage.of(number)

    async def _snapshot(self, _: Request, __: Send) -> SnapshotView:
        pids = {instance.id: instance.process_id for instance in self._loop.state.living}
        health = self._stack.health.answers
        answers = {instance: _told(answer, pids.get(instance, 0)) for instance, answer in health.items()}
        return snapshot_view(self._loop.spec, self._loop.state, answers)

    async def _watch(self, _: Request, send: Send) -> None:
        with self._subscriptions.subscribed(events=True) as subscription:
            await send({"status": self._status_view()})
            await subscription.pump(send)

    async def _plan(self, request: Request, _: Send) -> list[StepView]:
        return step_views(self._stack.plan(spec_of(request), up_of(request)))

    async def _spec(self, _: Request, __: Send) -> SpecView:
        active = self._stack.active
        instances = [i for s in self._loop.state.services.values() for i in s.instances.values()] if active else []
        launches = [view for i in instances if active and (view := _launch_view(active, i.service, i.id))]
        return {"spec": to_json(self._loop.spec), "launches": launches}

    async def _check(self, request: Request, _: Send) -> list[CheckView]:
        names = list(request.get("names", ()))
        check_names(self._loop.spec.services, select(self._loop.state, names))
        living = [i for i in self._loop.state.living if i.pid and (not names or {i.service, i.id} & set(names))]
        return list(await asyncio.gather(*(self._check_instance(i.service, i.id) for i in living)))

    async def _check_instance(self, service: str, instance: str) -> CheckView:
        launches = self._stack.active.launches if self._stack.active else None
        chosen = launches.chosen(service) if launches else None
        state = self._loop.state.instance(service, instance)
        check = launches.check(chosen, instance) if launches and chosen else None
        if not (launches and chosen and state and check):
            return {"service": service, "instance": instance, "healthy": None, "check": "", "answer": "runs",
                    "milliseconds": 0.0}  # fmt: skip
        question = probe(check, launches.target(chosen, state))
        answer = await ask(question, check.timeout_seconds)
        return {"service": service, "instance": instance, "healthy": answer.is_good, "check": question.describe,
                "answer": _told(answer, state.process_id), "milliseconds": round(answer.seconds * 1000, 1)}  # fmt: skip


def _told(answer: Answer, pid: int) -> str:
    """Return an answer's text; of a port that refuses, with where the instance does listen."""
    if not answer.is_refused or not pid:
        return answer.text
    elsewhere = listening.addresses(pid)
    return f"{answer.text}; it listens on {listing(elsewhere)}" if elsewhere else answer.text


def _launch_view(active: ActiveRun, service: str, instance: str) -> LaunchView | None:
    """Return how an instance is run; None while that cannot be told, as before its program is fetched."""
    chosen = active.launches.chosen(service)
    if chosen is None:
        return None
    try:
        launch = active.launches.launch(chosen, instance)
    except DevctlError:
        return None
    return {"instance": instance, "argv": list(launch.argv), "environment": launch.environment,
            "working_dir": launch.working_dir, "ports": launch.ports,
            "engine": launch.container.engine if launch.container else "",
            "container": container_name(launch.container.stack, instance) if launch.container else ""}  # fmt: skip
