"""What the handlers of order need from the outside, in terms of the domain."""

from collections.abc import Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from services.order.domain import Change, Entry, Line, Order, RequestedItem
from services.order.paging import Cursor


class UpstreamUnavailable(Exception):
    """A service that order depends on did not answer, or not in time."""


class Outcome(StrEnum):
    """What became of a request under an idempotency key."""

    IN_FLIGHT = "in_flight"
    PLACED = "placed"
    INSUFFICIENT = "insufficient"


@dataclass(frozen=True, slots=True)
class IdempotencyRecord:
    """What became of a request under an idempotency key; an unfinished one may be replaced after `expires_at`."""

    user_id: str
    key: str
    fingerprint: str
    order_id: str
    outcome: Outcome
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Reserved:
    """What catalog holds for an order, at the prices of the moment."""

    lines: tuple[Line, ...]
    currency: str


@dataclass(frozen=True, slots=True)
class ChargeState:
    """What payment says of an order's charge: `status` pending, captured, declined or failed."""

    status: str
    refund: str | None
    reason: str | None


class OrderTx(Protocol):
    """One transaction: what it did is kept as a whole or not at all."""

    async def order(self, order_id: str) -> Order | None:
        """Return an order, locked until the end of the transaction."""
        ...

    async def insert(self, change: Change) -> None:
        """Store a new order with its timeline and publish its events."""
        ...

    async def update(self, change: Change) -> None:
        """Store what changed, add to the timeline and publish the events."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[Order]:
        """Return orders whose step is due, locked; those that another replica holds are skipped."""
        ...

    async def idempotency_record(self, user_id: str, key: str) -> IdempotencyRecord | None:
        """Return the record of a key, locked; None when nobody has used it."""
        ...

    async def save_idempotency_record(self, record: IdempotencyRecord) -> None:
        """Insert or update the use of a key."""
        ...

    async def delete_idempotency_record(self, user_id: str, key: str) -> None:
        """Free a key."""
        ...


class OrderStore(Protocol):
    """The database of order."""

    def begin(self) -> AbstractAsyncContextManager[OrderTx]:
        """Begin a transaction that commits at the end of the block unless it raised."""
        ...

    async def find(self, order_id: str) -> Order | None:
        """Return an order, read without a lock."""
        ...

    async def history(self, user_id: str, before: Cursor | None, limit: int) -> Sequence[Order]:
        """Return orders of a user from the newest on, beginning behind the cursor."""
        ...

    async def timeline(self, order_id: str) -> Sequence[Entry]:
        """Return what happened to an order, in time order."""
        ...


class Catalog(Protocol):
    """The stock, seen from order. Every call raises UpstreamUnavailable when catalog does not answer."""

    async def check(self, items: Iterable[RequestedItem]) -> bool:
        """Ask whether all of it can be ordered now."""
        ...

    async def reserve(self, order_id: str, items: Iterable[RequestedItem]) -> Reserved | None:
        """Hold all of it for an order; None when it cannot be had."""
        ...

    async def confirm(self, order_id: str) -> bool:
        """Sell what is held; False when it expired and is sold out."""
        ...

    async def release(self, order_id: str) -> None:
        """Return the stock that the order holds or bought."""
        ...


class Payments(Protocol):
    """The payments, seen from order. Every call raises UpstreamUnavailable when payment does not answer."""

    async def charge(self, order_id: str) -> ChargeState | None:
        """Return what payment knows of an order's charge; None when it does not know the order."""
        ...
