"""What notification keeps, over both databases: no message twice, no message in two hands, nothing of who is gone."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from services.common.runtime.ids import new_id
from services.notification import handlers
from services.notification.adapters import SqlNotifications
from services.notification.app import SERVICE
from services.notification.domain import Channel, Message, MessageType, State
from tests.services.fakes import FakeClock
from tests.services.stores import database_url, migrated, postgres

__all__ = ["database_url", "postgres"]

USER = {"userId": "ada", "email": "ada@example.org", "name": "Ada"}
CLOCK = FakeClock()


def order(number: int) -> dict[str, object]:
    return {"orderId": f"order-{number}", "userId": "ada", "amount": 5980, "currency": "EUR"}


@pytest.fixture
async def store(database_url: str, tmp_path: Path) -> AsyncIterator[SqlNotifications]:
    async with migrated(SERVICE, database_url, tmp_path) as runtime:
        yield SqlNotifications(runtime.database)


async def queue(store: SqlNotifications, kind: str, fields: Mapping[str, object]) -> Sequence[Message]:
    async with store.begin() as tx:
        return await handlers.queue(tx, kind, fields, channels=(Channel.SMTP,), clock=CLOCK, new_id=new_id)


async def forget(store: SqlNotifications) -> None:
    async with store.begin() as tx:
        await handlers.forget(tx, "ada")


async def test_an_event_that_comes_many_times_at_once_makes_one_message(store: SqlNotifications) -> None:
    queued = await asyncio.gather(*(queue(store, "order.confirmed", order(1)) for _ in range(6)))
    assert sorted(len(messages) for messages in queued) == [0, 0, 0, 0, 0, 1]
    (message,) = await store.of_user("ada", None, 10)
    assert (message.type, message.state) == (MessageType.ORDER_CONFIRMED, State.QUEUED)


async def test_two_workers_take_no_message_both(store: SqlNotifications) -> None:
    for number in range(5):
        await queue(store, "order.confirmed", order(number))
    later = FakeClock()
    later.now += timedelta(minutes=1)
    taken = await asyncio.gather(*(handlers.take_due(store=store, clock=later) for _ in range(4)))
    ids = [message.id for batch in taken for message in batch]
    assert (len(ids), len(set(ids))) == (5, 5)
    assert not await handlers.take_due(store=store, clock=later)


async def test_who_is_forgotten_while_events_come_in_gets_no_message_any_more(store: SqlNotifications) -> None:
    await queue(store, "user.registered", USER)
    await handlers.mute("ada", [MessageType.ORDER_SHIPPED], store=store)
    await asyncio.gather(*(queue(store, "order.confirmed", order(n)) for n in range(5)), forget(store))
    await queue(store, "order.rejected", order(9))
    assert await store.of_user("ada", None, 100) == []
    assert not (await store.preferences("ada")).muted
    async with store.begin() as tx:
        contact = await tx.contact("ada")
    assert contact is not None
    assert (contact.email, contact.name) == ("", "")
