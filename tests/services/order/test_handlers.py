"""Placing orders and bringing them home, over fakes."""

import asyncio
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest

from services.common.runtime.logs import Logger
from services.order import handlers
from services.order.domain import Order, RequestedItem, Status, Step, Trigger
from services.order.handlers import InsufficientStock, KeyInFlight, KeyReused, PlaceOrder
from services.order.ports import ChargeState, UpstreamUnavailable
from services.order.repeats import MOST_REPEATS
from services.order.saga import Saga
from tests.services.fakes import FakeClock, counting_ids
from tests.services.order.fakes import FakeCatalog, FakeOrders, FakePayments


class World:
    """Everything that a handler needs."""

    def __init__(self, stock: int = 100) -> None:
        self.store, self.catalog, self.payments = FakeOrders(), FakeCatalog(stock), FakePayments()
        self.clock, self.new_id = FakeClock(), counting_ids("order")
        self.release_later: list[str] = []

    async def place_order(self, units: int = 2, key: str | None = None, method: str | None = None) -> Order:
        return await handlers.place_order(
            PlaceOrder("user", (RequestedItem("apple", units),), method, key),
            store=self.store,
            catalog=self.catalog,
            clock=self.clock,
            new_id=self.new_id,
            release_later=self.release_later.append,
        )

    async def record(self, order: Order, *triggers: Trigger) -> Order:
        for trigger in triggers:
            order = await handlers.apply_trigger(order.id, trigger, store=self.store, clock=self.clock) or order
        return order

    async def step(self, order: Order) -> Order:
        now = await handlers.take_step(order, **self.needs())
        assert now is not None
        return now

    def needs(self) -> dict[str, Any]:
        return {"store": self.store, "catalog": self.catalog, "payments": self.payments, "clock": self.clock}


async def test_an_order_is_kept_with_its_event_and_its_stock() -> None:
    world = World()
    order = await world.place_order(3)
    assert (order.status, order.amount, world.catalog.held) == (Status.AWAITING_PAYMENT, 300, {order.id: 3})
    assert world.store.published() == ["order.created"]


async def test_one_key_gives_one_order_and_one_answer() -> None:
    world = World()
    first = await world.place_order(key="k")
    await world.record(first, Trigger.PAYMENT_SUCCEEDED)
    assert await world.place_order(key="k") == first
    assert len(world.store.tables.orders) == 1
    assert world.catalog.stock == 98


async def test_a_key_with_another_body_is_refused() -> None:
    world = World()
    await world.place_order(2, key="k")
    with pytest.raises(KeyReused):
        await world.place_order(3, key="k")
    with pytest.raises(KeyReused):
        await world.place_order(2, key="k", method="tok_slow")


async def test_a_key_whose_first_request_is_not_answered_yet_waits_until_that_one_must_be_dead() -> None:
    world = World()
    command = PlaceOrder("user", (RequestedItem("apple", 2),), None, "k")
    claim = await handlers._reserve_key(command, store=world.store, clock=world.clock, new_id=world.new_id)
    assert claim is not None
    with pytest.raises(KeyInFlight):
        await world.place_order(key="k")
    world.clock.forward(10)
    order = await world.place_order(key="k")
    assert order.id != claim.order_id
    assert (await world.place_order(key="k")).id == order.id


async def test_a_request_that_was_slower_than_its_key_lives_places_nothing() -> None:
    world = World()
    check = world.catalog.check

    async def dawdle(items: Iterable[RequestedItem]) -> bool:
        world.clock.forward(10)
        world.catalog.check = check  # type: ignore[method-assign]
        await world.place_order(key="k")
        return await check(items)

    world.catalog.check = dawdle  # type: ignore[method-assign]
    with pytest.raises(KeyInFlight):
        await world.place_order(key="k")
    assert len(world.store.tables.orders) == 1
    assert world.release_later == ["order-001"]
    assert (await world.place_order(key="k")).id == "order-002"


async def test_a_refusal_is_answered_again_even_when_there_is_stock_again() -> None:
    world = World(stock=1)
    for _ in range(2):
        with pytest.raises(InsufficientStock):
            await world.place_order(key="k")
        world.catalog.stock = 10
    assert world.catalog.stock == 10


async def test_a_failure_frees_the_key_and_leaves_nothing_behind() -> None:
    world = World()
    world.catalog.is_away = True
    with pytest.raises(UpstreamUnavailable):
        await world.place_order(key="k")
    assert not world.store.tables.orders
    assert not world.store.tables.idempotency_keys
    world.catalog.is_away = False
    assert (await world.place_order(key="k")).status is Status.AWAITING_PAYMENT


async def test_a_reservation_whose_answer_was_lost_is_released() -> None:
    world = World()
    world.catalog.loses_answers = True
    with pytest.raises(UpstreamUnavailable):
        await world.place_order()
    assert world.release_later == ["order-001"]


async def test_a_database_that_breaks_at_the_commit_releases_the_stock() -> None:
    world = World()
    world.store.breaks_at_commit = True
    with pytest.raises(OSError, match="disk"):
        await world.place_order(key="k")
    assert world.release_later == ["order-001"]
    assert not world.store.tables.idempotency_keys


@pytest.mark.parametrize("error", [OSError, asyncio.CancelledError])
async def test_an_order_whose_commit_was_not_answered_is_there_and_is_the_answer(error: type[BaseException]) -> None:
    world = World()
    world.store.loses_commits = error
    order = await world.place_order(key="k")
    assert await world.store.find(order.id) == order
    assert world.catalog.held == {order.id: 2}
    assert not world.release_later
    world.store.loses_commits = None
    assert (await world.place_order(key="k")).id == order.id


async def test_a_request_that_runs_out_of_time_frees_its_key_and_its_stock() -> None:
    world = World()

    async def hang(*_: object) -> None:
        await asyncio.Event().wait()

    world.catalog.reserve = hang  # type: ignore[assignment,method-assign]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await world.place_order(key="k")
    assert world.release_later == ["order-001"]
    assert not world.store.tables.idempotency_keys


async def test_a_paid_order_sells_its_stock() -> None:
    world = World()
    order = await world.record(await world.place_order(), Trigger.PAYMENT_SUCCEEDED)
    assert (await world.step(order)).status is Status.CONFIRMED
    assert world.catalog.confirmed == {order.id}


async def test_a_paid_order_whose_stock_is_gone_asks_for_its_money_back() -> None:
    world = World()
    order = await world.record(await world.place_order(), Trigger.PAYMENT_SUCCEEDED)
    world.catalog.held.clear()
    order = await world.step(order)
    assert (order.step, world.store.published()[-1]) == (Step.AWAIT_REFUND, "order.cancel_requested")
    order = await world.step(await world.record(order, Trigger.PAYMENT_REFUNDED))
    assert (order.status, order.step) == (Status.REFUNDED, Step.NONE)


async def test_a_rejected_order_gives_its_stock_back_however_long_catalog_is_away() -> None:
    world = World()
    order = await world.record(await world.place_order(), Trigger.PAYMENT_FAILED)
    world.catalog.is_away = True
    for _ in range(3):
        world.clock.forward(60)
        assert [entry.id for entry in await handlers.take_due(store=world.store, clock=world.clock)] == [order.id]
        with pytest.raises(UpstreamUnavailable):
            await world.step(order)
    world.catalog.is_away = False
    assert (await world.step(order)).step is Step.NONE
    assert world.catalog.stock == 100


async def test_what_the_detector_took_is_left_alone_for_a_while() -> None:
    world = World()
    await world.place_order()
    world.clock.forward(11)
    assert len(await handlers.take_due(store=world.store, clock=world.clock)) == 1
    assert not await handlers.take_due(store=world.store, clock=world.clock)


@pytest.mark.parametrize(
    ("charge", "status"),
    [
        (ChargeState("captured", None, None), Status.PAID),
        (ChargeState("captured", "succeeded", None), Status.REFUNDED),
        (ChargeState("declined", None, "declined"), Status.REJECTED),
        (ChargeState("pending", None, None), Status.AWAITING_PAYMENT),
    ],
)
async def test_an_order_whose_answer_from_payment_was_lost_asks_for_it(charge: ChargeState, status: Status) -> None:
    world = World()
    order = await world.place_order()
    world.payments.charges[order.id] = charge
    assert (await world.step(order)).status is status


async def test_an_order_that_payment_never_heard_of_is_told_again_once_its_event_must_be_lost() -> None:
    world = World()
    order = await world.place_order()
    await world.step(order)
    assert world.store.published() == ["order.created"]
    world.clock.forward(60)
    await world.step(order)
    assert world.store.published() == ["order.created", "order.created"]
    order = await world.record(order, Trigger.CANCEL_REQUESTED)
    world.clock.forward(60)
    await world.step(order)
    assert world.store.published()[2:] == ["order.cancel_requested", "order.created", "order.cancel_requested"]


async def test_an_event_that_payment_does_not_take_in_is_published_again_with_growing_pauses_and_not_for_ever() -> None:
    world = World()
    saga = Saga(world.store, world.catalog, world.payments, world.clock, Lines())
    order = await world.place_order()
    repeats: list[float] = []
    for seconds in range(0, 6 * 3600, 10):
        await saga.detect()
        await saga.background.idle()
        repeats += [seconds] * (len(world.store.published()) - 1 - len(repeats))
        world.clock.forward(10)
    pauses = [later - earlier for earlier, later in pairwise(repeats)]
    assert len(repeats) == MOST_REPEATS == 8
    assert all(1.5 < later / earlier < 2.5 for earlier, later in pairwise(pauses))
    assert 2 * 3600 < repeats[-1] < 4 * 3600
    world.payments.charges[order.id] = ChargeState("captured", None, None)
    world.clock.forward(30)
    await saga.detect()
    await saga.background.idle()
    assert world.store.tables.orders[order.id].status is Status.PAID


async def test_the_detector_says_which_orders_are_stuck_and_brings_them_on() -> None:
    world, log = World(), Lines()
    saga = Saga(world.store, world.catalog, world.payments, world.clock, log)
    order = await world.place_order()
    world.payments.is_away = True
    for seconds in (11, 4, 7):
        world.clock.forward(seconds)
        await saga.detect()
        await saga.background.idle()
    stuck = [fields for message, fields in log.warnings if message == "order is stuck"]
    assert [(entry["order_id"], entry["step"]) for entry in stuck] == [(order.id, Step.AWAIT_PAYMENT)] * 2
    world.payments.is_away = False
    world.payments.charges[order.id] = ChargeState("captured", None, None)
    world.clock.forward(30)
    await saga.detect()
    await saga.background.idle()
    assert world.store.tables.orders[order.id].status is Status.PAID


class Lines(Logger):
    """Keeps what was warned of."""

    def __init__(self) -> None:
        super().__init__("order")
        self.warnings: list[tuple[str, dict[str, object]]] = []

    def warning(self, message: str, **fields: object) -> None:
        self.warnings.append((message, fields))


async def test_the_history_runs_from_the_newest_to_the_oldest_in_pages() -> None:
    world = World()
    ids = []
    for _ in range(5):
        world.clock.forward(1)
        ids.append((await world.place_order()).id)
    first, cursor = await handlers.history("user", None, 3, store=world.store)
    rest, end = await handlers.history("user", cursor, 3, store=world.store)
    assert [order.id for order in [*first, *rest]] == ids[::-1]
    assert end is None
