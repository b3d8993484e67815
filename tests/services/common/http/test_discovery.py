"""Where other services are: what Consul says, the environment until then, and who is left out for a moment."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.common.http.addresses import Instance
from services.common.http.discovery import Discovery

CONFIGURED = {"catalog": "http://configured"}
TWO = [Instance("http://one"), Instance("http://two")]


@dataclass
class FakeRegistry:
    """Answers once, and then never again."""

    answer: Sequence[Instance]
    is_answered: bool = False

    async def healthy(self, service: str, index: int) -> tuple[int, Sequence[Instance]]:
        if self.is_answered:
            await asyncio.Event().wait()
        self.is_answered = True
        return 1, self.answer


async def following(answer: Sequence[Instance], **fields: object) -> Discovery:
    made = Discovery(CONFIGURED, FakeRegistry(answer), **fields)  # type: ignore[arg-type]
    watching = asyncio.create_task(made.watch(["catalog"]))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    watching.cancel()
    return made


async def test_healthy_instances_are_picked_in_turn() -> None:
    discovery = await following(TWO)
    assert Counter(discovery.pick("catalog") for _ in range(10)) == {"http://one": 5, "http://two": 5}


async def test_the_address_of_the_environment_serves_until_consul_has_answered() -> None:
    assert Discovery(CONFIGURED, FakeRegistry(TWO)).pick("catalog") == "http://configured"


async def test_the_address_of_the_environment_serves_where_consul_knows_nobody() -> None:
    assert (await following([])).pick("catalog") == "http://configured"


async def test_one_that_did_not_answer_is_left_out_for_a_moment() -> None:
    seconds = [0.0]
    discovery = await following(TWO, now=lambda: seconds[0])
    assert discovery.leave_out("catalog", "http://one")
    assert {discovery.pick("catalog") for _ in range(4)} == {"http://two"}
    seconds[0] = 2.0
    assert {discovery.pick("catalog") for _ in range(4)} == {"http://one", "http://two"}


async def test_with_nobody_else_the_one_that_did_not_answer_is_tried_again() -> None:
    discovery = await following(TWO[:1])
    assert not discovery.leave_out("catalog", "http://one")
    assert discovery.pick("catalog") == "http://one"
