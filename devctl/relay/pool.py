"""The instances behind one shared port: which one gets the next connection, and what each has had."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from devctl.relay.table import Route, Target, TargetState

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.relay.connection import Connection


class Member:
    """One instance behind a port, with the connections that it has and the counts of those that it had."""

    __slots__ = ("connections", "connects_failed", "drain_began", "instance", "picks", "port", "state")

    def __init__(self, target: Target) -> None:
        self.instance = target.instance
        self.port = target.port
        self.state = target.state
        self.connections: set[Connection] = set()
        self.picks = 0
        self.connects_failed = 0
        self.drain_began = time.monotonic() if target.state is TargetState.DRAINING else 0.0


class Pool:
    """The members of one route. `on_drained(member, seconds)` is called when a draining one has no connection left."""

    def __init__(self, route: Route, on_drained: Callable[[Member, float], None]) -> None:
        self.route = route
        self.members: dict[str, Member] = {}
        self.connections: set[Connection] = set()
        self.accepted = 0
        self.refused = 0
        self.bytes_up = 0
        self.bytes_down = 0
        self._on_drained = on_drained
        self._turn = 0

    def pick(self, tried: Collection[Member] = ()) -> Member | None:
        """Return the ready member with the fewest connections, those with as few in turn; None when there is none."""
        ready = [m for m in self.members.values() if m.state is TargetState.READY and m not in tried]
        if len(ready) < 2:
            return ready[0] if ready else None
        self._turn += 1
        start = self._turn % len(ready)
        return min(ready[start:] + ready[:start], key=lambda member: len(member.connections))

    def update(self, route: Route) -> None:
        """Take over what the table says of this route's instances."""
        self.route = route
        gone = [self.members.pop(name) for name in self.members.keys() - {t.instance for t in route.targets}]
        for target in route.targets:
            member = self.members.get(target.instance)
            if member is None or member.port != target.port:
                self.members[target.instance] = Member(target)
            elif member.state is not target.state:
                self._change(member, target.state)
        for member in gone:
            self._leave(member)

    def closed(self, connection: Connection) -> None:
        """Count what a connection moved, now that it has ended."""
        self.connections.discard(connection)
        self.bytes_up += connection.up.moved
        self.bytes_down += connection.down.moved

    def bytes_moved(self) -> tuple[int, int]:
        """Return the bytes to the instances and back, open connections included."""
        up = self.bytes_up + sum(connection.up.moved for connection in self.connections)
        down = self.bytes_down + sum(connection.down.moved for connection in self.connections)
        return up, down

    def released(self, member: Member, connection: Connection) -> None:
        """Count a connection to `member` as closed."""
        member.connections.discard(connection)
        if not member.connections and member.state is TargetState.DRAINING:
            self._drained(member)

    def _change(self, member: Member, state: TargetState) -> None:
        member.state = state
        if state is TargetState.DRAINING:
            member.drain_began = time.monotonic()
        if state is TargetState.READY:
            for connection in member.connections:
                connection.stay()
        self._leave(member)
        if state is TargetState.DRAINING and not member.connections:
            self._drained(member)

    def _leave(self, member: Member) -> None:
        """Have the connections that can move go elsewhere; the others may finish."""
        if member.state is not TargetState.READY or self.members.get(member.instance) is not member:
            for connection in list(member.connections):
                connection.leave()

    def _drained(self, member: Member) -> None:
        if member.drain_began:
            seconds, member.drain_began = time.monotonic() - member.drain_began, 0.0
            self._on_drained(member, seconds)
