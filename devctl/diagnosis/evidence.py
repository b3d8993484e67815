"""What a diagnosis rests on: a snapshot of the stack, what its probes saw last, and the record of its run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from devctl.core.state import Instance
from devctl.paths import StackPaths
from devctl.record.store import Run
from devctl.session.protocol import SnapshotView
from devctl.views.snapshot import StackSnapshot, read_view

LAST_LINES = 20
"""How many lines of its log are shown of what failed: a traceback and what led to it, still on one screen."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """`now` is the monotonic clock, by which the state counts; `run` is None where nothing was recorded."""

    snapshot: StackSnapshot
    answers: Mapping[str, str]
    run: Run | None
    now: float

    def age_seconds(self, instance: Instance | None) -> float:
        """Return for how long an instance has run, 0 when it was never spawned."""
        return max(self.now - instance.spawned, 0.0) if instance and instance.spawned else 0.0

    def answer(self, instance: Instance | None) -> str:
        """Return what the probe of an instance saw last, empty when nothing did."""
        return self.answers.get(instance.id, "") if instance else ""

    def last_lines(self, instance: Instance) -> list[str]:
        """Return the last lines of an instance's log as they were written."""
        if self.run is None:
            return []
        from devctl.record import logs  # a stack in which nothing is wrong needs no reader of logs

        query = logs.Query(services=(instance.id,), tail=LAST_LINES)
        return [line.raw.decode("utf-8", "replace") for line in logs.read(self.run, query)]


def read_evidence(view: SnapshotView, paths: StackPaths, now: float) -> Evidence:
    """Return the evidence that a snapshot from the session or the record leads to."""
    snapshot = read_view(view)
    run = Run(paths.runs / snapshot.state.run) if snapshot.state.run else None
    return Evidence(snapshot, view["answers"], run, now)
