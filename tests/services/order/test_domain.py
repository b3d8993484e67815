"""The state machine of an order: histories of facts in, states and events out."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.order import domain
from services.order.domain import Change, Fact, Line, Order, Status, Step
from tests.services.fakes import START

P, F, R = Fact.PAYMENT_SUCCEEDED, Fact.PAYMENT_FAILED, Fact.PAYMENT_REFUNDED
CONFIRMED, GONE, RELEASED = Fact.STOCK_CONFIRMED, Fact.STOCK_GONE, Fact.STOCK_RELEASED
CANCEL, SHIP = Fact.CANCEL_ASKED, Fact.SHIPPED
ALLOWED = {
    Status.AWAITING_PAYMENT: {Status.PAID, Status.REJECTED, Status.CANCELLED, Status.REFUNDED},
    Status.PAID: {Status.CONFIRMED, Status.REFUNDED},
    Status.CONFIRMED: {Status.SHIPPED, Status.REFUNDED},
    Status.REJECTED: {Status.REFUNDED},
    Status.CANCELLED: {Status.REFUNDED},
}


def placed() -> Change:
    lines = (Line("apple", "Apple", 2, 150), Line("pear", "Pear", 1, 99))
    return domain.place("order", "user", lines, "EUR", None, START)


def play(order: Order, *facts: Fact) -> tuple[Order, list[str]]:
    """Apply facts one after the other; those that the rules refuse are left out."""
    events: list[str] = []
    for fact in facts:
        try:
            change = domain.apply(order, fact, START)
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
def test_a_history_leads_to_one_state(history: list[Fact], status: str, step: str, events: list[str]) -> None:
    order, told = play(placed().order, *history)
    assert (order.status, order.step, told) == (status, step, events)


@given(st.lists(st.sampled_from(Fact), max_size=14))
def test_whatever_happens_an_order_moves_only_along_its_states(facts: list[Fact]) -> None:
    order = placed().order
    told: list[str] = []
    for fact in facts:
        after, events = play(order, fact)
        assert after.status is order.status or after.status in ALLOWED[order.status]
        assert (after.due_at is None) == (after.step is Step.NONE)
        assert (after.amount, after.lines) == (order.amount, order.lines)
        order, told = after, told + events
    states = [event for event in told if event != "order.cancel_requested"]
    assert len(states) == len(set(states))
    assert not {"order.cancelled", "order.rejected"} <= set(told)


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
def test_an_order_can_be_cancelled_until_it_is_shipped_or_over(history: list[Fact], answer: str) -> None:
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
        domain.place("order", "user", (Line("yacht", "Yacht", 1000, 10**15),), "EUR", None, START)


def test_a_stuck_order_is_looked_after_less_and_less_often_but_for_ever() -> None:
    order = placed().order
    pauses = []
    for _ in range(8):
        order = domain.postpone(order, START)
        assert order.due_at is not None
        pauses.append((order.due_at - START).total_seconds())
    assert pauses == sorted(pauses)
    assert pauses[-1] == 30


def test_the_meaning_of_a_request_does_not_hang_on_the_order_of_its_lines() -> None:
    one, other = domain.Wish("apple", 1), domain.Wish("pear", 2)
    assert domain.fingerprint([one, other], None) == domain.fingerprint([other, one], None)
    assert domain.fingerprint([one], None) != domain.fingerprint([one], "tok_slow")


@pytest.mark.parametrize("word", ["0.a", "9999999999999999.A._-", "1795511171399108.01a20cce-3935-7846"])
def test_every_word_of_the_shape_is_a_cursor(word: str) -> None:
    assert re.fullmatch(domain.CURSOR, word)
    assert domain.Cursor.decode(word).encode() == word
