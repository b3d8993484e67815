"""Events have their effect once, and what cannot have one gets out of the way."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection

from services.common.events import consumer as consuming
from services.common.events.consumer import TryLaterError
from services.common.events.event import Event, Message, to_message
from tests.services.common.conftest import Ground, things

TOPIC = "shop.thing.v1"


def message(number: int = 0) -> Message:
    return to_message(Event(type="thing.made", topic=TOPIC, key="a", data={"n": number}, source="/x"))


async def make_thing(event: Event, connection: AsyncConnection) -> None:
    await connection.execute(things.insert().values(name=str(event.data["n"])))


async def test_an_event_that_comes_ten_times_has_one_effect(ground: Ground) -> None:
    consumer = ground.consumer("group", {"thing.made": make_thing})
    one = message()
    await asyncio.gather(*(consumer.deliver(one) for _ in range(10)))
    assert await ground.count() == 1


async def test_every_group_has_its_own_memory(ground: Ground) -> None:
    one = message()
    for group in ("first", "second"):
        await ground.consumer(group, {"thing.made": make_thing}).deliver(one)
    assert await ground.count() == 2


async def test_a_poison_event_is_tried_five_times_then_buried_and_the_next_one_flows(ground: Ground) -> None:
    tries = 0

    async def fail_on_one(event: Event, connection: AsyncConnection) -> None:
        nonlocal tries
        if event.data["n"] == 1:
            tries += 1
            await connection.execute(things.insert().values(name="half"))
            raise ValueError("cannot digest")
        await make_thing(event, connection)

    consumer = ground.consumer("group", {"thing.made": fail_on_one})
    await consumer.deliver(message(1))
    await consumer.deliver(message(2))
    assert tries == consuming.TRIES == 5
    assert await ground.count() == 1
    (dead,) = ground.broker.log[f"{TOPIC}.dlq"]
    assert dead.headers["dlq_reason"] == "ValueError"
    assert dead.headers["dlq_detail"] == "cannot digest"
    assert (dead.headers["dlq_group"], dead.headers["dlq_topic"]) == ("group", TOPIC)


async def test_a_replayed_dead_letter_has_its_effect_in_the_group_that_gave_it_up(ground: Ground) -> None:
    is_broken = True

    async def handler(event: Event, connection: AsyncConnection) -> None:
        if is_broken:
            raise ValueError
        await make_thing(event, connection)

    consumer = ground.consumer("group", {"thing.made": handler})
    one = message()
    await consumer.deliver(one)
    is_broken = False
    await consumer.deliver(one)
    assert await ground.count() == 1


async def test_nonsense_is_buried_at_once(ground: Ground) -> None:
    consumer = ground.consumer("group", {"thing.made": make_thing})
    await consumer.deliver(Message(TOPIC, "k", b"\x00\xff", {}))
    (dead,) = ground.broker.log[f"{TOPIC}.dlq"]
    assert dead.headers["dlq_reason"] == "malformed"


async def test_a_handler_that_cannot_work_yet_is_asked_until_it_can(ground: Ground) -> None:
    asked = 0

    async def handler(event: Event, connection: AsyncConnection) -> None:
        nonlocal asked
        asked += 1
        if asked < 8:
            raise TryLaterError
        await make_thing(event, connection)

    consumer = ground.consumer("group", {"thing.made": handler}, longest_pause_seconds=0.01)
    await consumer.deliver(message())
    assert (asked, await ground.count()) == (8, 1)
    assert not ground.broker.log[f"{TOPIC}.dlq"]


async def test_an_unknown_type_is_passed_over_and_counted(ground: Ground) -> None:
    await ground.consumer("group", {}).deliver(message())
    assert b'result="ignored"' in ground.metrics.page()
    assert await ground.count() == 0
