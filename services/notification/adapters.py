"""The database of notification."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, delete, func, select

from services.common.data.database import AsyncConnection, dialect_insert
from services.common.data.store import SqlStore, due_rows, upsert
from services.notification.domain import Channel, Contact, Message, MessageType, Preferences, State
from services.notification.ports import NotificationTx
from services.notification.tables import contacts, messages, preferences


class SqlNotifications(SqlStore[NotificationTx]):
    """NotificationStore over SQL."""

    def on(self, connection: AsyncConnection) -> NotificationTx:
        """Work in a transaction that somebody else opened."""
        return SqlNotificationTx(connection)

    async def of_user(self, user_id: str, before: str | None, limit: int) -> Sequence[Message]:
        """Return a user's messages from the newest on."""
        query = select(messages).where(messages.c.user_id == user_id)
        if before is not None:
            query = query.where(messages.c.id < before)
        return await self._list(query.order_by(messages.c.id.desc()).limit(limit))

    async def dead(self, limit: int) -> Sequence[Message]:
        """Return messages that were given up."""
        query = select(messages).where(messages.c.state == State.DEAD.value)
        return await self._list(query.order_by(messages.c.id).limit(limit))

    async def preferences(self, user_id: str) -> Preferences:
        """Return which messages a user wants."""
        async with self._database.reading() as connection:
            return await _preferences(connection, user_id)

    async def mailbox(self, limit: int) -> Sequence[tuple[Message, Contact | None]]:
        """Return the newest messages that went out, with whom they were for."""
        query = (
            select(messages, contacts.c.email, contacts.c.name)
            .outerjoin(contacts, contacts.c.user_id == messages.c.user_id)
            .where(messages.c.state == State.SENT.value)
            .order_by(messages.c.id.desc())
            .limit(limit)
        )
        return [(_message(row), _recipient(row)) for row in await self._rows(query)]

    async def count_by_state(self) -> dict[State, int]:
        """Return how many messages there are of each state."""
        query = select(messages.c.state, func.count()).group_by(messages.c.state)
        counted = {State(row.state): int(row[1]) for row in await self._rows(query)}
        return {state: counted.get(state, 0) for state in State}

    async def _list(self, query: Select[Any]) -> Sequence[Message]:
        return [_message(row) for row in await self._rows(query)]


class SqlNotificationTx:
    """NotificationTx over one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def add(self, message: Message) -> bool:
        """Queue a message unless there is one like it."""
        new = dialect_insert(self._connection, messages).values(**_columns(message))
        once = new.on_conflict_do_nothing(index_elements=["subject", "type", "channel"])
        return bool((await self._connection.execute(once)).rowcount)

    async def message(self, message_id: str) -> Message | None:
        """Return a message, locked until the end of the transaction."""
        query = select(messages).where(messages.c.id == message_id).with_for_update()
        row = (await self._connection.execute(query)).first()
        return _message(row) if row else None

    async def update(self, message: Message) -> None:
        """Store the state of a message."""
        change = messages.update().where(messages.c.id == message.id).values(**_mutable(message))
        await self._connection.execute(change)

    async def due(self, now: datetime, limit: int) -> Sequence[Message]:
        """Return queued messages whose time has come."""
        return [_message(row) for row in await self._connection.execute(due_rows(messages, now, limit))]

    async def contact(self, user_id: str) -> Contact | None:
        """Return how a user can be reached; it stays so until the end, for whoever else reads it too.

        A shared lock, since events about several users come in one transaction, in another order in each replica.
        """
        query = select(contacts).where(contacts.c.user_id == user_id).with_for_update(read=True)
        row = (await self._connection.execute(query)).first()
        return Contact(row.user_id, row.email, row.name) if row else None

    async def save_contact(self, contact: Contact) -> None:
        """Insert or update how a user can be reached."""
        values = {"email": contact.email, "name": contact.name}
        await upsert(self._connection, contacts, {"user_id": contact.user_id}, values)

    async def preferences(self, user_id: str) -> Preferences:
        """Return which messages a user wants."""
        return await _preferences(self._connection, user_id)

    async def save_preferences(self, changed: Preferences) -> None:
        """Insert or update which messages a user wants."""
        values = {"muted": json.dumps(sorted(kind.value for kind in changed.muted))}
        await upsert(self._connection, preferences, {"user_id": changed.user_id}, values)

    async def forget(self, user_id: str) -> None:
        """Delete the messages and preferences of a user."""
        for table in (messages, preferences):
            await self._connection.execute(delete(table).where(table.c.user_id == user_id))


async def _preferences(connection: AsyncConnection, user_id: str) -> Preferences:
    query = select(preferences.c.muted).where(preferences.c.user_id == user_id)
    muted = await connection.scalar(query)
    return Preferences(user_id, frozenset(MessageType(kind) for kind in json.loads(muted or "[]")))


def _columns(message: Message) -> dict[str, Any]:
    fixed = {
        "id": message.id,
        "user_id": message.user_id,
        "order_id": message.order_id,
        "subject": message.subject,
        "type": message.type.value,
        "channel": message.channel.value,
        "title": message.title,
        "text": message.text,
        "created_at": message.created_at,
    }
    return fixed | _mutable(message)


def _mutable(message: Message) -> dict[str, Any]:
    return {
        "state": message.state.value,
        "sent_at": message.sent_at,
        "due_at": message.due_at,
        "attempts": message.attempts,
        "error": message.error[:500] if message.error else None,
    }


def _message(row: Row[Any]) -> Message:
    return Message(
        id=row.id,
        user_id=row.user_id,
        order_id=row.order_id,
        type=MessageType(row.type),
        channel=Channel(row.channel),
        title=row.title,
        text=row.text,
        state=State(row.state),
        created_at=row.created_at,
        sent_at=row.sent_at,
        due_at=row.due_at,
        attempts=row.attempts,
        error=row.error,
    )


def _recipient(row: Row[Any]) -> Contact | None:
    return Contact(row.user_id, row.email, row.name) if row.email is not None else None
