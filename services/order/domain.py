"""The order: its state machine and the saga that brings it to its end.

Pure: standard library only. `place_order` makes an order, `apply` says what a trigger does to it; both return a
Change: what to store, which events to publish, which step comes next. Amounts are integer minor units.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

MAX_QUANTITY = 1_000  # of one product in one order, as the contract of the shop says
MAX_AMOUNT = 9_000_000_000_000_000  # below 2**53, so that every JSON parser reads it exactly


class OrderError(Exception):
    """Something that the rules of an order refuse."""


class NotCancellable(OrderError):
    """The order is past the point where it can be cancelled."""


class NotShippable(OrderError):
    """Only a confirmed order that nobody wants to cancel can be shipped."""


class AmountTooLarge(OrderError):
    """The order costs more than an account can hold."""


class Status(StrEnum):
    """The status of an order."""

    PENDING = "pending"
    AWAITING_PAYMENT = "awaiting_payment"
    PAID = "paid"
    CONFIRMED = "confirmed"
    SHIPPED = "shipped"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    REFUNDED = "refunded"


class Step(StrEnum):
    """What the saga does or waits for next."""

    AWAIT_PAYMENT = "await_payment"
    CONFIRM_STOCK = "confirm_stock"
    AWAIT_REFUND = "await_refund"
    RELEASE_STOCK = "release_stock"
    NONE = "none"


class Trigger(StrEnum):
    """What can happen to an order once it is placed."""

    PAYMENT_SUCCEEDED = "payment_succeeded"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_REFUNDED = "payment_refunded"
    STOCK_CONFIRMED = "stock_confirmed"
    STOCK_GONE = "stock_gone"
    STOCK_RELEASED = "stock_released"
    CANCEL_REQUESTED = "cancel_asked"
    SHIPPED = "shipped"


_CANCELLABLE = frozenset({Status.PENDING, Status.AWAITING_PAYMENT, Status.PAID, Status.CONFIRMED})
# How long a step may take before the detector of stuck sagas looks after the order: payment needs some 10 s with a
# provider that does not answer, a call to catalog 2.5 s.
STEP_TIMEOUT = {
    Step.AWAIT_PAYMENT: timedelta(seconds=10),
    Step.AWAIT_REFUND: timedelta(seconds=10),
    Step.CONFIRM_STOCK: timedelta(seconds=3),
    Step.RELEASE_STOCK: timedelta(seconds=3),
}


@dataclass(frozen=True, slots=True)
class RequestedItem:
    """Some units of one product, as a request names them."""

    product_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Line:
    """Some units of one product at the price they had when the order was placed."""

    product_id: str
    name: str
    quantity: int
    unit_price: int

    @property
    def total(self) -> int:
        """Return the price of the line."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class Order:
    """One order; `amount` never changes after it was placed."""

    id: str
    user_id: str
    lines: tuple[Line, ...]
    amount: int
    currency: str
    payment_method: str | None
    status: Status
    step: Step
    is_cancel_requested: bool
    reason: str | None
    created_at: datetime
    updated_at: datetime
    due_at: datetime | None
    attempts: int = 0
    # How often, and when last, the events of this step were published again.
    repeats: int = 0
    repeated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an order's timeline."""

    at: datetime
    status: Status
    what: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a trigger did: the order as it is now, its new timeline entries, and the events to publish, or to repeat."""

    order: Order
    entries: tuple[Entry, ...] = ()
    events: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Say whether the trigger changed nothing."""
        return not self.entries and not self.events and not self.repeats


def add_up(items: Iterable[RequestedItem]) -> tuple[RequestedItem, ...]:
    """Add up the items of one product, ordered by product."""
    totals: dict[str, int] = {}
    for item in items:
        totals[item.product_id] = totals.get(item.product_id, 0) + item.quantity
    return tuple(RequestedItem(product_id, totals[product_id]) for product_id in sorted(totals))


def fingerprint(items: Iterable[RequestedItem], payment_method: str | None) -> str:
    """Name the meaning of a request, so that a second one under the same key can be compared with it."""
    meaning = [[item.product_id, item.quantity] for item in add_up(items)]
    return hashlib.sha256(json.dumps([meaning, payment_method]).encode()).hexdigest()


def place_order(
    order_id: str,
    user_id: str,
    lines: tuple[Line, ...],
    currency: str,
    payment_method: str | None,
    now: datetime,
) -> Change:
    """Place an order whose stock is reserved: it waits for its payment."""
    amount = sum(line.total for line in lines)
    if amount > MAX_AMOUNT:
        raise AmountTooLarge(f"an order of {amount} minor units is more than the shop takes")
    order = Order(
        id=order_id,
        user_id=user_id,
        lines=lines,
        amount=amount,
        currency=currency,
        payment_method=payment_method,
        status=Status.AWAITING_PAYMENT,
        step=Step.AWAIT_PAYMENT,
        is_cancel_requested=False,
        reason=None,
        created_at=now,
        updated_at=now,
        due_at=now + STEP_TIMEOUT[Step.AWAIT_PAYMENT],
    )
    entries = (
        Entry(now, Status.PENDING, "order placed"),
        Entry(now, Status.AWAITING_PAYMENT, "stock reserved, payment asked for"),
    )
    return Change(order, entries, ("order.created",))


def apply(order: Order, trigger: Trigger, now: datetime, reason: str | None = None) -> Change:
    """Return what a trigger does to an order; one that comes twice or too late changes nothing."""
    return _RULES[trigger](order, now, reason)


def _payment_succeeded(order: Order, now: datetime, _: str | None) -> Change:
    if order.status is Status.AWAITING_PAYMENT:
        step = Step.AWAIT_REFUND if order.is_cancel_requested else Step.CONFIRM_STOCK
        return _move(order, Status.PAID, step, now, "payment captured", "order.paid")
    if order.status in (Status.REJECTED, Status.CANCELLED) and order.step is not Step.AWAIT_REFUND:
        # A charge that no one expects any more is refunded, whatever caused it.
        cancelled = replace(order, is_cancel_requested=True)
        what = "late payment captured, refund asked for"
        return _move(cancelled, order.status, Step.AWAIT_REFUND, now, what, "order.cancel_requested")
    return Change(order)


def _payment_failed(order: Order, now: datetime, reason: str | None) -> Change:
    if order.status is not Status.AWAITING_PAYMENT:
        return Change(order)
    if order.is_cancel_requested:
        return _move(order, Status.CANCELLED, Step.RELEASE_STOCK, now, "cancelled", "order.cancelled")
    failed = replace(order, reason=reason or "payment failed")
    what = f"payment failed: {failed.reason}"
    return _move(failed, Status.REJECTED, Step.RELEASE_STOCK, now, what, "order.rejected")


def _payment_refunded(order: Order, now: datetime, _: str | None) -> Change:
    if order.status in (Status.REFUNDED, Status.SHIPPED):
        return Change(order)
    return _move(order, Status.REFUNDED, Step.RELEASE_STOCK, now, "payment refunded", "order.refunded")


def _stock_confirmed(order: Order, now: datetime, _: str | None) -> Change:
    if order.status is not Status.PAID or order.step is not Step.CONFIRM_STOCK:
        return Change(order)
    return _move(order, Status.CONFIRMED, Step.NONE, now, "stock confirmed", "order.confirmed")


def _stock_gone(order: Order, now: datetime, _: str | None) -> Change:
    if order.status is not Status.PAID or order.step is not Step.CONFIRM_STOCK:
        return Change(order)
    cancelled = replace(order, is_cancel_requested=True, reason="stock gone")
    what = "reserved stock expired and is sold out, refund asked for"
    return _move(cancelled, Status.PAID, Step.AWAIT_REFUND, now, what, "order.cancel_requested")


def _stock_released(order: Order, now: datetime, _: str | None) -> Change:
    if order.step is not Step.RELEASE_STOCK:
        return Change(order)
    return _move(order, order.status, Step.NONE, now, "stock given back")


def _cancel_requested(order: Order, now: datetime, reason: str | None) -> Change:
    if order.is_cancel_requested or order.status in (Status.CANCELLED, Status.REFUNDED):
        return Change(order)
    if order.status not in _CANCELLABLE:
        raise NotCancellable(f"an order that is {order.status} cannot be cancelled")
    cancelled = replace(order, is_cancel_requested=True, reason=reason or "cancelled by the customer")
    # Until payment has answered, nobody knows whether there is a charge to give back.
    step = Step.AWAIT_PAYMENT if order.status is Status.AWAITING_PAYMENT else Step.AWAIT_REFUND
    return _move(cancelled, order.status, step, now, "cancellation asked for", "order.cancel_requested")


def _shipped(order: Order, now: datetime, _: str | None) -> Change:
    if order.status is Status.SHIPPED:
        return Change(order)
    if order.status is not Status.CONFIRMED or order.is_cancel_requested:
        raise NotShippable(f"an order that is {order.status} cannot be shipped")
    return _move(order, Status.SHIPPED, Step.NONE, now, "shipped", "order.shipped")


_RULES = {
    Trigger.PAYMENT_SUCCEEDED: _payment_succeeded,
    Trigger.PAYMENT_FAILED: _payment_failed,
    Trigger.PAYMENT_REFUNDED: _payment_refunded,
    Trigger.STOCK_CONFIRMED: _stock_confirmed,
    Trigger.STOCK_GONE: _stock_gone,
    Trigger.STOCK_RELEASED: _stock_released,
    Trigger.CANCEL_REQUESTED: _cancel_requested,
    Trigger.SHIPPED: _shipped,
}


def _move(order: Order, status: Status, step: Step, now: datetime, what: str, *events: str) -> Change:
    due_at = now + STEP_TIMEOUT[step] if step in STEP_TIMEOUT else None
    moved = replace(
        order, status=status, step=step, updated_at=now, due_at=due_at, attempts=0, repeats=0, repeated_at=None
    )
    return Change(moved, (Entry(now, status, what),), events)
