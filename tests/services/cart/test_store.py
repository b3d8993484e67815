"""The cart's database, over SQLite and PostgreSQL alike."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from services.cart import domain, handlers
from services.cart.adapters import SqlCarts
from services.cart.app import SERVICE
from services.cart.domain import Cart, Owner, Product
from services.cart.ports import CartTx, Checkout
from services.cart.tables import carts, holdings
from services.common.data.database import AsyncConnection
from services.common.runtime.clock import utc_now
from services.common.runtime.ids import new_id
from tests.services.stores import database_url, migrated, postgres, until_blocked

__all__ = ["database_url", "postgres"]

ADA, GUEST = Owner("ada", is_guest=False), Owner("secret", is_guest=True)


class Prices:
    """A catalog in which everything costs the same."""

    async def product(self, product_id: str) -> Product:
        return Product(product_id, product_id.title(), 100, "EUR")


@pytest.fixture
async def sql_carts(database_url: str, tmp_path: Path) -> AsyncIterator[SqlCarts]:
    """Return an empty database of carts."""
    async with migrated(SERVICE, database_url, tmp_path) as runtime:
        yield SqlCarts(runtime.database)


async def put(store: SqlCarts, owner: Owner, product_id: str, quantity: int) -> Cart:
    return await handlers.set_quantity(
        owner, product_id, quantity, store=store, catalog=Prices(), clock=utc_now, new_id=new_id
    )


async def lines(store: SqlCarts, owner: Owner) -> dict[str, int]:
    cart = await handlers.show(owner, store=store, clock=utc_now)
    return {line.product_id: line.quantity for line in cart.lines}


async def rows(store: SqlCarts) -> tuple[int, int]:
    """How many carts there are, and how many products in them."""
    async with store._database.reading() as connection:
        count = select(
            select(func.count()).select_from(carts).scalar_subquery(),
            select(func.count()).select_from(holdings).scalar_subquery(),
        )
        row = (await connection.execute(count)).one()
        return row[0], row[1]


async def test_what_is_put_in_at_once_is_all_there(sql_carts: SqlCarts) -> None:
    await asyncio.gather(*(put(sql_carts, ADA, f"fruit-{number}", 1) for number in range(6)))
    assert await lines(sql_carts, ADA) == {f"fruit-{number}": 1 for number in range(6)}
    assert await rows(sql_carts) == (1, 6)


async def test_of_many_logins_at_once_one_brings_the_guests_cart(sql_carts: SqlCarts) -> None:
    await put(sql_carts, ADA, "apple", 1)
    await put(sql_carts, GUEST, "apple", 2)
    await put(sql_carts, GUEST, "pear", 1)
    merges = (handlers.merge(ADA, GUEST, store=sql_carts, clock=utc_now, new_id=new_id) for _ in range(4))
    await asyncio.gather(*merges)
    assert await lines(sql_carts, ADA) == {"apple": 3, "pear": 1}
    assert await rows(sql_carts) == (1, 2)


async def test_a_new_price_reaches_every_cart_that_holds_the_product_and_no_other(sql_carts: SqlCarts) -> None:
    await put(sql_carts, ADA, "apple", 2)
    await put(sql_carts, GUEST, "apple", 1)
    await put(sql_carts, Owner("other", is_guest=False), "pear", 1)
    async with sql_carts.begin() as tx:
        assert await handlers.refresh_price(tx, "apple", 120, "EUR", clock=utc_now) == 2
    totals = [(await handlers.show(owner, store=sql_carts, clock=utc_now)).total for owner in (ADA, GUEST)]
    assert totals == [240, 120]


async def test_carts_whose_time_is_over_go_with_all_that_is_known_of_them(sql_carts: SqlCarts) -> None:
    await put(sql_carts, ADA, "apple", 1)
    await put(sql_carts, GUEST, "apple", 1)
    in_eight_days = utc_now() + timedelta(days=8)
    assert await handlers.expire(store=sql_carts, clock=lambda: in_eight_days) == 1
    assert await lines(sql_carts, ADA) == {"apple": 1}
    assert await rows(sql_carts) == (1, 1)
    in_a_hundred_days = utc_now() + timedelta(days=100)
    assert await handlers.expire(store=sql_carts, clock=lambda: in_a_hundred_days) == 1
    assert await rows(sql_carts) == (0, 0)


async def test_a_hand_over_is_found_again_by_its_key_and_by_the_state_of_its_cart(sql_carts: SqlCarts) -> None:
    cart = await put(sql_carts, ADA, "apple", 2)
    checkout = Checkout("ada", "k", True, cart.id, cart.version, domain.requested_items(cart), "tok_visa", utc_now())
    async with sql_carts.begin() as tx:
        await tx.save_checkout(checkout)
    async with sql_carts.begin() as tx:
        assert await tx.checkout("ada", "k") == checkout
        assert await tx.checkout("bob", "k") is None
        assert await tx.unfinished(cart) == checkout
        assert await tx.unfinished(replace(cart, version=cart.version + 1)) is None
        await tx.save_checkout(replace(checkout, is_done=True))
        assert await tx.unfinished(cart) is None
        await tx.drop_checkout("ada", "k")
        assert await tx.checkout("ada", "k") is None


class Interrupted(SqlCarts):
    """Lets a new price in as soon as a transaction has locked its first cart."""

    price: "asyncio.Task[object] | None" = None

    def on(self, connection: AsyncConnection) -> CartTx:
        tx = super().on(connection)
        for name in ("cart", "carts_of"):
            setattr(tx, name, self._followed(getattr(tx, name)))
        return tx

    def _followed(self, lock: Callable[..., Awaitable[object]]) -> Callable[..., Awaitable[object]]:
        async def locked(*owners: Owner) -> object:
            outcome = await lock(*owners)
            if self.price is None:
                self.price = asyncio.create_task(self._new_price())
                await until_blocked(self._database, self.price)
            return outcome

        return locked

    async def _new_price(self) -> None:
        async with SqlCarts(self._database).begin() as tx:
            await handlers.refresh_price(tx, "pot", 7, "EUR", clock=utc_now)


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_a_new_price_and_a_merge_of_the_same_carts_wait_for_each_other_in_one_order(sql_carts: SqlCarts) -> None:
    for owner in (ADA, GUEST):
        await put(sql_carts, owner, "pot", 1)
    interrupted = Interrupted(sql_carts._database)
    await handlers.merge(ADA, GUEST, store=interrupted, clock=utc_now, new_id=new_id)
    assert interrupted.price is not None
    await interrupted.price
    assert await lines(sql_carts, ADA) == {"pot": 2}
