"""Queueing and sending messages, over fakes."""

import copy
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pytest

from services.notification import domain, handlers
from services.notification.domain import Channel, Contact, Message, MessageType, Preferences, State
from services.notification.ports import NotDelivered
from tests.services.fakes import START, FakeClock, counting_ids

ORDER = {"orderId": "order-1", "userId": "ada", "amount": 5980, "currency": "EUR", "reason": "declined"}
USER = {"userId": "ada", "email": "ada@example.org", "name": "Ada"}


@dataclass
class FakeNotifications:
    """NotificationStore and its transaction in memory."""

    messages: dict[str, Message] = field(default_factory=dict)
    contacts: dict[str, Contact] = field(default_factory=dict)
    preferences_by_user: dict[str, Preferences] = field(default_factory=dict)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["FakeNotifications"]:
        inside = copy.deepcopy(self)
        yield inside
        self.__dict__.update(inside.__dict__)

    async def add(self, message: Message) -> bool:
        keys = {(message.subject, message.type, message.channel) for message in self.messages.values()}
        if (message.subject, message.type, message.channel) in keys:
            return False
        self.messages[message.id] = message
        return True

    async def message(self, message_id: str) -> Message | None:
        return self.messages.get(message_id)

    async def update(self, message: Message) -> None:
        self.messages[message.id] = message

    async def due(self, now: datetime, limit: int) -> Sequence[Message]:
        return [message for message in self.messages.values() if message.due_at is not None and message.due_at <= now][
            :limit
        ]

    async def contact(self, user_id: str) -> Contact | None:
        return self.contacts.get(user_id)

    async def save_contact(self, contact: Contact) -> None:
        self.contacts[contact.user_id] = contact

    async def preferences(self, user_id: str) -> Preferences:
        return self.preferences_by_user.get(user_id, Preferences(user_id))

    async def save_preferences(self, preferences: Preferences) -> None:
        self.preferences_by_user[preferences.user_id] = preferences

    async def forget(self, user_id: str) -> None:
        self.messages = {key: message for key, message in self.messages.items() if message.user_id != user_id}
        self.preferences_by_user.pop(user_id, None)


class FakeChannel:
    """A channel that fails as often as it is told to."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.delivered: list[str] = []

    async def deliver(self, message: Message, contact: Contact | None) -> None:
        if self.failures:
            self.failures -= 1
            raise NotDelivered("the server is busy")
        self.delivered.append(message.id)


class World:
    """Everything that a handler needs."""

    def __init__(self, failures: int = 0) -> None:
        self.store, self.channel, self.clock = FakeNotifications(), FakeChannel(failures), FakeClock()
        self.new_id = counting_ids("message")

    async def queue(self, event_type: str, fields: dict[str, Any], *channels: Channel) -> Sequence[Message]:
        async with self.store.begin() as tx:
            return await handlers.queue(
                tx, event_type, fields, channels=channels or (Channel.SMTP,), clock=self.clock, new_id=self.new_id
            )

    async def send(self, message: Message) -> Message | None:
        return await handlers.send(message, store=self.store, channels={Channel.SMTP: self.channel}, clock=self.clock)


async def test_an_event_that_comes_three_times_makes_one_message_per_channel() -> None:
    world = World()
    for _ in range(3):
        await world.queue("order.confirmed", ORDER, Channel.LOG, Channel.SMTP)
    assert [message.channel for message in world.store.messages.values()] == ["log", "smtp"]


async def test_a_message_says_what_its_event_says() -> None:
    world = World()
    (message,) = await world.queue("order.rejected", ORDER)
    assert (message.type, message.order_id, message.user_id) == (MessageType.ORDER_REJECTED, "order-1", "ada")
    assert "59.80 EUR" in message.text
    assert "declined" in message.text


async def test_a_text_from_outside_is_never_read_as_a_template() -> None:
    world = World()
    (message,) = await world.queue("order.rejected", ORDER | {"reason": "$amount ${name} %s {0}"})
    assert "$amount ${name} %s {0}" in message.text


async def test_the_address_of_a_new_user_is_kept_for_the_messages_to_come() -> None:
    world = World()
    (welcome,) = await world.queue("user.registered", USER)
    assert "Ada" in welcome.text
    assert world.store.contacts["ada"].email == "ada@example.org"


async def test_a_message_that_two_workers_want_to_send_goes_out_once() -> None:
    world = World()
    (message,) = await world.queue("order.confirmed", ORDER)
    first, second = await world.send(message), await world.send(message)
    assert first is not None
    assert (first.state, second, world.channel.delivered) == (State.SENT, None, [message.id])


async def test_a_message_is_tried_again_after_growing_pauses_until_it_is_given_up() -> None:
    world = World(failures=100)
    (message,) = await world.queue("order.confirmed", ORDER)
    pauses = []
    while True:
        tried = await world.send(message)
        assert tried is not None
        if tried.state is State.DEAD:
            break
        assert tried.due_at is not None
        pauses.append((tried.due_at - world.clock()).total_seconds())
        world.clock.now = tried.due_at
        (message,) = await handlers.take_due(store=world.store, clock=world.clock)
    assert pauses == [1, 4, 16, 64, 256]
    assert tried.error == "the server is busy"


async def test_a_dead_message_can_be_replayed() -> None:
    world = World(failures=1)
    (message,) = await world.queue("order.confirmed", ORDER)
    await world.store.update(domain.failed(replace(message, attempts=5), "gone", START))
    replayed = await handlers.replay(message.id, store=world.store, clock=world.clock)
    assert replayed is not None
    assert await world.send(replayed)
    (again,) = world.store.messages.values()
    assert (again.state, again.attempts) == (State.QUEUED, 1)


async def test_what_a_user_does_not_want_is_not_sent_but_the_account_always_is() -> None:
    world = World()
    preferences_by_user = await handlers.mute(
        "ada", [MessageType.ORDER_SHIPPED, MessageType.USER_LOCKED], store=world.store
    )
    assert preferences_by_user.muted == {MessageType.ORDER_SHIPPED}
    assert not await world.queue("order.shipped", ORDER)
    assert await world.queue("order.confirmed", ORDER)
    assert await world.queue("user.locked", USER)


async def test_who_is_deleted_is_forgotten_and_hears_of_old_orders_no_more() -> None:
    world = World()
    await world.queue("user.registered", USER)
    await world.queue("order.confirmed", ORDER)
    async with world.store.begin() as tx:
        await handlers.forget(tx, "ada")
    assert not await world.queue("order.shipped", ORDER)
    assert world.store.messages == {}
    assert "ada@example.org" not in repr(world.store)


async def test_other_events_make_no_message() -> None:
    assert not await World().queue("order.paid", ORDER)


@pytest.mark.parametrize(
    ("amount", "text"), [(0, "0.00 EUR"), (5, "0.05 EUR"), (123456789, "1234567.89 EUR"), (-150, "-1.50 EUR")]
)
def test_money_is_written_in_whole_units_and_hundredths(amount: int, text: str) -> None:
    assert domain.money(amount, "EUR") == text
