"""The run that a supervisor works on, whole: everything in it exists from the moment that there is a run."""

from __future__ import annotations

from devctl.core.state import Instance
from devctl.core.status import Kind
from devctl.record.store import EventLog, Run
from devctl.supervisor.executor import Executor
from devctl.supervisor.launches import Launches
from devctl.supervisor.stopping import Stopping
from devctl.values import dataclass


@dataclass(frozen=True, slots=True)
class ActiveRun:
    """The folder of the run, its event log, how its instances are launched, what does its steps and its stops."""

    run: Run
    event_log: EventLog
    launches: Launches
    executor: Executor
    stopping: Stopping

    def kind_of(self, instance: Instance) -> Kind:
        """Return how an instance runs, or shall run."""
        if instance.pid:
            return instance.kind
        chosen = self.launches.chosen(instance.service)
        return chosen.variant.kind if chosen else Kind.PROCESS
