"""What notification knows: which event makes which message, how it reads, and when it is tried again.

Pure: standard library only. There is one message at most per subject (order or user), type and channel.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from string import Template
from typing import Any

MAX_ATTEMPTS = 6
_FIRST_PAUSE = timedelta(seconds=1)
_GROWTH = 4
_LONGEST_PAUSE = timedelta(minutes=5)
# How long other replicas leave a message alone that is about to be sent.
LEASE = timedelta(seconds=30)
# The same while it is being sent: longer than a mail server takes that answers its eight or so commands just in time.
SENDING = timedelta(seconds=90)


class State(StrEnum):
    """The state of a message."""

    QUEUED = "queued"
    SENT = "sent"
    DEAD = "dead"


class Channel(StrEnum):
    """How a message reaches somebody."""

    LOG = "log"
    SMTP = "smtp"


class MessageType(StrEnum):
    """What a message is about."""

    ORDER_CONFIRMED = "order_confirmed"
    ORDER_REJECTED = "order_rejected"
    ORDER_CANCELLED = "order_cancelled"
    ORDER_REFUNDED = "order_refunded"
    ORDER_SHIPPED = "order_shipped"
    USER_REGISTERED = "user_registered"
    USER_LOCKED = "user_locked"

    @property
    def is_about_account(self) -> bool:
        """Say whether the message is about an account; those cannot be muted."""
        return self in (MessageType.USER_REGISTERED, MessageType.USER_LOCKED)


@dataclass(frozen=True, slots=True)
class Contact:
    """How a user can be reached, by the last event of the user service; empty after the account was deleted."""

    user_id: str
    email: str
    name: str

    @property
    def is_deleted(self) -> bool:
        """Say whether the account is deleted: its user gets no message any more, whatever happens to old orders."""
        return not self.email


@dataclass(frozen=True, slots=True)
class Preferences:
    """Which messages about orders a user does not want."""

    user_id: str
    muted: frozenset[MessageType] = frozenset()

    def wants(self, kind: MessageType) -> bool:
        """Say whether the user wants messages of this type."""
        return kind.is_about_account or kind not in self.muted


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one user over one channel."""

    id: str
    user_id: str
    order_id: str | None
    type: MessageType
    channel: Channel
    title: str
    text: str
    state: State
    created_at: datetime
    sent_at: datetime | None
    due_at: datetime | None
    attempts: int = 0
    error: str | None = None

    @property
    def subject(self) -> str:
        """Return what the message is about: an order, or the user."""
        return self.order_id or self.user_id


_TYPES: Mapping[str, MessageType] = {
    "order.confirmed": MessageType.ORDER_CONFIRMED,
    "order.rejected": MessageType.ORDER_REJECTED,
    "order.cancelled": MessageType.ORDER_CANCELLED,
    "payment.refunded": MessageType.ORDER_REFUNDED,
    "order.shipped": MessageType.ORDER_SHIPPED,
    "user.registered": MessageType.USER_REGISTERED,
    "user.locked": MessageType.USER_LOCKED,
}

_TEMPLATES: Mapping[MessageType, tuple[str, str]] = {
    MessageType.ORDER_CONFIRMED: (
        "Your order is confirmed",
        "Thank you. Your order $order over $amount is paid and will be packed.",
    ),
    MessageType.ORDER_REJECTED: (
        "Your order could not be paid",
        "Your order $order over $amount was not accepted: $reason. Nothing was charged.",
    ),
    MessageType.ORDER_CANCELLED: (
        "Your order is cancelled",
        "Your order $order over $amount is cancelled. Nothing was charged.",
    ),
    MessageType.ORDER_REFUNDED: (
        "Your money is on its way back",
        "Your order $order is cancelled, and $amount is going back to where it came from.",
    ),
    MessageType.ORDER_SHIPPED: ("Your order is on its way", "Your order $order has left our house."),
    MessageType.USER_REGISTERED: ("Welcome to the shop", "Hello $name, your account is ready."),
    MessageType.USER_LOCKED: (
        "Your account is locked for a moment",
        "Somebody failed to log in to your account several times. If it was not you, change your password.",
    ),
}


def type_for(event_type: str) -> MessageType | None:
    """Name the type of message that an event makes; None for events that make none."""
    return _TYPES.get(event_type)


def event_types() -> Iterable[str]:
    """Return the events that make messages."""
    return _TYPES.keys()


def write(kind: MessageType, fields: Mapping[str, Any], name: str) -> tuple[str, str]:
    """Write title and text of a message from the fields of its event."""
    title, text = _TEMPLATES[kind]
    substitutions = {
        "order": str(fields.get("orderId", "")),
        "amount": money(int(fields.get("amount", 0)), str(fields.get("currency", ""))),
        "reason": str(fields.get("reason") or "no reason given"),
        "name": name or "there",
    }
    return title, Template(text).substitute(substitutions)


def money(amount: int, currency: str) -> str:
    """Write an amount of minor units as people read it."""
    sign = "-" if amount < 0 else ""
    whole, rest = divmod(abs(amount), 100)
    return f"{sign}{whole}.{rest:02d} {currency}".strip()


def queue(
    message_id: str,
    kind: MessageType,
    channel: Channel,
    fields: Mapping[str, Any],
    name: str,
    now: datetime,
) -> Message:
    """Make the message of an event, ready to be sent."""
    title, text = write(kind, fields, name)
    order_id = None if kind.is_about_account else str(fields["orderId"])
    return Message(
        id=message_id,
        user_id=str(fields["userId"]),
        order_id=order_id,
        type=kind,
        channel=channel,
        title=title,
        text=text,
        state=State.QUEUED,
        created_at=now,
        sent_at=None,
        due_at=now + LEASE,
    )


def sent(message: Message, now: datetime) -> Message:
    """Mark the message as sent."""
    return replace(message, state=State.SENT, sent_at=now, due_at=None, attempts=message.attempts + 1, error=None)


def failed(message: Message, error: str, now: datetime) -> Message:
    """Schedule the next try of a message that was not delivered, after a longer pause; or give it up."""
    attempts = message.attempts + 1
    if attempts >= MAX_ATTEMPTS:
        return replace(message, state=State.DEAD, due_at=None, attempts=attempts, error=error)
    pause = min(_LONGEST_PAUSE, _FIRST_PAUSE * _GROWTH ** (attempts - 1))
    return replace(message, due_at=now + pause, attempts=attempts, error=error)


def lease(message: Message, now: datetime) -> Message:
    """Lease the message until it is sent."""
    return replace(message, due_at=now + LEASE)


def sending(message: Message, now: datetime) -> Message:
    """Lease the message while it is being sent."""
    return replace(message, due_at=now + SENDING)


def replay(message: Message, now: datetime) -> Message:
    """Queue a dead message again; any other stays as it is."""
    if message.state is not State.DEAD:
        return message
    return replace(message, state=State.QUEUED, due_at=now, attempts=0)
