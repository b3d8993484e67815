"""What notification does: queue a message per event and channel, send it, try again, give up, replay.

Everything a handler needs is a parameter.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from services.common.runtime.clock import Clock
from services.notification import domain
from services.notification.domain import Channel, Contact, Message, MessageType, Preferences, State
from services.notification.ports import Delivery, NotDelivered, NotificationStore, NotificationTx

SEND_BATCH = 50  # messages that one transaction locks; the sweep runs every second


async def queue(
    tx: NotificationTx,
    event_type: str,
    fields: Mapping[str, Any],
    *,
    channels: Iterable[Channel],
    clock: Clock,
    new_id: Callable[[], str],
) -> Sequence[Message]:
    """Queue what an event asks for on every channel; what is queued already is not queued again."""
    kind = domain.type_for(event_type)
    if kind is None:
        return ()
    contact = await _contact(tx, kind, fields)
    if contact is not None and contact.is_deleted:
        return ()
    preferences = await tx.preferences(str(fields["userId"]))
    if not preferences.wants(kind):
        return ()
    name = contact.name if contact else ""
    drafts = [domain.queue(new_id(), kind, channel, fields, name, clock()) for channel in channels]
    return [draft for draft in drafts if await tx.add(draft)]


async def _contact(tx: NotificationTx, kind: MessageType, fields: Mapping[str, Any]) -> Contact | None:
    user_id = str(fields["userId"])
    if kind is not MessageType.USER_REGISTERED:
        return await tx.contact(user_id)
    contact = Contact(user_id, str(fields.get("email", "")), str(fields.get("name", "")))
    await tx.save_contact(contact)
    return contact


async def send(
    queued: Message, *, store: NotificationStore, channels: Mapping[Channel, Delivery], clock: Clock
) -> Message | None:
    """Send a queued message and store the outcome; None when another worker has it already."""
    async with store.begin() as tx:
        message = await tx.message(queued.id)
        if message is None or message.state is not State.QUEUED or message.due_at != queued.due_at:
            return None
        await tx.update(domain.sending(message, clock()))
        contact = await tx.contact(message.user_id)
    after = await _try(message, contact, channels=channels, clock=clock)
    async with store.begin() as tx:
        await tx.update(after)
    return after


async def _try(
    message: Message, contact: Contact | None, *, channels: Mapping[Channel, Delivery], clock: Clock
) -> Message:
    delivery = channels.get(message.channel)
    if delivery is None:
        return domain.failed(message, f"the channel {message.channel} is switched off", clock())
    try:
        await delivery.deliver(message, contact)
    except NotDelivered as failure:
        return domain.failed(message, str(failure), clock())
    return domain.sent(message, clock())


async def take_due(*, store: NotificationStore, clock: Clock) -> Sequence[Message]:
    """Find the messages whose time has come and lease them, so that no other replica takes them."""
    async with store.begin() as tx:
        due = [domain.lease(message, clock()) for message in await tx.due(clock(), SEND_BATCH)]
        for message in due:
            await tx.update(message)
        return due


async def replay(message_id: str, *, store: NotificationStore, clock: Clock) -> Message | None:
    """Queue a dead message again; None when there is no such message."""
    async with store.begin() as tx:
        message = await tx.message(message_id)
        if message is None:
            return None
        again = domain.replay(message, clock())
        if again != message:
            await tx.update(again)
        return again


async def forget(tx: NotificationTx, user_id: str) -> None:
    """Delete everything about a user but a mark that the account is deleted."""
    await tx.save_contact(Contact(user_id, "", ""))
    await tx.forget(user_id)


async def mute(user_id: str, muted: Iterable[MessageType], *, store: NotificationStore) -> Preferences:
    """Store which messages about orders a user does not want."""
    preferences = Preferences(user_id, frozenset(kind for kind in muted if not kind.is_about_account))
    async with store.begin() as tx:
        await tx.save_preferences(preferences)
    return preferences
