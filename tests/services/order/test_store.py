"""The order's database, over SQLite and PostgreSQL alike."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from services.common.events.tables import outbox
from services.common.runtime.clock import utc_now
from services.common.runtime.ids import new_id
from services.common.service import Runtime
from services.order import handlers
from services.order.adapters import SqlOrders
from services.order.app import SERVICE
from services.order.domain import Change, RequestedItem, Status, Trigger
from services.order.handlers import KeyInFlight, PlaceOrder
from services.order.repeats import MOST_REPEATS, publish_again
from tests.services.order.fakes import FakeCatalog
from tests.services.stores import database_url, migrated, postgres

__all__ = ["database_url", "postgres"]


@pytest.fixture
async def runtime(database_url: str, tmp_path: Path) -> AsyncIterator[Runtime]:
    """Return an order service whose database is empty."""
    async with migrated(SERVICE, database_url, tmp_path) as runtime:
        yield runtime


@pytest.fixture
def sql_orders(runtime: Runtime) -> SqlOrders:
    """Return an empty database of orders."""
    return SqlOrders(runtime.database, runtime.outbox)


async def place_order(store: SqlOrders, catalog: FakeCatalog, key: str | None = None) -> str:
    order = await handlers.place_order(
        PlaceOrder("user", (RequestedItem("apple", 1),), "tok_visa", key),
        store=store,
        catalog=catalog,
        clock=utc_now,
        new_id=new_id,
        release_later=lambda _: None,
    )
    return order.id


async def test_an_order_comes_back_as_it_was_kept(sql_orders: SqlOrders) -> None:
    order_id = await place_order(sql_orders, FakeCatalog())
    order = await sql_orders.find(order_id)
    assert order is not None
    assert handlers.as_placed(order) == order
    await handlers.apply_trigger(order_id, Trigger.PAYMENT_FAILED, "declined", store=sql_orders, clock=utc_now)
    entries = [(entry.status, entry.what) for entry in await sql_orders.timeline(order_id)]
    assert [status for status, _ in entries] == ["pending", "awaiting_payment", "rejected"]
    assert "declined" in entries[-1][1]


async def test_of_many_requests_at_once_with_one_key_one_wins(sql_orders: SqlOrders) -> None:
    catalog = FakeCatalog()
    answers = await asyncio.gather(*(place_order(sql_orders, catalog, "k") for _ in range(8)), return_exceptions=True)
    ids = {answer for answer in answers if isinstance(answer, str)}
    assert len(ids) == 1
    assert all(isinstance(answer, str | KeyInFlight) for answer in answers)
    assert list(catalog.held) == list(ids)


async def test_two_triggers_at_once_are_applied_one_after_the_other(sql_orders: SqlOrders) -> None:
    order_id = await place_order(sql_orders, FakeCatalog())
    triggers = [Trigger.PAYMENT_SUCCEEDED] * 3 + [Trigger.PAYMENT_FAILED] * 3
    await asyncio.gather(
        *(handlers.apply_trigger(order_id, trigger, store=sql_orders, clock=utc_now) for trigger in triggers)
    )
    entries = [entry.status for entry in await sql_orders.timeline(order_id)]
    assert len(entries) == 3
    counted = await sql_orders.count_by_status()
    assert counted[Status.PAID] + counted[Status.REJECTED] == 1


async def test_due_orders_are_handed_out_once(sql_orders: SqlOrders) -> None:
    for _ in range(6):
        await place_order(sql_orders, FakeCatalog())

    def later() -> object:
        return utc_now() + timedelta(seconds=11)

    taken = await asyncio.gather(*(handlers.take_due(store=sql_orders, clock=later) for _ in range(3)))  # type: ignore[arg-type]
    ids = [order.id for due in taken for order in due]
    assert len(ids) == len(set(ids)) == 6
    assert await sql_orders.count_stuck(utc_now() + timedelta(seconds=1)) == 6


async def test_repeated_events_go_out_and_orders_that_are_given_up_are_counted(
    sql_orders: SqlOrders, runtime: Runtime
) -> None:
    order_id = await place_order(sql_orders, FakeCatalog())
    order = await sql_orders.find(order_id)
    assert order is not None
    published = await _waiting_events(runtime)
    for repeats in range(1, MOST_REPEATS + 1):
        assert await sql_orders.count_given_up() == 0
        async with sql_orders.begin() as tx:
            change = publish_again(order, utc_now(), is_known=False)
            await tx.update(change)
        order = await sql_orders.find(order_id)
        assert order == change.order
        assert (order.repeats, await _waiting_events(runtime)) == (repeats, published + repeats)
    assert await sql_orders.count_given_up() == 1
    await handlers.apply_trigger(order_id, Trigger.PAYMENT_SUCCEEDED, store=sql_orders, clock=utc_now)
    assert await sql_orders.count_given_up() == 0


async def _waiting_events(runtime: Runtime) -> int:
    async with runtime.database.reading() as connection:
        return await connection.scalar(select(func.count()).select_from(outbox)) or 0


async def test_pages_of_the_history_fit_together(sql_orders: SqlOrders) -> None:
    placed = [await place_order(sql_orders, FakeCatalog()) for _ in range(7)]
    seen: list[str] = []
    cursor = None
    while True:
        page, cursor = await handlers.history("user", cursor, 3, store=sql_orders)
        seen += [order.id for order in page]
        await place_order(sql_orders, FakeCatalog())  # a newer order moves no page
        if cursor is None:
            break
    assert seen == placed[::-1]


async def test_a_watcher_is_called_with_what_is_committed_and_with_nothing_else(sql_orders: SqlOrders) -> None:
    heard: list[Change] = []
    sql_orders.watch(heard.append)
    order_id = await place_order(sql_orders, FakeCatalog())
    with pytest.raises(OSError, match="gone"):
        await _fail_in(sql_orders, order_id)
    assert [change.events for change in heard] == [("order.created",)]


async def _fail_in(store: SqlOrders, order_id: str) -> None:
    async with store.begin() as tx:
        await handlers.apply_trigger_in(tx, order_id, Trigger.PAYMENT_SUCCEEDED, clock=utc_now)
        raise OSError("the disk is gone")


async def test_old_keys_are_forgotten_and_new_ones_kept(sql_orders: SqlOrders) -> None:
    await place_order(sql_orders, FakeCatalog(), "k")
    await sql_orders.purge_keys(utc_now() + timedelta(hours=23))
    async with sql_orders.begin() as tx:
        assert await tx.idempotency_record("user", "k") is not None
    await sql_orders.purge_keys(utc_now() + timedelta(hours=25))
    async with sql_orders.begin() as tx:
        assert await tx.idempotency_record("user", "k") is None
