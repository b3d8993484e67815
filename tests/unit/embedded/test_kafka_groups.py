"""The group coordinator alone: generations, who is out, who is fenced."""

from __future__ import annotations

import asyncio

from devctl.embedded.kafka.groups import Coordinator, Joined, Joining, State
from devctl.wire.kafka.messages import Error
from tests.waiting import eventually_async


def asking(member: str = "", *, instance: str | None = None, session_ms: int = 10_000, twice: bool = False) -> Joining:
    return Joining("g", member, instance, "consumer", (("range", b"m"),), session_ms, 500, "client", "host", twice)


async def stable(coordinator: Coordinator, *joining: Joining) -> list[Joined]:
    """Let members join and the leader assign; gives what each was told."""
    told = list(await asyncio.gather(*(coordinator.join(request) for request in joining)))
    leader = told[0].leader
    plan = {joined.member: joined.member.encode() for joined in told}
    synced = await asyncio.gather(
        *(
            coordinator.sync("g", joined.generation, joined.member, None, plan if joined.member == leader else {})
            for joined in told
        )
    )
    assert [assignment for _, assignment in synced] == [joined.member.encode() for joined in told]
    return told


async def test_all_who_join_together_are_one_generation_with_one_leader() -> None:
    coordinator = Coordinator(initial_delay=0.02)
    told = await stable(coordinator, asking(), asking(), asking())
    assert {joined.generation for joined in told} == {1}
    assert sorted(len(joined.members) for joined in told) == [0, 0, 3]


async def test_a_new_member_makes_the_others_join_again() -> None:
    coordinator = Coordinator(initial_delay=0.0)
    (first,) = await stable(coordinator, asking())
    joining = asyncio.create_task(coordinator.join(asking()))
    await asyncio.sleep(0)
    assert coordinator.heartbeat("g", 1, first.member, None) is Error.REBALANCE_IN_PROGRESS
    again, second = await asyncio.gather(coordinator.join(asking(first.member)), joining)
    assert (again.generation, second.generation, again.leader) == (2, 2, first.member)
    assert coordinator.heartbeat("g", 1, first.member, None) is Error.ILLEGAL_GENERATION


async def test_who_does_not_join_in_time_is_out() -> None:
    coordinator = Coordinator(initial_delay=0.0)
    (first,) = await stable(coordinator, asking())
    second = await coordinator.join(asking())  # the first one does not come: its rebalance time is half a second
    assert (second.leader, len(second.members)) == (second.member, 1)
    assert coordinator.heartbeat("g", 2, first.member, None) is Error.UNKNOWN_MEMBER_ID


async def test_a_member_that_is_silent_for_its_session_is_out() -> None:
    coordinator = Coordinator(initial_delay=0.0)
    await stable(coordinator, asking(session_ms=50))
    await eventually_async(lambda: asyncio.sleep(0, coordinator.find("g") is None), within=5)


async def test_a_static_member_that_comes_back_disturbs_nobody_and_fences_its_past() -> None:
    coordinator = Coordinator(initial_delay=0.02)
    first, second = await stable(coordinator, asking(instance="a"), asking(instance="b"))
    back = await coordinator.join(asking(instance="b"))
    assert (back.error, back.generation, back.member != second.member) == (Error.NONE, 1, True)
    assert await coordinator.sync("g", 1, back.member, "b", {}) == (Error.NONE, second.member.encode())
    assert coordinator.heartbeat("g", 1, second.member, "b") is Error.FENCED_INSTANCE_ID
    assert coordinator.heartbeat("g", 1, first.member, "a") is Error.NONE


async def test_the_last_one_to_leave_takes_the_group_with_it() -> None:
    coordinator = Coordinator(initial_delay=0.0)
    (only,) = await stable(coordinator, asking())
    group = coordinator.find("g")
    assert coordinator.leave("g", only.member, None) is Error.NONE
    assert group is not None
    assert (group.state, coordinator.groups()) == (State.EMPTY, [])
    assert coordinator.may_commit("g", 1, only.member, None) is Error.ILLEGAL_GENERATION
    assert coordinator.may_commit("g", -1, "", None) is Error.NONE


async def test_a_dynamic_member_is_given_its_id_before_it_counts() -> None:
    coordinator = Coordinator(initial_delay=0.0)
    refused = await coordinator.join(asking(twice=True))
    assert refused.error is Error.MEMBER_ID_REQUIRED
    assert (await coordinator.join(asking(refused.member, twice=True))).member == refused.member
    assert (await coordinator.join(asking("made-up", twice=True))).error is Error.UNKNOWN_MEMBER_ID
