"""What the handlers of payment need from the outside, in the words of the domain."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from services.payment.domain import Change, Charge, Posting


class ProviderAway(Exception):
    """The provider could not be reached: it surely did nothing."""


class ProviderSilent(Exception):
    """The provider did not answer in time: nobody knows whether it did something."""


class At(StrEnum):
    """Where the provider stands with the charge under one key."""

    AUTHORISED = "authorised"
    CAPTURED = "captured"
    DECLINED = "declined"
    VOIDED = "voided"
    REFUNDED = "refunded"


@dataclass(frozen=True, slots=True)
class Standing:
    """The provider's word on the charge under one key."""

    key: str
    at: At
    amount: int
    currency: str
    reason: str | None = None


class Provider(Protocol):
    """Whoever moves the money. Each call may be repeated under its key without moving it twice.

    Every call raises ProviderAway or ProviderSilent.
    """

    async def authorise(self, charge: Charge) -> Standing:
        """Ask the card for the money: authorised or declined."""
        ...

    async def capture(self, key: str) -> Standing:
        """Take what was authorised."""
        ...

    async def void(self, key: str) -> Standing:
        """End a charge that was not captured, also one that never arrived, for good; tells where it stands."""
        ...

    async def refund(self, key: str) -> Standing:
        """Give back what was captured."""
        ...

    async def find(self, key: str) -> Standing | None:
        """Where the charge under a key stands; None when it never arrived."""
        ...

    async def statement(self) -> Sequence[Standing]:
        """Everything that ever arrived, for reconciliation."""
        ...


class PaymentTx(Protocol):
    """One transaction: what it did is kept as a whole or not at all."""

    async def charge(self, order_id: str) -> Charge | None:
        """The charge of an order, locked until the end of the transaction."""
        ...

    async def insert(self, charge: Charge) -> bool:
        """Keep a new charge; False when the order has one already."""
        ...

    async def update(self, change: Change) -> None:
        """Keep the charge as it is now, write the ledger, tell the events."""
        ...

    async def due(self, now: datetime, limit: int) -> Sequence[Charge]:
        """Charges with work that is due, locked; those that another replica holds are skipped."""
        ...


class PaymentStore(Protocol):
    """The database of payment."""

    def begin(self) -> AbstractAsyncContextManager[PaymentTx]:
        """Begin a transaction that commits at the end of the block unless it raised."""
        ...

    async def find(self, order_id: str) -> Charge | None:
        """The charge of an order, read without a lock."""
        ...

    async def of_user(self, user_id: str, order_id: str | None, limit: int) -> Sequence[Charge]:
        """A user's charges from the newest on."""
        ...

    async def all_charges(self) -> Sequence[Charge]:
        """Every charge, for reconciliation."""
        ...

    async def ledger(self) -> Sequence[Posting]:
        """Every line of the ledger."""
        ...
