"""The order: its state machine and the saga that brings it home.

Pure: standard library only. `place` makes an order, `apply` answers what a fact does to it; both return
a Change that says what to keep, what to tell and which step comes next. Amounts are integer minor units.
"""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum

MAX_QUANTITY = 1_000
MAX_AMOUNT = 9_000_000_000_000_000
# Every word of this shape is a cursor, so that the schema of a request says all that there is to say.
CURSOR = r"^[0-9]{1,16}\.[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class OrderError(Exception):
    """Something that the rules of an order refuse."""


class NotCancellable(OrderError):
    """The order is past the point where it can be cancelled."""


class NotShippable(OrderError):
    """Only a confirmed order that nobody wants to cancel can be shipped."""


class AmountTooLarge(OrderError):
    """The order costs more than an account can hold."""


class Status(StrEnum):
    """Where an order stands."""

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


class Fact(StrEnum):
    """What can happen to an order once it is placed."""

    PAYMENT_SUCCEEDED = "payment_succeeded"
    PAYMENT_FAILED = "payment_failed"
    PAYMENT_REFUNDED = "payment_refunded"
    STOCK_CONFIRMED = "stock_confirmed"
    STOCK_GONE = "stock_gone"
    STOCK_RELEASED = "stock_released"
    CANCEL_ASKED = "cancel_asked"
    SHIPPED = "shipped"


SETTLED = frozenset({Status.CONFIRMED, Status.SHIPPED, Status.REJECTED, Status.CANCELLED, Status.REFUNDED})
_CANCELLABLE = frozenset({Status.PENDING, Status.AWAITING_PAYMENT, Status.PAID, Status.CONFIRMED})
# How long a step may take before the detector of stuck sagas looks after the order, and its longest pause.
_PATIENCE = {
    Step.AWAIT_PAYMENT: timedelta(seconds=10),
    Step.AWAIT_REFUND: timedelta(seconds=10),
    Step.CONFIRM_STOCK: timedelta(seconds=3),
    Step.RELEASE_STOCK: timedelta(seconds=3),
}
_LONGEST_PAUSE = timedelta(seconds=30)
# An event that is not there after this long is lost; before, it is only late, and telling it again would make
# a busy shop busier. Each repetition waits twice as long as the one before, for who did not take in the first will
# hardly take in the next; the last comes three hours after the first, and then only people can help.
_EVENT_PATIENCE = timedelta(seconds=40)
MOST_REPEATS = 8


@dataclass(frozen=True, slots=True)
class Wish:
    """Some units of one product, as asked for."""

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
        """The price of the line."""
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
    # How often, and when last, the events of this step were told again.
    repeats: int = 0
    repeated_at: datetime | None = None

    @property
    def is_settled(self) -> bool:
        """Nothing more happens to the order by itself."""
        return self.status in SETTLED and self.step is Step.NONE


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an order's timeline."""

    at: datetime
    status: Status
    what: str


@dataclass(frozen=True, slots=True)
class Change:
    """What a fact did: the order as it is now, its new timeline entries, and the events to tell or to tell again."""

    order: Order
    entries: tuple[Entry, ...] = ()
    events: tuple[str, ...] = ()
    repeats: tuple[str, ...] = ()

    @property
    def is_empty(self) -> bool:
        """The fact changed nothing."""
        return not self.entries and not self.events and not self.repeats


def add_up(wishes: Iterable[Wish]) -> tuple[Wish, ...]:
    """Join the wishes for one product, ordered by product."""
    totals: dict[str, int] = {}
    for wish in wishes:
        totals[wish.product_id] = totals.get(wish.product_id, 0) + wish.quantity
    return tuple(Wish(product_id, totals[product_id]) for product_id in sorted(totals))


def fingerprint(wishes: Iterable[Wish], payment_method: str | None) -> str:
    """Name the meaning of a request, so that a second one under the same key can be compared with it."""
    meaning = [[wish.product_id, wish.quantity] for wish in add_up(wishes)]
    return hashlib.sha256(json.dumps([meaning, payment_method]).encode()).hexdigest()


def place(
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
        due_at=now + _PATIENCE[Step.AWAIT_PAYMENT],
    )
    entries = (
        Entry(now, Status.PENDING, "order placed"),
        Entry(now, Status.AWAITING_PAYMENT, "stock reserved, payment asked for"),
    )
    return Change(order, entries, ("order.created",))


def apply(order: Order, fact: Fact, now: datetime, reason: str | None = None) -> Change:
    """Answer what a fact does to an order; a fact that comes twice or too late changes nothing."""
    return _RULES[fact](order, now, reason)


def _payment_succeeded(order: Order, now: datetime, _: str | None) -> Change:
    if order.status is Status.AWAITING_PAYMENT:
        step = Step.AWAIT_REFUND if order.is_cancel_requested else Step.CONFIRM_STOCK
        return _move(order, Status.PAID, step, now, "payment captured", "order.paid")
    if order.status in (Status.REJECTED, Status.CANCELLED) and order.step is not Step.AWAIT_REFUND:
        # A charge that no one expects any more is given back, whatever brought it about.
        asked = replace(order, is_cancel_requested=True)
        what = "late payment captured, refund asked for"
        return _move(asked, order.status, Step.AWAIT_REFUND, now, what, "order.cancel_requested")
    return Change(order)


def _payment_failed(order: Order, now: datetime, reason: str | None) -> Change:
    if order.status is not Status.AWAITING_PAYMENT:
        return Change(order)
    if order.is_cancel_requested:
        return _move(order, Status.CANCELLED, Step.RELEASE_STOCK, now, "cancelled", "order.cancelled")
    told = replace(order, reason=reason or "payment failed")
    what = f"payment failed: {told.reason}"
    return _move(told, Status.REJECTED, Step.RELEASE_STOCK, now, what, "order.rejected")


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
    asked = replace(order, is_cancel_requested=True, reason="stock gone")
    what = "reserved stock expired and is sold out, refund asked for"
    return _move(asked, Status.PAID, Step.AWAIT_REFUND, now, what, "order.cancel_requested")


def _stock_released(order: Order, now: datetime, _: str | None) -> Change:
    if order.step is not Step.RELEASE_STOCK:
        return Change(order)
    return _move(order, order.status, Step.NONE, now, "stock given back")


def _cancel_asked(order: Order, now: datetime, reason: str | None) -> Change:
    if order.is_cancel_requested or order.status in (Status.CANCELLED, Status.REFUNDED):
        return Change(order)
    if order.status not in _CANCELLABLE:
        raise NotCancellable(f"an order that is {order.status} cannot be cancelled")
    asked = replace(order, is_cancel_requested=True, reason=reason or "cancelled by the customer")
    # Until payment has answered, nobody knows whether there is a charge to give back.
    step = Step.AWAIT_PAYMENT if order.status is Status.AWAITING_PAYMENT else Step.AWAIT_REFUND
    return _move(asked, order.status, step, now, "cancellation asked for", "order.cancel_requested")


def _shipped(order: Order, now: datetime, _: str | None) -> Change:
    if order.status is Status.SHIPPED:
        return Change(order)
    if order.status is not Status.CONFIRMED or order.is_cancel_requested:
        raise NotShippable(f"an order that is {order.status} cannot be shipped")
    return _move(order, Status.SHIPPED, Step.NONE, now, "shipped", "order.shipped")


_RULES = {
    Fact.PAYMENT_SUCCEEDED: _payment_succeeded,
    Fact.PAYMENT_FAILED: _payment_failed,
    Fact.PAYMENT_REFUNDED: _payment_refunded,
    Fact.STOCK_CONFIRMED: _stock_confirmed,
    Fact.STOCK_GONE: _stock_gone,
    Fact.STOCK_RELEASED: _stock_released,
    Fact.CANCEL_ASKED: _cancel_asked,
    Fact.SHIPPED: _shipped,
}


def _move(order: Order, status: Status, step: Step, now: datetime, what: str, *events: str) -> Change:
    due_at = now + _PATIENCE[step] if step in _PATIENCE else None
    moved = replace(
        order, status=status, step=step, updated_at=now, due_at=due_at, attempts=0, repeats=0, repeated_at=None
    )
    return Change(moved, (Entry(now, status, what),), events)


def postpone(order: Order, now: datetime) -> Order:
    """Try the step of this order again later, each time after a longer pause."""
    pause = min(_LONGEST_PAUSE, _PATIENCE[order.step] / 3 * 2 ** min(order.attempts, 10))
    return replace(order, due_at=now + pause, attempts=order.attempts + 1)


def is_event_lost(order: Order, now: datetime) -> bool:
    """Say whether the last event about this order must have been lost on its way, and may be told again."""
    last_told = order.repeated_at or order.updated_at
    return order.repeats < MOST_REPEATS and now - last_told >= _EVENT_PATIENCE * 2**order.repeats


def tell_again(order: Order, now: datetime, *, is_known: bool) -> Change:
    """Repeat what payment must have missed; `is_known` says whether it has heard of the order at all."""
    missed: tuple[str, ...] = () if is_known else ("order.created",)
    if order.is_cancel_requested and order.step in (Step.AWAIT_PAYMENT, Step.AWAIT_REFUND):
        missed += ("order.cancel_requested",)
    if not missed:
        return Change(order)
    return Change(replace(order, repeats=order.repeats + 1, repeated_at=now), repeats=missed)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last order of a page; the history runs from the newest order to the oldest."""

    created_at: datetime
    id: str

    def encode(self) -> str:
        """Write the cursor as a word that matches CURSOR."""
        return f"{(self.created_at - _EPOCH) // timedelta(microseconds=1)}.{self.id}"

    @classmethod
    def decode(cls, word: str) -> "Cursor":
        """Read a word that matches CURSOR."""
        microseconds, _, order_id = word.partition(".")
        return cls(_EPOCH + timedelta(microseconds=int(microseconds)), order_id)
