"""The state machine of an order: histories of triggers in, states and events out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.order import domain, repeats
from services.order.domain import Change, Line, Order, Status, Step, Trigger
from services.order.paging import CURSOR, Cursor
from tests.services.fakes import START

P, F, R = Trigger.PAYMENT_SUCCEEDED, Trigger.PAYMENT_FAILED, Trigger.PAYMENT_REFUNDED
CONFIRMED, GONE, RELEASED = Trigger.STOCK_CONFIRMED, Trigger.STOCK_GONE, Trigger.STOCK_RELEASED
CANCEL, SHIP = Trigger.CANCEL_REQUESTED, Trigger.SHIPPED
ALLOWED = {
    Status.AWAITING_PAYMENT: {Status.PAID, Status.REJECTED, Status.CANCELLED, Status.REFUNDED},
    Status.PAID: {Status.CONFIRMED, Status.REFUNDED},
    Status.CONFIRMED: {Status.SHIPPED, Status.REFUNDED},
    Status.REJECTED: {Status.REFUNDED},
    Status.CANCELLED: {Status.REFUNDED},
}


def placed() -> Change:
    lines = (Line("apple", "Apple", 2, 150), Line("pear", "Pear", 1, 99))
    return domain.place_order("order", "user", lines, "EUR", None, START)


def play(order: Order, *triggers: Trigger) -> tuple[Order, list[str]]:
    """Apply triggers one after the other; those that the rules refuse are left out."""
    events: list[str] = []
    for trigger in triggers:
        try:
            change = domain.apply(order, trigger, START)
        except domain.OrderError:
            continue
        order = change.order
        events += change.events
    return order, events


@pytest.mark.parametrize(
    ("history", "status", "step", "events"),
    [
        ([P, CONFIRMED], "confirmed", "none", ["order.paid", "order.confirmed"]),
        ([P, CONFIRMED, SHIP], "shipped", "none", ["order.paid", "order.confirmed", "order.shipped"]),
        ([P, P, CONFIRMED, P], "confirmed", "none", ["order.paid", "order.confirmed"]),
        ([F], "rejected", "release_stock", ["order.rejected"]),
        ([F, RELEASED], "rejected", "none", ["order.rejected"]),
        ([CANCEL, F, RELEASED], "cancelled", "none", ["order.cancel_requested", "order.cancelled"]),
        ([CANCEL, P, R], "refunded", "release_stock", ["order.cancel_requested", "order.paid", "order.refunded"]),
        ([P, GONE, R, RELEASED], "refunded", "none", ["order.paid", "order.cancel_requested", "order.refunded"]),
        ([P, CANCEL, CONFIRMED], "paid", "await_refund", ["order.paid", "order.cancel_requested"]),
        ([P, CONFIRMED, SHIP, CANCEL], "shipped", "none", ["order.paid", "order.confirmed", "order.shipped"]),
        ([F, P], "rejected", "await_refund", ["order.rejected", "order.cancel_requested"]),
        ([CONFIRMED, RELEASED, SHIP], "awaiting_payment", "await_payment", []),
    ],
)
def test_a_history_leads_to_one_state(history: list[Trigger], status: str, step: str, events: list[str]) -> None:
    order, published = play(placed().order, *history)
    assert (order.status, order.step, published) == (status, step, events)


@given(st.lists(st.sampled_from(Trigger), max_size=14))
def test_whatever_happens_an_order_moves_only_along_its_states(triggers: list[Trigger]) -> None:
    order = placed().order
    published: list[str] = []
    for trigger in triggers:
        after, events = play(order, trigger)
        assert after.status is order.status or after.status in ALLOWED[order.status]
        assert (after.due_at is None) == (after.step is Step.NONE)
        assert (after.amount, after.lines) == (order.amount, order.lines)
        order, published = after, published + events
    states = [event for event in published if event != "order.cancel_requested"]
    assert len(states) == len(set(states))
    assert not {"order.cancelled", "order.rejected"} <= set(published)


@pytest.mark.parametrize(
    ("history", "answer"),
    [
        ([], "asked"),
        ([P], "asked"),
        ([P, CONFIRMED], "asked"),
        ([CANCEL], "unchanged"),
        ([CANCEL, F], "unchanged"),
        ([CANCEL, P, R], "unchanged"),
        ([P, CONFIRMED, SHIP], "refused"),
        ([F], "refused"),
    ],
)
def test_an_order_can_be_cancelled_until_it_is_shipped_or_over(history: list[Trigger], answer: str) -> None:
    order, _ = play(placed().order, *history)
    if answer == "refused":
        with pytest.raises(domain.NotCancellable):
            domain.apply(order, CANCEL, START)
        return
    change = domain.apply(order, CANCEL, START)
    assert change.is_empty == (answer == "unchanged")
    assert change.order.is_cancel_requested
    assert ("order.cancel_requested" in change.events) == (answer == "asked")


def test_an_order_costs_what_its_lines_cost_and_is_told_with_that() -> None:
    change = placed()
    assert (change.order.amount, change.events) == (399, ("order.created",))
    assert [entry.status for entry in change.entries] == ["pending", "awaiting_payment"]


def test_an_amount_that_no_account_holds_is_refused() -> None:
    with pytest.raises(domain.AmountTooLarge):
        domain.place_order("order", "user", (Line("yacht", "Yacht", 1000, 10**15),), "EUR", None, START)


def test_a_stuck_order_is_looked_after_less_and_less_often_but_for_ever() -> None:
    order = placed().order
    pauses = []
    for _ in range(8):
        order = repeats.postpone(order, START)
        assert order.due_at is not None
        pauses.append((order.due_at - START).total_seconds())
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30


def test_the_meaning_of_a_request_does_not_hang_on_the_order_of_its_lines() -> None:
    first, second = domain.RequestedItem("apple", 1), domain.RequestedItem("pear", 2)
    assert domain.fingerprint([first, second], None) == domain.fingerprint([second, first], None)
    assert domain.fingerprint([first], None) != domain.fingerprint([first], "tok_slow")


@pytest.mark.parametrize("word", ["0.a", "9999999999999999.A._-", "1795511171399108.01a20cce-3935-7846"])
def test_every_word_of_the_shape_is_a_cursor(word: str) -> None:
    assert re.fullmatch(CURSOR, word)
    assert Cursor.decode(word).encode() == word
