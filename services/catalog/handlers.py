"""What catalog does: answer questions about products and move stock.

Everything a handler needs is a parameter. A reservation never takes more than is available, and each of
reserve, confirm, release and expire may be repeated without doing its effect twice.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from services.catalog import domain
from services.catalog.domain import Line, Movement, Product, Reservation, ReservationState
from services.catalog.ports import CatalogStore, CatalogTx, ProductEvent
from services.common.runtime.clock import Clock

EXPIRE_BATCH = 100  # rows that one transaction locks; the sweep repeats until none is left


class Refusal(StrEnum):
    """Why stock could not be reserved or confirmed."""

    INSUFFICIENT = "insufficient stock"
    OVER = "the reservation is over"


@dataclass(frozen=True, slots=True)
class Reserved:
    """A reservation with its products, whose prices are the ones that the order is charged."""

    reservation: Reservation
    products: dict[str, Product]


@dataclass(frozen=True, slots=True)
class Page:
    """Some products and where the next ones begin."""

    items: Sequence[Product]
    next_cursor: str | None


async def check(lines: Iterable[Line], *, store: CatalogStore) -> domain.Availability:
    """Answer whether all lines can be ordered now, changing nothing."""
    requested = tuple(lines)
    return domain.check(requested, await store.find(line.product_id for line in requested))


async def reserve(
    order_id: str, lines: Iterable[Line], *, store: CatalogStore, clock: Clock, lifetime: timedelta
) -> Reserved | Refusal:
    """Hold all lines for an order, or none of them."""
    requested = domain.hold(order_id, lines, clock(), lifetime)
    try:
        async with store.begin() as tx:
            return await _reserve(tx, requested)
    except _SoldOutError:
        return Refusal.INSUFFICIENT


class _SoldOutError(Exception):
    """Rolls a reservation back that could hold only some of its lines."""


async def _reserve(tx: CatalogTx, requested: Reservation) -> Reserved | Refusal:
    existing = await tx.reservation(requested.order_id)
    if existing is not None:
        return await _reserve_again(tx, existing, requested)
    await _take_all(tx, requested.lines)
    await tx.save_reservation(requested)
    return Reserved(requested, await _products_of(tx, requested))


async def _reserve_again(tx: CatalogTx, existing: Reservation, requested: Reservation) -> Reserved | Refusal:
    is_valid = existing.state in (ReservationState.HELD, ReservationState.CONFIRMED)
    if not is_valid or existing.lines != requested.lines:
        return Refusal.OVER
    return Reserved(existing, await _products_of(tx, existing))


async def _take_all(tx: CatalogTx, lines: Iterable[Line]) -> None:
    for line in lines:
        if not await tx.take(line.product_id, line.quantity):
            raise _SoldOutError(line.product_id)


async def _products_of(tx: CatalogTx, reservation: Reservation) -> dict[str, Product]:
    return await tx.products(line.product_id for line in reservation.lines)


async def confirm(order_id: str, *, store: CatalogStore) -> Reservation | Refusal | None:
    """Sell what an order holds; what had expired is taken again if it can still be had. None: unknown."""
    try:
        async with store.begin() as tx:
            return await _confirm(tx, order_id)
    except _SoldOutError:
        return Refusal.INSUFFICIENT


async def _confirm(tx: CatalogTx, order_id: str) -> Reservation | Refusal | None:
    reservation = await tx.reservation(order_id)
    if reservation is None or reservation.state is ReservationState.CONFIRMED:
        return reservation
    if reservation.state not in (ReservationState.HELD, ReservationState.EXPIRED):
        return Refusal.OVER
    if reservation.state is ReservationState.EXPIRED:
        await _take_all(tx, reservation.lines)
    for line in reservation.lines:
        await tx.sell(line.product_id, line.quantity, order_id)
    return await _end(tx, reservation, ReservationState.CONFIRMED)


async def release(order_id: str, *, store: CatalogStore, clock: Clock) -> Reservation:
    """Return the stock that an order holds or bought; a release that overtakes its reservation forbids it."""
    async with store.begin() as tx:
        reservation = await tx.reservation(order_id)
        if reservation is None:
            return await _end(tx, domain.tombstone(order_id, clock()), ReservationState.RELEASED)
        if reservation.state is ReservationState.HELD:
            for line in reservation.lines:
                await tx.give_back(line.product_id, line.quantity)
            return await _end(tx, reservation, ReservationState.RELEASED)
        if reservation.state is ReservationState.CONFIRMED:
            for line in reservation.lines:
                await tx.restock(line.product_id, line.quantity, order_id)
            return await _end(tx, reservation, ReservationState.RETURNED)
        if reservation.state is ReservationState.EXPIRED:
            return await _end(tx, reservation, ReservationState.RELEASED)
        return reservation


async def expire(*, store: CatalogStore, clock: Clock) -> int:
    """Give back the reservations whose time is over; returns how many."""
    async with store.begin() as tx:
        due = await tx.due_reservations(clock(), EXPIRE_BATCH)
        # All together by product, in the order in which everybody takes locks: no deadlock with a reservation.
        for line in domain.add_up(line for reservation in due for line in reservation.lines):
            await tx.give_back(line.product_id, line.quantity)
        for reservation in due:
            await _end(tx, reservation, ReservationState.EXPIRED)
        return len(due)


async def _end(tx: CatalogTx, reservation: Reservation, state: ReservationState) -> Reservation:
    ended = reservation.moved_to(state)
    await tx.save_reservation(ended)
    return ended


async def page(query: str, category: str | None, cursor: str | None, limit: int, *, store: CatalogStore) -> Page:
    """List products by name, or by how well they match the query."""
    after = domain.Cursor.decode(cursor) if cursor else domain.Cursor()
    if not query.strip():
        return _page(await store.browse(category, after, limit + 1), after, limit)
    terms = domain.search_terms(query)
    products = await store.search(terms, category, after, limit + 1) if terms else ()
    return _page(products, after, limit)


def _page(products: Sequence[Product], after: domain.Cursor, limit: int) -> Page:
    items = products[:limit]
    if len(products) <= limit:
        return Page(items, None)
    return Page(items, domain.Cursor(after.position + limit, items[-1].id).encode())


class Changed(Exception):
    """The product is not any more what the caller saw."""


async def set_stock(
    product_id: str,
    on_hand: Callable[[Product], int],
    *,
    is_expected: Callable[[Product], bool],
    store: CatalogStore,
    clock: Clock,
) -> Product | None:
    """Set the units on hand to what `on_hand` makes of the product; None for an unknown product.

    Raises StockOutOfRange when more are reserved, and Changed when the product is not as expected.
    """
    async with store.begin() as tx:
        before = (await tx.products([product_id])).get(product_id)
        if before is None:
            return None
        if not is_expected(before):
            raise Changed
        after = domain.with_stock(before, on_hand(before), clock())
        if after.on_hand != before.on_hand:
            await tx.set_stock(before, after, Movement.CORRECTED)
            await tx.publish(_stock_changed(after))
        return after


def _stock_changed(product: Product) -> ProductEvent:
    return ProductEvent(
        "stock.changed",
        product.id,
        {"productId": product.id, "onHand": product.on_hand, "available": product.available},
    )


async def set_price(
    product_id: str,
    price: int,
    *,
    is_expected: Callable[[Product], bool] = lambda _: True,
    store: CatalogStore,
    clock: Clock,
) -> Product | None:
    """Set the price in minor units and publish it; None for an unknown product, Changed as in set_stock."""
    async with store.begin() as tx:
        before = (await tx.products([product_id])).get(product_id)
        if before is not None and not is_expected(before):
            raise Changed
        if before is None or before.price == price:
            return before
        after = domain.with_price(before, price, clock())
        await tx.save_product(after)
        await tx.publish(_price_changed(before, after))
        return after


def _price_changed(before: Product, after: Product) -> ProductEvent:
    return ProductEvent(
        "price.changed",
        after.id,
        {
            "productId": after.id,
            "oldAmount": before.price,
            "amount": after.price,
            "currency": after.currency,
        },
    )


async def seed(products: Sequence[Product], *, store: CatalogStore) -> int:
    """Add the products that are missing, with their stock; returns how many."""
    async with store.begin() as tx:
        existing = await tx.products(product.id for product in products)
        missing = [product for product in products if product.id not in existing]
        for product in missing:
            await _add(tx, product)
        return len(missing)


async def _add(tx: CatalogTx, product: Product) -> None:
    empty = domain.with_stock(product, 0, product.updated_at)
    await tx.save_product(empty)
    await tx.set_stock(empty, product, Movement.RECEIVED)
