"""What payment knows: charges, refunds and the ledger.

Pure: standard library only. An order has one charge at most; every change of a charge says which events to
publish and what to write into the ledger. Amounts are integer minor units.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

# How long other replicas leave a charge alone that one works on: as long as an authorisation, three polls and a void
# take at a provider that does not answer (2 s each).
LEASE = timedelta(seconds=10)
_LONGEST_PAUSE = timedelta(seconds=30)


class ChargeStatus(StrEnum):
    """The status of a charge; everything but PENDING is final."""

    PENDING = "pending"
    CAPTURED = "captured"
    DECLINED = "declined"
    FAILED = "failed"


class RefundStatus(StrEnum):
    """The status of a refund."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


class Account(StrEnum):
    """The accounts of the ledger: what the provider owes us, and what was sold."""

    PROVIDER = "provider"
    SALES = "sales"


@dataclass(frozen=True, slots=True)
class ChargeRequest:
    """What an order is to be charged."""

    order_id: str
    user_id: str
    amount: int
    currency: str
    method: str | None


@dataclass(frozen=True, slots=True)
class Charge:
    """The charge of an order and, once asked for, its refund."""

    id: str
    order_id: str
    user_id: str
    amount: int
    currency: str
    method: str | None
    status: ChargeStatus
    reason: str | None
    is_cancel_requested: bool
    refund_id: str | None
    refund_status: RefundStatus | None
    created_at: datetime
    updated_at: datetime
    due_at: datetime | None
    attempts: int = 0

    @property
    def has_work(self) -> bool:
        """Say whether the provider has still to be called."""
        return self.status is ChargeStatus.PENDING or self.refund_status is RefundStatus.PENDING


@dataclass(frozen=True, slots=True)
class Posting:
    """One line of the ledger; the lines of one transaction add up to zero."""

    transaction_id: str
    account: Account
    amount: int
    currency: str


@dataclass(frozen=True, slots=True)
class Change:
    """A charge as it is now, the events to publish and the lines for the ledger."""

    charge: Charge
    events: tuple[str, ...] = ()
    postings: tuple[Posting, ...] = ()


def open_charge(charge_id: str, request: ChargeRequest, now: datetime) -> Charge:
    """Open the charge of an order; nobody has been asked for money yet."""
    return Charge(
        id=charge_id,
        order_id=request.order_id,
        user_id=request.user_id,
        amount=request.amount,
        currency=request.currency,
        method=request.method,
        status=ChargeStatus.PENDING,
        reason=None,
        is_cancel_requested=False,
        refund_id=None,
        refund_status=None,
        created_at=now,
        updated_at=now,
        due_at=now + LEASE,
    )


def capture(charge: Charge, now: datetime) -> Change:
    """Book the captured money; if the order was cancelled meanwhile, begin the refund."""
    if charge.status is not ChargeStatus.PENDING:
        return Change(charge)
    captured = _settled(charge, ChargeStatus.CAPTURED, None, now)
    if captured.is_cancel_requested:
        captured = _with_refund(captured, now)
    postings = _transfer(charge.id, Account.PROVIDER, Account.SALES, charge)
    return Change(captured, ("payment.succeeded",), postings)


def decline(charge: Charge, reason: str, now: datetime) -> Change:
    """End the charge as declined by the provider."""
    return _without_money(charge, ChargeStatus.DECLINED, reason, now)


def give_up(charge: Charge, reason: str, now: datetime) -> Change:
    """End the charge without money and without a refusal: cancelled, or the provider never answered."""
    return _without_money(charge, ChargeStatus.FAILED, reason, now)


def _without_money(charge: Charge, status: ChargeStatus, reason: str, now: datetime) -> Change:
    if charge.status is not ChargeStatus.PENDING:
        return Change(charge)
    return Change(_settled(charge, status, reason, now), ("payment.failed",))


def _settled(charge: Charge, status: ChargeStatus, reason: str | None, now: datetime) -> Charge:
    return replace(charge, status=status, reason=reason, updated_at=now, due_at=None, attempts=0)


def request_cancel(charge: Charge, now: datetime) -> Change:
    """Cancel a pending charge, or refund a captured one; a repeated request publishes the outcome again."""
    if charge.status is ChargeStatus.PENDING:
        return Change(replace(charge, is_cancel_requested=True, updated_at=now))
    if charge.status is not ChargeStatus.CAPTURED:
        return Change(charge, ("payment.failed",))
    if charge.refund_status is None:
        return Change(_with_refund(charge, now))
    is_done = charge.refund_status is RefundStatus.SUCCEEDED
    return Change(charge, ("payment.refunded",) if is_done else ())


def _with_refund(charge: Charge, now: datetime) -> Charge:
    return replace(
        charge,
        is_cancel_requested=True,
        refund_id=refund_id_of(charge),
        refund_status=RefundStatus.PENDING,
        updated_at=now,
        due_at=now + LEASE,
        attempts=0,
    )


def refund_id_of(charge: Charge) -> str:
    """Return the id of a charge's only possible refund."""
    return f"{charge.id}-refund"


def refund(charge: Charge, now: datetime) -> Change:
    """Book the refund."""
    if charge.refund_status is not RefundStatus.PENDING:
        return Change(charge)
    refunded = replace(charge, refund_status=RefundStatus.SUCCEEDED, updated_at=now, due_at=None, attempts=0)
    postings = _transfer(refund_id_of(charge), Account.SALES, Account.PROVIDER, charge)
    return Change(refunded, ("payment.refunded",), postings)


def _transfer(transaction_id: str, to: Account, out_of: Account, charge: Charge) -> tuple[Posting, ...]:
    return (
        Posting(transaction_id, to, charge.amount, charge.currency),
        Posting(transaction_id, out_of, -charge.amount, charge.currency),
    )


def postpone(charge: Charge, now: datetime) -> Charge:
    """Ask the provider again later, each time after a longer pause."""
    pause = min(_LONGEST_PAUSE, timedelta(seconds=0.5) * 2 ** min(charge.attempts, 10))
    return replace(charge, due_at=now + pause, attempts=charge.attempts + 1)


def lease(charge: Charge, now: datetime) -> Charge:
    """Lease the charge while the provider is called."""
    return replace(charge, due_at=now + LEASE)


def unbalanced(postings: Iterable[Posting]) -> dict[str, int]:
    """Name the transactions whose lines do not add up to zero."""
    sums: dict[str, int] = {}
    for posting in postings:
        sums[posting.transaction_id] = sums.get(posting.transaction_id, 0) + posting.amount
    return {transaction_id: total for transaction_id, total in sums.items() if total}
