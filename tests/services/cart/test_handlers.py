"""Carts and their checkout, over fakes."""

import copy
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import pytest

from services.cart import domain, handlers
from services.cart.domain import Cart, Owner, Product
from services.cart.ports import Checkout, Reply, UpstreamUnavailable
from tests.services.fakes import FakeClock, counting_ids

ADA, GUEST = Owner("ada", is_guest=False), Owner("secret", is_guest=True)


@dataclass
class FakeCarts:
    """CartStore and its transaction in memory."""

    carts: dict[Owner, Cart] = field(default_factory=dict)
    checkouts: dict[tuple[str, str], Checkout] = field(default_factory=dict)

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["FakeCarts"]:
        inside = copy.deepcopy(self)
        yield inside
        self.__dict__.update(inside.__dict__)

    async def find(self, owner: Owner) -> Cart | None:
        return self.carts.get(owner)

    async def cart(self, owner: Owner) -> Cart | None:
        return self.carts.get(owner)

    async def carts_of(self, *owners: Owner) -> dict[Owner, Cart]:
        return {owner: self.carts[owner] for owner in owners if owner in self.carts}

    async def save(self, cart: Cart) -> None:
        self.carts[cart.owner] = cart

    async def drop(self, cart: Cart) -> None:
        del self.carts[cart.owner]

    async def drop_expired(self, now: datetime, limit: int) -> int:
        old = [owner for owner, cart in self.carts.items() if cart.expires_at <= now]
        for owner in old:
            del self.carts[owner]
        return len(old)

    async def holding(self, product_id: str) -> Sequence[Cart]:
        return [cart for cart in self.carts.values() if any(line.product_id == product_id for line in cart.lines)]

    async def checkout(self, user_id: str, key: str) -> Checkout | None:
        return self.checkouts.get((user_id, key))

    async def unfinished(self, cart: Cart) -> Checkout | None:
        matching = [
            checkout
            for checkout in self.checkouts.values()
            if checkout.is_key_ours
            and not checkout.is_done
            and (checkout.cart_id, checkout.cart_version) == (cart.id, cart.version)
        ]
        return matching[0] if matching else None

    async def save_checkout(self, checkout: Checkout) -> None:
        self.checkouts[checkout.user_id, checkout.key] = checkout

    async def drop_checkout(self, user_id: str, key: str) -> None:
        self.checkouts.pop((user_id, key), None)


class FakeCatalog:
    """Three fruits."""

    def __init__(self) -> None:
        self.prices = {"apple": 100, "pear": 50, "plum": 30}

    async def product(self, product_id: str) -> Product | None:
        price = self.prices.get(product_id)
        return Product(product_id, product_id.title(), price, "EUR") if price else None


class FakeOrders:
    """Orders that answer what they are told to; one key is one order."""

    def __init__(self) -> None:
        self.placed: dict[str, Checkout] = {}
        self.status = 201
        self.loses_answers = False
        # The status that a second click gets while the first one is still being answered.
        self.overtaken_by = 0
        self.second_click: Callable[[], Awaitable[Reply]] | None = None
        self.answers: list[int] = []

    async def place_order(self, checkout: Checkout, authorization: str) -> Reply:
        assert authorization == "token"
        if self.second_click and self.overtaken_by:
            status, self.overtaken_by = self.overtaken_by, 0
            before, self.status = self.status, status
            await self.second_click()
            self.status = before
        if self.status == 201:
            first = self.placed.setdefault(checkout.key, checkout)
            assert first.items == checkout.items
        if self.loses_answers:
            raise UpstreamUnavailable("order")
        self.answers.append(self.status)
        return Reply(self.status, {"id": f"order-{checkout.key}"})


class World:
    """Everything that a handler needs."""

    def __init__(self) -> None:
        self.store, self.catalog, self.orders = FakeCarts(), FakeCatalog(), FakeOrders()
        self.clock, self.new_id = FakeClock(), counting_ids()
        self.orders.second_click = self.check_out

    async def put(self, owner: Owner, product_id: str, quantity: int) -> Cart:
        return await handlers.set_quantity(
            owner,
            product_id,
            quantity,
            store=self.store,
            catalog=self.catalog,
            clock=self.clock,
            new_id=self.new_id,
        )

    async def show(self, owner: Owner) -> dict[str, int]:
        cart = await handlers.show(owner, store=self.store, clock=self.clock)
        return {line.product_id: line.quantity for line in cart.lines}

    async def check_out(self, key: str | None = None, method: str | None = None) -> Reply:
        return await handlers.check_out(
            ADA, key, method, "token", store=self.store, orders=self.orders, clock=self.clock, new_id=self.new_id
        )


async def test_quantities_are_set_and_zero_takes_out() -> None:
    world = World()
    await world.put(ADA, "apple", 2)
    await world.put(ADA, "pear", 1)
    cart = await world.put(ADA, "apple", 3)
    assert (cart.total, cart.version) == (350, 3)
    await world.put(ADA, "apple", 0)
    await handlers.remove(ADA, "pear", store=world.store, clock=world.clock, new_id=world.new_id)
    assert await world.show(ADA) == {}


async def test_what_catalog_does_not_know_cannot_be_put_in() -> None:
    with pytest.raises(handlers.UnknownProduct):
        await World().put(ADA, "unicorn", 1)


async def test_the_cart_of_a_guest_is_added_to_the_users_once() -> None:
    world = World()
    await world.put(ADA, "apple", 999)
    await world.put(GUEST, "apple", 5)
    await world.put(GUEST, "plum", 2)
    for _ in range(2):
        await handlers.merge(ADA, GUEST, store=world.store, clock=world.clock, new_id=world.new_id)
    assert await world.show(ADA) == {"apple": domain.MAX_QUANTITY, "plum": 2}
    assert await world.show(GUEST) == {}


async def test_a_new_price_shows_in_every_cart_and_keeps_none_alive() -> None:
    world = World()
    await world.put(ADA, "apple", 2)
    await world.put(GUEST, "apple", 1)
    await world.put(GUEST, "pear", 1)
    before = world.store.carts[GUEST].expires_at
    world.clock.forward(60)
    assert await handlers.refresh_price(world.store, "apple", 120, "EUR", clock=world.clock) == 2
    assert (world.store.carts[ADA].total, world.store.carts[GUEST].total) == (240, 170)
    assert world.store.carts[GUEST].expires_at == before


async def test_a_cart_that_nobody_touches_is_forgotten() -> None:
    world = World()
    await world.put(GUEST, "apple", 2)
    await world.put(ADA, "apple", 2)
    world.clock.forward(8 * 24 * 3600)
    assert await world.show(GUEST) == {}
    assert await handlers.expire(store=world.store, clock=world.clock) == 1
    assert await world.show(ADA) == {"apple": 2}


async def test_a_full_cart_takes_no_further_product() -> None:
    world = World()
    world.catalog.prices = {f"p{number}": 1 for number in range(domain.MAX_LINES + 1)}
    for number in range(domain.MAX_LINES):
        await world.put(ADA, f"p{number}", 1)
    with pytest.raises(domain.CartFull):
        await world.put(ADA, f"p{domain.MAX_LINES}", 1)
    assert (await world.put(ADA, "p0", 7)).lines[0].quantity == 7


async def test_an_empty_cart_cannot_be_ordered() -> None:
    with pytest.raises(domain.CartEmpty):
        await World().check_out()


async def test_a_checkout_takes_out_what_was_ordered_and_leaves_what_came_later() -> None:
    world = World()
    await world.put(ADA, "apple", 2)
    world.orders.loses_answers = True
    with pytest.raises(UpstreamUnavailable):
        await world.check_out(key="k")
    world.orders.loses_answers = False
    await world.put(ADA, "apple", 3)
    await world.put(ADA, "pear", 1)
    assert (await world.check_out(key="k")).status == 201
    assert await world.show(ADA) == {"apple": 1, "pear": 1}
    assert (await world.check_out(key="k")).body == {"id": "order-k"}
    assert await world.show(ADA) == {"apple": 1, "pear": 1}
    assert world.orders.placed["k"].items == (("apple", 2),)


async def test_a_second_click_after_a_lost_answer_orders_once() -> None:
    world = World()
    await world.put(ADA, "apple", 2)
    world.orders.loses_answers = True
    with pytest.raises(UpstreamUnavailable):
        await world.check_out()
    world.orders.loses_answers = False
    assert (await world.check_out()).status == 201
    assert len(world.orders.placed) == 1
    assert await world.show(ADA) == {}
    await world.put(ADA, "apple", 2)
    assert (await world.check_out()).status == 201
    assert len(world.orders.placed) == 2


@pytest.mark.parametrize("status", [409, 500, 503])
async def test_a_click_whose_twin_is_still_being_answered_or_broke_off_orders_nothing_more(status: int) -> None:
    world = World()
    await world.put(ADA, "apple", 2)
    world.orders.overtaken_by = status
    assert (await world.check_out()).status == 201
    assert await world.show(ADA) == {}
    assert world.orders.answers == [status, 201]
    assert len(world.orders.placed) == 1


@pytest.mark.parametrize("status", [400, 500])
async def test_a_checkout_that_came_to_nothing_leaves_the_cart_and_may_be_changed(status: int) -> None:
    world = World()
    await world.put(ADA, "apple", 2)
    world.orders.status = status
    assert (await world.check_out()).status == status
    assert await world.show(ADA) == {"apple": 2}
    world.orders.status = 201
    await world.put(ADA, "apple", 1)
    assert (await world.check_out()).status == 201


async def test_one_key_for_another_way_to_pay_is_refused() -> None:
    world = World()
    await world.put(ADA, "apple", 2)
    await world.check_out(key="k")
    with pytest.raises(handlers.CheckoutDiffers):
        await world.check_out(key="k", method="tok_slow")
