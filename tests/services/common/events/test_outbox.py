"""Events leave with the transaction of their cause, in order, at least once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from services.common.events.event import Event
from services.common.events.outbox import Outbox
from tests.services.common.conftest import Ground, things
from tests.waiting import eventually_async

TOPIC = "shop.thing.v1"


def event(key: str = "a", number: int = 0) -> Event:
    return Event(type="thing.made", topic=TOPIC, key=key, data={"n": number})


@contextlib.asynccontextmanager
async def relaying(outbox: Outbox) -> AsyncIterator[None]:
    task = asyncio.create_task(outbox.relay())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def sent(ground: Ground, count: int) -> list[tuple[str, int]]:
    async def all_there() -> bool:
        return len(ground.broker.log[TOPIC]) >= count

    await eventually_async(all_there)
    return [(message.key, int(message.value.decode().split(":")[1].strip("}"))) for message in ground.broker.log[TOPIC]]


async def test_an_event_goes_out_after_the_commit_and_never_after_a_rollback(ground: Ground) -> None:
    outbox = ground.outbox()
    async with relaying(outbox):
        with contextlib.suppress(RuntimeError):
            async with ground.database.transaction() as connection:
                await connection.execute(things.insert().values(name="lost"))
                await outbox.add(connection, event(number=1))
                raise RuntimeError
        async with ground.database.transaction() as connection:
            await connection.execute(things.insert().values(name="kept"))
            await outbox.add(connection, event(number=2))
        assert await sent(ground, 1) == [("a", 2)]
    assert await ground.count() == 1


async def test_what_a_dead_process_left_goes_out_with_the_next_one(ground: Ground) -> None:
    dead = ground.outbox()
    async with ground.database.transaction() as connection:
        await dead.add(connection, event(number=7))
    async with relaying(ground.outbox()):
        assert await sent(ground, 1) == [("a", 7)]


async def test_a_broker_that_is_away_delays_events_and_keeps_their_order_for_each_key(ground: Ground) -> None:
    outbox = ground.outbox()
    ground.broker.is_open = False
    async with relaying(outbox):
        for number in range(10):
            async with ground.database.transaction() as connection:
                await outbox.add(connection, event("ab"[number % 2], number))
        assert not ground.broker.log[TOPIC]
        ground.broker.is_open = True
        order = await sent(ground, 10)
    assert [number for key, number in order if key == "a"] == [0, 2, 4, 6, 8]
    assert [number for key, number in order if key == "b"] == [1, 3, 5, 7, 9]
    assert await outbox.drained()


async def test_of_two_relays_on_one_database_only_one_publishes(ground: Ground) -> None:
    first, second = ground.outbox(), ground.outbox()
    async with relaying(first), relaying(second):
        for number in range(20):
            async with ground.database.transaction() as connection:
                await first.add(connection, event(number=number))
            second.poke()
        order = await sent(ground, 20)
    assert [number for _key, number in order] == list(range(20))


async def test_the_age_of_what_waits_is_a_metric(ground: Ground) -> None:
    outbox = ground.outbox()
    ground.broker.is_open = False
    async with relaying(outbox):
        async with ground.database.transaction() as connection:
            await outbox.add(connection, event())

        async def shown() -> bool:
            return b"shop_outbox_pending_events 1.0" in ground.metrics.page()

        await eventually_async(shown)


@pytest.mark.parametrize("count", [450])
async def test_a_backlog_larger_than_a_batch_goes_out_whole(ground: Ground, count: int) -> None:
    outbox = ground.outbox()
    async with ground.database.transaction() as connection:
        for number in range(count):
            await outbox.add(connection, event(number=number))
    async with relaying(outbox):
        assert [number for _key, number in await sent(ground, count)] == list(range(count))
