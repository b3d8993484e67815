"""The rules of stock, over a catalog in memory."""

import asyncio
import re
from collections import Counter
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from services.catalog import domain, handlers
from services.catalog.domain import Line, ReservationState
from services.catalog.handlers import Refusal, Reserved
from tests.services.catalog.fakes import FakeCatalog, product
from tests.services.fakes import FakeClock

LIFETIME = timedelta(seconds=50)
PRODUCTS = ("apple", "pear", "plum")
ORDERS = st.sampled_from([f"order-{number}" for number in range(6)])
LINES = st.lists(st.tuples(st.sampled_from((*PRODUCTS, "unknown")), st.integers(1, 6)), min_size=1, max_size=4)


class Stock(RuleBasedStateMachine):
    """Anything may happen in any order: what was there at the start is on hand, or sold, never both or neither."""

    def __init__(self) -> None:
        super().__init__()
        self.store = FakeCatalog(*(product(name, on_hand=10) for name in PRODUCTS))
        self.clock = FakeClock()

    @rule(order_id=ORDERS, lines=LINES)
    def reserve(self, order_id: str, lines: list[tuple[str, int]]) -> None:
        requested = [Line(*line) for line in lines]
        before = self.store.tables.reservations.get(order_id)
        availability = asyncio.run(handlers.check(requested, store=self.store))
        answer = asyncio.run(
            handlers.reserve(order_id, requested, store=self.store, clock=self.clock, lifetime=LIFETIME)
        )
        if before is None:
            assert isinstance(answer, Reserved) == availability.is_available

    @rule(order_id=ORDERS)
    def confirm(self, order_id: str) -> None:
        before = self.store.tables.reservations.get(order_id)
        answer = asyncio.run(handlers.confirm(order_id, store=self.store))
        if before is None:
            assert answer is None
        elif before.state is ReservationState.HELD:
            assert not isinstance(answer, Refusal)

    @rule(order_id=ORDERS)
    def release(self, order_id: str) -> None:
        asyncio.run(handlers.release(order_id, store=self.store, clock=self.clock))
        state = self.store.tables.reservations[order_id].state
        assert state in (ReservationState.RELEASED, ReservationState.RETURNED)

    @rule(seconds=st.sampled_from([1, 30, 60]))
    def time_passes(self, seconds: int) -> None:
        self.clock.forward(seconds)
        asyncio.run(handlers.expire(store=self.store, clock=self.clock))

    @precondition(lambda self: self.store.tables.products["apple"].available)
    @rule(more=st.integers(0, 5))
    def deliver(self, more: int) -> None:
        asyncio.run(
            handlers.set_stock(
                "apple",
                lambda apple: apple.on_hand + more,
                is_expected=lambda _: True,
                store=self.store,
                clock=self.clock,
            )
        )

    @invariant()
    def nothing_is_sold_twice(self) -> None:
        tables = self.store.tables
        held: Counter[str] = Counter()
        moved: Counter[str] = Counter(dict.fromkeys(PRODUCTS, 10))
        for reservation in tables.reservations.values():
            if reservation.state is ReservationState.HELD:
                held.update({line.product_id: line.quantity for line in reservation.lines})
        for name, delta, _why, _order in tables.movements:
            moved[name] += delta
        for name in PRODUCTS:
            fruit = tables.products[name]
            assert fruit.reserved == held[name]
            assert fruit.on_hand == moved[name]
            assert 0 <= fruit.reserved <= fruit.on_hand


TestStock = Stock.TestCase
TestStock.settings = settings(max_examples=40, stateful_step_count=25)


async def test_a_reservation_takes_all_lines_or_none() -> None:
    store, clock = FakeCatalog(product("apple", 5), product("pear", 1)), FakeClock()
    lines = [Line("apple", 2), Line("pear", 2)]
    answer = await handlers.reserve("order", lines, store=store, clock=clock, lifetime=LIFETIME)
    assert answer is Refusal.INSUFFICIENT
    assert store.tables.products["apple"].reserved == 0
    assert not store.tables.reservations


async def test_reserving_again_gives_the_same_answer_and_takes_nothing_more() -> None:
    store, clock = FakeCatalog(product("apple", 5)), FakeClock()
    for _ in range(3):
        answer = await handlers.reserve("order", [Line("apple", 2)], store=store, clock=clock, lifetime=LIFETIME)
        assert isinstance(answer, Reserved)
    assert store.tables.products["apple"].reserved == 2


async def test_a_release_that_overtakes_its_reservation_forbids_it() -> None:
    store, clock = FakeCatalog(product("apple", 5)), FakeClock()
    await handlers.release("order", store=store, clock=clock)
    answer = await handlers.reserve("order", [Line("apple", 2)], store=store, clock=clock, lifetime=LIFETIME)
    assert answer is Refusal.OVER
    assert store.tables.products["apple"].available == 5


@pytest.mark.parametrize(("left", "answer"), [(2, ReservationState.CONFIRMED), (1, Refusal.INSUFFICIENT)])
async def test_a_late_confirmation_sells_only_what_can_still_be_had(left: int, answer: object) -> None:
    store, clock = FakeCatalog(product("apple", 2)), FakeClock()
    await handlers.reserve("late", [Line("apple", 2)], store=store, clock=clock, lifetime=LIFETIME)
    clock.forward(60)
    assert await handlers.expire(store=store, clock=clock) == 1
    await handlers.reserve("other", [Line("apple", 2 - left)], store=store, clock=clock, lifetime=LIFETIME)
    confirmed = await handlers.confirm("late", store=store)
    assert getattr(confirmed, "state", confirmed) == answer


async def test_a_new_price_is_told_and_the_same_price_is_not() -> None:
    store, clock = FakeCatalog(product("apple", price=100)), FakeClock()
    for price in (120, 120):
        await handlers.set_price("apple", price, store=store, clock=clock)
    (event,) = store.tables.events
    assert (event.type, event.data["oldAmount"], event.data["amount"]) == ("price.changed", 100, 120)


async def test_stock_cannot_be_set_below_what_is_reserved() -> None:
    store, clock = FakeCatalog(product("apple", 5)), FakeClock()
    await handlers.reserve("order", [Line("apple", 3)], store=store, clock=clock, lifetime=LIFETIME)
    with pytest.raises(domain.StockOutOfRange):
        await handlers.set_stock("apple", lambda _: 2, is_expected=lambda _: True, store=store, clock=clock)


@pytest.mark.parametrize("word", ["0.a", "999999999.desk-lamp", "20.A._-"])
def test_every_word_of_the_shape_is_a_cursor(word: str) -> None:
    assert re.fullmatch(domain.CURSOR, word)
    assert domain.Cursor.decode(word).encode() == word
