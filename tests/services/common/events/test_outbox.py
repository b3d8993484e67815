"""Events leave with the transaction of their cause, in order, at least once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from services.common.events.event import Event
from services.common.events.outbox import Outbox
from services.common.events.tables import outbox as outbox_table
from tests.services.common.conftest import ServiceParts, things
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


async def sent(parts: ServiceParts, count: int) -> list[tuple[str, int]]:
    async def all_there() -> bool:
        return len(parts.broker.log[TOPIC]) >= count

    await eventually_async(all_there)
    return [(message.key, int(message.value.decode().split(":")[1].strip("}"))) for message in parts.broker.log[TOPIC]]


async def test_an_event_goes_out_after_the_commit_and_never_after_a_rollback(parts: ServiceParts) -> None:
    outbox = parts.outbox()
    async with relaying(outbox):
        with contextlib.suppress(RuntimeError):
            async with parts.database.transaction() as connection:
                await connection.execute(things.insert().values(name="lost"))
                await outbox.add(connection, event(number=1))
                raise RuntimeError
        async with parts.database.transaction() as connection:
            await connection.execute(things.insert().values(name="kept"))
            await outbox.add(connection, event(number=2))
        assert await sent(parts, 1) == [("a", 2)]
    assert await parts.count() == 1


async def test_what_a_dead_process_left_goes_out_with_the_next_one(parts: ServiceParts) -> None:
    dead = parts.outbox()
    async with parts.database.transaction() as connection:
        await dead.add(connection, event(number=7))
    async with relaying(parts.outbox()):
        assert await sent(parts, 1) == [("a", 7)]


async def test_a_broker_that_is_away_delays_events_and_keeps_their_order_for_each_key(parts: ServiceParts) -> None:
    outbox = parts.outbox()
    parts.broker.is_open = False
    async with relaying(outbox):
        for number in range(10):
            async with parts.database.transaction() as connection:
                await outbox.add(connection, event("ab"[number % 2], number))
        assert not parts.broker.log[TOPIC]
        parts.broker.is_open = True
        order = await sent(parts, 10)

        async def is_empty() -> bool:
            return await parts.count(outbox_table) == 0

        await eventually_async(is_empty)
    assert [number for key, number in order if key == "a"] == [0, 2, 4, 6, 8]
    assert [number for key, number in order if key == "b"] == [1, 3, 5, 7, 9]


async def test_of_two_relays_on_one_database_only_one_publishes(parts: ServiceParts) -> None:
    first, second = parts.outbox(), parts.outbox()
    async with relaying(first), relaying(second):
        for number in range(20):
            async with parts.database.transaction() as connection:
                await first.add(connection, event(number=number))
            second.wake()
        order = await sent(parts, 20)
    assert [number for _key, number in order] == list(range(20))


async def test_the_age_of_what_waits_is_a_metric(parts: ServiceParts) -> None:
    outbox = parts.outbox()
    parts.broker.is_open = False
    async with relaying(outbox):
        async with parts.database.transaction() as connection:
            await outbox.add(connection, event())

        async def shown() -> bool:
            return b"shop_outbox_pending_events 1.0" in parts.metrics.page()

        await eventually_async(shown)


@pytest.mark.parametrize("count", [450])
async def test_a_backlog_larger_than_a_batch_goes_out_whole(parts: ServiceParts, count: int) -> None:
    outbox = parts.outbox()
    async with parts.database.transaction() as connection:
        for number in range(count):
            await outbox.add(connection, event(number=number))
    async with relaying(outbox):
        assert [number for _key, number in await sent(parts, count)] == list(range(count))
