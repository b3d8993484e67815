"""What the handlers of notification need from the outside, in terms of the domain."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Protocol

from services.notification.domain import Contact, Message, Preferences


class NotDelivered(Exception):
    """A channel could not deliver a message."""


class NotificationTx(Protocol):
    """One transaction: what it did is kept as a whole or not at all."""

    async def add(self, message: Message) -> bool:
        """Queue a message; False when its subject, type and channel have one already."""
        ...

    async def message(self, message_id: str) -> Message | None:
        """Return a message, locked until the end of the transaction."""
        ...

    async def update(self, message: Message) -> None:
        """Store the state of a message."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[Message]:
        """Return queued messages whose time has come, locked; those that another replica holds are skipped."""
        ...

    async def contact(self, user_id: str) -> Contact | None:
        """Return how a user can be reached; locked until the end of the transaction."""
        ...

    async def save_contact(self, contact: Contact) -> None:
        """Insert or update how a user can be reached."""
        ...

    async def preferences(self, user_id: str) -> Preferences:
        """Return which messages a user wants."""
        ...

    async def save_preferences(self, preferences: Preferences) -> None:
        """Insert or update which messages a user wants."""
        ...

    async def forget(self, user_id: str) -> None:
        """Delete the messages and preferences of a user."""
        ...


class NotificationStore(Protocol):
    """The database of notification."""

    def begin(self) -> AbstractAsyncContextManager[NotificationTx]:
        """Begin a transaction that commits at the end of the block unless it raised."""
        ...

    async def of_user(self, user_id: str, before: str | None, limit: int) -> Sequence[Message]:
        """Return a user's messages from the newest on, beginning behind the message `before`."""
        ...

    async def dead(self, limit: int) -> Sequence[Message]:
        """Return messages that were given up."""
        ...

    async def preferences(self, user_id: str) -> Preferences:
        """Return which messages a user wants, read without a lock."""
        ...

    async def mailbox(self, limit: int) -> Sequence[tuple[Message, Contact | None]]:
        """Return the newest messages that went out, whoever they were for."""
        ...


class Delivery(Protocol):
    """One channel. It may be asked twice for one message only after a crash in between."""

    async def deliver(self, message: Message, contact: Contact | None) -> None:
        """Deliver a message, or raise NotDelivered."""
        ...
