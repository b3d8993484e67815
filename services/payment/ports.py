"""What the handlers of payment need from the outside, in terms of the domain."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from services.payment.domain import Change, Charge, Posting


class ProviderUnreachable(Exception):
    """The provider could not be reached: it surely did nothing."""


class ProviderTimeout(Exception):
    """The provider did not answer in time: nobody knows whether it did something."""


class ProviderState(StrEnum):
    """The provider's state of the charge under one key."""

    AUTHORISED = "authorised"
    CAPTURED = "captured"
    DECLINED = "declined"
    VOIDED = "voided"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class ProviderRecord:
    """The provider's record of the charge under one key."""

    key: str
    state: ProviderState
    amount: int
    currency: str
    reason: str | None = None


class Provider(Protocol):
    """Whoever moves the money. Each call may be repeated under its key without moving it twice.

    Every call raises ProviderAway or ProviderSilent.
    """

    async def authorise(self, charge: Charge) -> ProviderRecord:
        """Ask the card for the money: authorised or declined."""
        ...

    async def capture(self, key: str) -> ProviderRecord:
        """Take what was authorised."""
        ...

    async def void(self, key: str) -> ProviderRecord:
        """End a charge that was not captured, also one that never arrived, for good; return its record."""
        ...

    async def refund(self, key: str) -> ProviderRecord:
        """Give back what was captured."""
        ...

    async def find(self, key: str) -> ProviderRecord | None:
        """Return the record of the charge under a key; None when it never arrived."""
        ...

    async def statement(self) -> Sequence[ProviderRecord]:
        """Return everything that ever arrived, for reconciliation."""
        ...


class PaymentTx(Protocol):
    """One transaction: what it did is kept as a whole or not at all."""

    async def charge(self, order_id: str) -> Charge | None:
        """Return the charge of an order, locked until the end of the transaction."""
        ...

    async def insert(self, charge: Charge) -> bool:
        """Store a new charge; False when the order has one already."""
        ...

    async def update(self, change: Change) -> None:
        """Store the charge as it is now, write the ledger, publish the events."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[Charge]:
        """Return charges with work that is due, locked; those that another replica holds are skipped."""
        ...


class PaymentStore(Protocol):
    """The database of payment."""

    def begin(self) -> AbstractAsyncContextManager[PaymentTx]:
        """Begin a transaction that commits at the end of the block unless it raised."""
        ...

    async def find(self, order_id: str) -> Charge | None:
        """Return the charge of an order, read without a lock."""
        ...

    async def of_user(self, user_id: str, order_id: str | None, limit: int) -> Sequence[Charge]:
        """Return a user's charges from the newest on."""
        ...

    async def all_charges(self) -> Sequence[Charge]:
        """Return every charge, for reconciliation."""
        ...

    async def ledger(self) -> Sequence[Posting]:
        """Return every line of the ledger."""
        ...
