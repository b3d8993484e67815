"""The coordinator of consumer groups: members, generations, rebalances (the classic protocol).

Keeps no offsets and knows no topics: what members send each other passes through unread.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from devctl.wire.kafka.messages import Error

T = TypeVar("T")

INITIAL_DELAY_SECONDS = 0.05
LONGEST_SESSION_MS = 1_800_000
PENDING_IDS = 1000


class State(Enum):
    """Where a group stands; the values are Kafka's words."""

    EMPTY = "Empty"
    PREPARING = "PreparingRebalance"
    COMPLETING = "CompletingRebalance"
    STABLE = "Stable"


@dataclass(frozen=True)
class Joining:
    """What a member says when it joins."""

    group: str
    member: str
    instance: str | None
    kind: str
    protocols: tuple[tuple[str, bytes], ...]
    session_ms: int
    rebalance_ms: int
    client: str
    host: str
    must_ask_twice: bool


@dataclass(frozen=True)
class Joined:
    """What a member is told when the rebalance is complete; `members` is for the leader alone."""

    error: Error
    member: str
    generation: int = -1
    protocol: str = ""
    leader: str = ""
    members: tuple[tuple[str, str | None, bytes], ...] = ()


@dataclass
class Member:
    """One consumer of a group."""

    id: str
    request: Joining
    deadline: float = 0.0
    assignment: bytes = b""
    joining: asyncio.Future[Joined] | None = None
    syncing: asyncio.Future[tuple[Error, bytes]] | None = None

    @property
    def joined(self) -> bool:
        return self.joining is not None and not self.joining.done()

    def metadata(self, protocol: str) -> bytes:
        return dict(self.request.protocols).get(protocol, b"")


@dataclass
class Group:
    """One consumer group in memory."""

    name: str
    kind: str = ""
    state: State = State.EMPTY
    generation: int = 0
    protocol: str = ""
    leader: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    timer: asyncio.TimerHandle | None = None
    waits_for_more: bool = False

    def static(self, instance: str | None) -> Member | None:
        """Return the member with this instance id, None when there is none."""
        if instance is None:
            return None
        return next((member for member in self.members.values() if member.request.instance == instance), None)


class Coordinator:
    """All groups of the broker."""

    def __init__(self, initial_delay: float = INITIAL_DELAY_SECONDS) -> None:
        self._initial_delay = initial_delay
        self._groups: dict[str, Group] = {}

    def groups(self) -> list[Group]:
        """Return every group that has members, or is about to."""
        return list(self._groups.values())

    def find(self, name: str) -> Group | None:
        """Return a group, None when nobody is in it."""
        return self._groups.get(name)

    def delete(self, name: str) -> Error:
        """Forget a group without members."""
        group = self._groups.get(name)
        if group is not None and group.members:
            return Error.NON_EMPTY_GROUP
        self._groups.pop(name, None)
        return Error.NONE

    async def join(self, request: Joining) -> Joined:
        """Add a member, or add it again, and answer when the group's next generation stands."""
        if not request.group:
            return Joined(Error.INVALID_GROUP_ID, request.member)
        if not 0 < request.session_ms <= LONGEST_SESSION_MS:
            return Joined(Error.INVALID_SESSION_TIMEOUT, request.member)
        group = self._groups.setdefault(request.group, Group(request.group))
        member, refusal = self._admit(group, request)
        if member is None:
            return refusal
        current = self._unchanged(group, member, request)
        member.request = request
        self._touch(group, member)
        if current is not None:
            return current
        member.joining = asyncio.get_running_loop().create_future()
        self._prepare(group)
        return await member.joining

    async def sync(
        self, name: str, generation: int, id: str, instance: str | None, assignments: dict[str, bytes]
    ) -> tuple[Error, bytes]:
        """Record the leader's assignments; answer each member with its own."""
        group, member, error = self._member(name, generation, id, instance)
        if member is None or group is None:
            return error, b""
        if group.state is State.PREPARING:
            return Error.REBALANCE_IN_PROGRESS, b""
        self._touch(group, member)
        if group.state is State.COMPLETING and id == group.leader:
            self._assign(group, assignments)
        if group.state is State.STABLE:
            return Error.NONE, member.assignment
        member.syncing = asyncio.get_running_loop().create_future()
        return await member.syncing

    def heartbeat(self, name: str, generation: int, id: str, instance: str | None) -> Error:
        """Prolong a member's session and tell whether it must join again."""
        group, member, error = self._member(name, generation, id, instance)
        if member is None or group is None:
            return error
        self._touch(group, member)
        return Error.REBALANCE_IN_PROGRESS if group.state is State.PREPARING else Error.NONE

    def leave(self, name: str, id: str, instance: str | None) -> Error:
        """Remove a member; the others share what it had."""
        group = self._groups.get(name)
        if group is None:
            return Error.UNKNOWN_MEMBER_ID
        static = group.static(instance)
        member = static if static is not None and id in ("", static.id) else group.members.get(id)
        if static is not None and member is not static:
            return Error.FENCED_INSTANCE_ID
        if member is None:
            is_pending = id in group.pending
            group.pending.discard(id)
            return Error.NONE if is_pending else Error.UNKNOWN_MEMBER_ID
        self._remove(group, member)
        return Error.NONE

    def may_commit(self, name: str, generation: int, id: str, instance: str | None) -> Error:
        """Tell whether this member of this generation may commit offsets now."""
        group = self._groups.get(name)
        if generation < 0 and (group is None or not group.members):
            return Error.NONE
        group, member, error = self._member(name, generation, id, instance)
        if group is None or member is None:
            return error if group is not None else Error.ILLEGAL_GENERATION
        self._touch(group, member)
        return Error.REBALANCE_IN_PROGRESS if group.state is State.COMPLETING else Error.NONE

    def _member(
        self, name: str, generation: int, id: str, instance: str | None
    ) -> tuple[Group | None, Member | None, Error]:
        group = self._groups.get(name)
        if group is None:
            return None, None, Error.UNKNOWN_MEMBER_ID
        static = group.static(instance)
        if static is not None and static.id != id:
            return group, None, Error.FENCED_INSTANCE_ID
        member = group.members.get(id)
        if member is None:
            return group, None, Error.UNKNOWN_MEMBER_ID
        if generation != group.generation:
            return group, None, Error.ILLEGAL_GENERATION
        return group, member, Error.NONE

    def _admit(self, group: Group, request: Joining) -> tuple[Member | None, Joined]:
        """Find the member that asks or make it; None with the answer when it is refused."""
        if not self._compatible(group, request):
            return None, Joined(Error.INCONSISTENT_GROUP_PROTOCOL, request.member)
        static = group.static(request.instance)
        if request.member:
            if static is not None and static.id != request.member:
                return None, Joined(Error.FENCED_INSTANCE_ID, request.member)
            if request.member not in group.members and request.member not in group.pending:
                return None, Joined(Error.UNKNOWN_MEMBER_ID, request.member)
            group.pending.discard(request.member)
            return group.members.setdefault(request.member, Member(request.member, request)), _ADMITTED
        fresh = f"{request.instance or request.client}-{uuid.uuid4()}"
        if static is not None:
            return self._replace(group, static, fresh), _ADMITTED
        if request.must_ask_twice and request.instance is None:
            while len(group.pending) >= PENDING_IDS:
                group.pending.pop()
            group.pending.add(fresh)
            return None, Joined(Error.MEMBER_ID_REQUIRED, fresh)
        return group.members.setdefault(fresh, Member(fresh, request)), _ADMITTED

    def _replace(self, group: Group, old: Member, id: str) -> Member:
        """Put a static member that came back in its old place under a new id."""
        del group.members[old.id]
        _answer(old.joining, Joined(Error.FENCED_INSTANCE_ID, old.id))
        _answer(old.syncing, (Error.FENCED_INSTANCE_ID, b""))
        member = Member(id, old.request, assignment=old.assignment)
        group.members[id] = member
        if group.leader == old.id:
            group.leader = id
        return member

    def _compatible(self, group: Group, request: Joining) -> bool:
        if not request.protocols or not request.kind:
            return False
        others = [member for member in group.members.values() if not _same(member, request)]
        if not others:
            group.kind = request.kind
            return True
        if request.kind != group.kind:
            return False
        names = {name for name, _ in request.protocols}
        for member in others:
            names &= {name for name, _ in member.request.protocols}
        return bool(names)

    def _unchanged(self, group: Group, member: Member, request: Joining) -> Joined | None:
        """Answer at once where joining again changes nothing: nobody else has to stop for it."""
        if member.request is request or member.request.protocols != request.protocols:
            return None
        leads = member.id == group.leader
        rejoins_static = request.instance is not None and not request.member
        if group.state is State.COMPLETING and not rejoins_static:
            return self._told(group, member)
        if group.state is State.STABLE and (not leads or rejoins_static):
            # A static member that led is not told so: it would assign anew what has not changed.
            leader = "" if leads else group.leader
            return Joined(Error.NONE, member.id, group.generation, group.protocol, leader)
        return None

    def _prepare(self, group: Group) -> None:
        if group.state is not State.PREPARING:
            starts = group.state is State.EMPTY
            for member in group.members.values():
                _answer(member.syncing, (Error.REBALANCE_IN_PROGRESS, b""))
            group.state = State.PREPARING
            group.waits_for_more = starts
            longest = max(member.request.rebalance_ms for member in group.members.values()) / 1000
            self._arm(group, self._initial_delay if starts else longest)
        self._complete_when_all_joined(group)

    def _complete_when_all_joined(self, group: Group) -> None:
        waits = group.state is State.PREPARING and not group.waits_for_more
        if waits and all(member.joined for member in group.members.values()):
            self._complete(group)

    def _complete(self, group: Group) -> None:
        """Close the door: who has not joined by now is out, the others get the new generation."""
        self._disarm(group)
        group.waits_for_more = False
        for member in list(group.members.values()):
            if not member.joined and member.request.instance is None:
                del group.members[member.id]
        group.generation += 1
        joined = [member for member in group.members.values() if member.joined]
        if not joined:
            self._empty(group)
            return
        group.state = State.COMPLETING
        group.protocol = _vote(list(group.members.values()))
        if group.leader not in {member.id for member in joined}:
            group.leader = joined[0].id
        for member in joined:
            self._touch(group, member)
            _answer(member.joining, self._told(group, member))

    def _told(self, group: Group, member: Member) -> Joined:
        everyone: tuple[tuple[str, str | None, bytes], ...] = ()
        if member.id == group.leader:
            everyone = tuple(
                (each.id, each.request.instance, each.metadata(group.protocol)) for each in group.members.values()
            )
        return Joined(Error.NONE, member.id, group.generation, group.protocol, group.leader, everyone)

    def _assign(self, group: Group, assignments: dict[str, bytes]) -> None:
        group.state = State.STABLE
        for member in group.members.values():
            member.assignment = assignments.get(member.id, b"")
            _answer(member.syncing, (Error.NONE, member.assignment))

    def _remove(self, group: Group, member: Member) -> None:
        group.members.pop(member.id, None)
        _answer(member.joining, Joined(Error.UNKNOWN_MEMBER_ID, member.id))
        _answer(member.syncing, (Error.UNKNOWN_MEMBER_ID, b""))
        if not group.members:
            self._disarm(group)
            group.generation += 1
            self._empty(group)
        elif group.state in (State.STABLE, State.COMPLETING):
            self._prepare(group)
        else:
            self._complete_when_all_joined(group)

    def _empty(self, group: Group) -> None:
        """Keep nothing in memory of a group that nobody is in; what it committed is kept elsewhere."""
        group.state, group.leader, group.protocol = State.EMPTY, "", ""
        if not group.members and not group.pending:
            self._groups.pop(group.name, None)

    def _touch(self, group: Group, member: Member) -> None:
        """Begin the member's session anew; one timer a member, moved on when it rings too early."""
        loop = asyncio.get_running_loop()
        armed = member.deadline > 0
        member.deadline = loop.time() + member.request.session_ms / 1000
        if not armed:
            loop.call_at(member.deadline, self._expire, group, member)

    def _expire(self, group: Group, member: Member) -> None:
        if group.members.get(member.id) is not member:
            return
        loop = asyncio.get_running_loop()
        if member.joined or (member.syncing is not None and not member.syncing.done()):
            member.deadline = loop.time() + member.request.session_ms / 1000
        if member.deadline > loop.time():
            loop.call_at(member.deadline, self._expire, group, member)
        else:
            self._remove(group, member)

    def _arm(self, group: Group, seconds: float) -> None:
        self._disarm(group)
        complete: Callable[[Group], None] = self._complete
        group.timer = asyncio.get_running_loop().call_later(seconds, complete, group)

    def _disarm(self, group: Group) -> None:
        if group.timer is not None:
            group.timer.cancel()
            group.timer = None


_ADMITTED = Joined(Error.NONE, "")


def _same(member: Member, request: Joining) -> bool:
    """Tell whether the member that asks is this one, or the same static one come back."""
    return member.id == request.member or (request.instance is not None and member.request.instance == request.instance)


def _vote(members: list[Member]) -> str:
    """Return the protocol that all know and most put first."""
    common = set.intersection(*({name for name, _ in member.request.protocols} for member in members))
    votes: dict[str, int] = {}
    for member in members:
        first = next(name for name, _ in member.request.protocols if name in common)
        votes[first] = votes.get(first, 0) + 1
    return max(votes, key=lambda name: votes[name])


def _answer(future: asyncio.Future[T] | None, value: T) -> None:
    if future is not None and not future.done():
        future.set_result(value)
