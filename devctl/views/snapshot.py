"""A whole stack at one moment, from which every view is made: live, from the record, or handed over as JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from devctl.core.derived import DerivedStatus, derive_status
from devctl.core.order import Graph, graph
from devctl.core.spec import Service, Spec, from_json, to_json
from devctl.core.state import ServiceState, State
from devctl.session.protocol import SnapshotView
from devctl.values import dataclass


@dataclass(frozen=True, slots=True)
class StackSnapshot:
    """What shall run, who waits for whom, what is, and the status that follows from it."""

    spec: Spec
    graph: Graph
    state: State
    statuses: Mapping[str, DerivedStatus]

    @property
    def shown(self) -> list[str]:
        """The services that people see: what is active or was asked for, in order of declaration."""
        declared = [n for n in self.spec.services if n in self.state.services or n in self.spec.active]
        return declared + [n for n in self.state.services if n not in self.spec.services]

    @property
    def optional(self) -> Collection[str]:
        """The services without which the stack counts as healthy."""
        return {name for name, service in self.spec.services.items() if service.optional}

    def service(self, name: str) -> Service:
        """Return how a service is declared; an empty declaration for one that is in the manifest no more."""
        return self.spec.services.get(name) or Service(name)

    def service_state(self, name: str) -> ServiceState:
        """Return the state of a service; an empty one where nobody asked for it."""
        return self.state.services.get(name) or ServiceState(name)

    def status(self, name: str) -> DerivedStatus:
        """Return the derived status of a service."""
        return self.statuses.get(name) or derive_status(self.graph, self.state, name)


def take_snapshot(spec: Spec, state: State) -> StackSnapshot:
    """Return the snapshot of a state, with every status derived anew."""
    whole = graph(spec.services)
    return StackSnapshot(spec, whole, state, {name: derive_status(whole, state, name) for name in state.services})


def snapshot_view(spec: Spec, state: State, answers: Mapping[str, str]) -> SnapshotView:
    """Return a snapshot as JSON; `answers` is what the probe of each instance saw last."""
    return {"spec": to_json(spec), "state": to_json(state), "answers": dict(answers)}


def read_view(view: SnapshotView) -> StackSnapshot:
    """Return the snapshot that `snapshot_view` made `view` from."""
    return take_snapshot(from_json(Spec, view["spec"]), from_json(State, view["state"]))
