"""Events have their effect once, and what cannot have one gets out of the way."""

import asyncio

from sqlalchemy.ext.asyncio import AsyncConnection

from services.common.data.database import after_commit
from services.common.events import consumer as consuming
from services.common.events.consumer import TryLaterError
from services.common.events.event import Event, Message, to_message
from tests.services.common.conftest import ServiceParts, things

TOPIC = "shop.thing.v1"


def message(number: int = 0) -> Message:
    return to_message(Event(type="thing.made", topic=TOPIC, key="a", data={"n": number}, source="/x"))


async def make_thing(event: Event, connection: AsyncConnection) -> None:
    await connection.execute(things.insert().values(name=str(event.data["n"])))


async def test_an_event_that_comes_ten_times_has_one_effect(parts: ServiceParts) -> None:
    consumer = parts.consumer("group", {"thing.made": make_thing})
    event_message = message()
    await asyncio.gather(*(consumer.deliver([event_message]) for _ in range(10)))
    assert await parts.count() == 1


async def test_every_group_has_its_own_memory(parts: ServiceParts) -> None:
    event_message = message()
    for group in ("first", "second"):
        await parts.consumer(group, {"thing.made": make_thing}).deliver([event_message])
    assert await parts.count() == 2


async def test_a_poison_event_is_tried_five_times_then_buried_and_the_next_one_flows(parts: ServiceParts) -> None:
    tries = 0

    async def fail_on_one(event: Event, connection: AsyncConnection) -> None:
        nonlocal tries
        if event.data["n"] == 1:
            tries += 1
            await connection.execute(things.insert().values(name="half"))
            raise ValueError("cannot digest")
        await make_thing(event, connection)

    consumer = parts.consumer("group", {"thing.made": fail_on_one})
    await consumer.deliver([message(1)])
    await consumer.deliver([message(2)])
    assert tries == consuming.TRIES == 5
    assert await parts.count() == 1
    (dead,) = parts.broker.log[f"{TOPIC}.dlq"]
    assert dead.headers["dlq_reason"] == "ValueError"
    assert dead.headers["dlq_detail"] == "cannot digest"
    assert (dead.headers["dlq_group"], dead.headers["dlq_topic"]) == ("group", TOPIC)


async def test_a_replayed_dead_letter_has_its_effect_in_the_group_that_gave_it_up(parts: ServiceParts) -> None:
    is_broken = True

    async def handler(event: Event, connection: AsyncConnection) -> None:
        if is_broken:
            raise ValueError
        await make_thing(event, connection)

    consumer = parts.consumer("group", {"thing.made": handler})
    event_message = message()
    await consumer.deliver([event_message])
    is_broken = False
    await consumer.deliver([event_message])
    assert await parts.count() == 1


async def test_nonsense_is_buried_at_once(parts: ServiceParts) -> None:
    consumer = parts.consumer("group", {"thing.made": make_thing})
    await consumer.deliver([Message(TOPIC, "k", b"\x00\xff", {})])
    (dead,) = parts.broker.log[f"{TOPIC}.dlq"]
    assert dead.headers["dlq_reason"] == "malformed"


async def test_a_handler_that_cannot_work_yet_is_asked_until_it_can(parts: ServiceParts) -> None:
    calls = 0

    async def handler(event: Event, connection: AsyncConnection) -> None:
        nonlocal calls
        calls += 1
        if calls < 8:
            raise TryLaterError
        await make_thing(event, connection)

    consumer = parts.consumer("group", {"thing.made": handler}, longest_pause_seconds=0.01)
    await consumer.deliver([message()])
    assert (calls, await parts.count()) == (8, 1)
    assert not parts.broker.log[f"{TOPIC}.dlq"]


async def test_an_unknown_type_is_passed_over_and_counted(parts: ServiceParts) -> None:
    await parts.consumer("group", {}).deliver([message()])
    assert b'result="ignored"' in parts.metrics.page()
    assert await parts.count() == 0


async def test_events_that_come_together_have_their_effects_in_one_transaction_and_in_order(
    parts: ServiceParts,
) -> None:
    commits: list[str] = []

    async def handler(event: Event, connection: AsyncConnection) -> None:
        await make_thing(event, connection)
        after_commit(connection, lambda: commits.append(str(event.data["n"])))
        assert not commits

    messages = [message(number) for number in range(5)]
    await parts.consumer("group", {"thing.made": handler}).deliver([*messages, messages[0]])
    assert commits == ["0", "1", "2", "3", "4"]
    assert await parts.count() == 5
    assert b'result="duplicate"' in parts.metrics.page()


async def test_one_bad_event_costs_no_other_of_its_batch_and_undoes_nothing(parts: ServiceParts) -> None:
    async def fail_on_two(event: Event, connection: AsyncConnection) -> None:
        await make_thing(event, connection)
        if event.data["n"] == 2:
            raise ValueError("cannot digest")

    nonsense = Message(TOPIC, "k", b"\x00\xff", {})
    messages = [*(message(number) for number in range(4)), nonsense, message(4)]
    await parts.consumer("group", {"thing.made": fail_on_two}).deliver(messages)
    assert await parts.names() == ["0", "1", "3", "4"]
    assert [dead.headers["dlq_reason"] for dead in parts.broker.log[f"{TOPIC}.dlq"]] == ["malformed", "ValueError"]
