"""A catalog in memory that keeps or forgets whole transactions, as a database does."""

import copy
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.catalog.domain import Cursor, Movement, Product, Reservation, ReservationState
from services.catalog.ports import ProductEvent
from tests.services.fakes import START


def product(product_id: str, on_hand: int = 10, price: int = 100, name: str = "") -> Product:
    """Make a product."""
    return Product(product_id, name or product_id.title(), "of its kind", "things", price, "EUR", on_hand, 0, START)


@dataclass
class _Tables:
    products: dict[str, Product] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    movements: list[tuple[str, int, Movement, str | None]] = field(default_factory=list)
    events: list[ProductEvent] = field(default_factory=list)


class FakeCatalog:
    """CatalogStore in memory."""

    def __init__(self, *products: Product) -> None:
        self.tables = _Tables({product.id: product for product in products})

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["FakeCatalogTx"]:
        tables = copy.deepcopy(self.tables)
        yield FakeCatalogTx(tables)
        self.tables = tables

    async def find(self, ids: Iterable[str]) -> dict[str, Product]:
        return {
            product_id: self.tables.products[product_id] for product_id in ids if product_id in self.tables.products
        }

    async def browse(self, category: str | None, after: Cursor, limit: int) -> Sequence[Product]:
        ordered = sorted(self.tables.products.values(), key=lambda product: (product.name, product.id))
        ids = [product.id for product in ordered]
        behind = ordered[ids.index(after.product_id) + 1 :] if after.product_id else ordered
        return [product for product in behind if category in (None, product.category)][:limit]

    async def search(
        self, terms: Sequence[Sequence[str]], category: str | None, after: Cursor, limit: int
    ) -> Sequence[Product]:
        matching = [
            product for product in await self.browse(category, Cursor(), 1000) if terms[0][0] in product.name.lower()
        ]
        return matching[after.position : after.position + limit]

    async def categories(self) -> Mapping[str, int]:
        return {"things": len(self.tables.products)}


class FakeCatalogTx:
    """CatalogTx in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def products(self, ids: Iterable[str]) -> dict[str, Product]:
        return {
            product_id: self._tables.products[product_id] for product_id in ids if product_id in self._tables.products
        }

    async def take(self, product_id: str, quantity: int) -> bool:
        product = self._tables.products.get(product_id)
        if product is None or product.available < quantity:
            return False
        self._tables.products[product_id] = replace(product, reserved=product.reserved + quantity)
        return True

    async def give_back(self, product_id: str, quantity: int) -> None:
        self._shift(product_id, reserved=-quantity)

    async def sell(self, product_id: str, quantity: int, order_id: str) -> None:
        self._shift(product_id, on_hand=-quantity, reserved=-quantity)
        self._tables.movements.append((product_id, -quantity, Movement.SOLD, order_id))

    async def restock(self, product_id: str, quantity: int, order_id: str) -> None:
        self._shift(product_id, on_hand=quantity)
        self._tables.movements.append((product_id, quantity, Movement.RETURNED, order_id))

    async def save_product(self, product: Product) -> None:
        before = self._tables.products.get(product.id)
        kept = (before.on_hand, before.reserved) if before else (0, 0)
        self._tables.products[product.id] = replace(product, on_hand=kept[0], reserved=kept[1])

    async def set_stock(self, before: Product, after: Product, why: Movement) -> None:
        self._shift(after.id, on_hand=after.on_hand - before.on_hand)
        self._tables.movements.append((after.id, after.on_hand - before.on_hand, why, None))

    async def reservation(self, order_id: str) -> Reservation | None:
        return self._tables.reservations.get(order_id)

    async def save_reservation(self, reservation: Reservation) -> None:
        self._tables.reservations[reservation.order_id] = reservation

    async def due_reservations(self, now: datetime, limit: int) -> Sequence[Reservation]:
        held = (
            reservation
            for reservation in self._tables.reservations.values()
            if reservation.state is ReservationState.HELD
        )
        return [reservation for reservation in held if reservation.expires_at <= now][:limit]

    async def publish(self, event: ProductEvent) -> None:
        self._tables.events.append(event)

    def _shift(self, product_id: str, *, on_hand: int = 0, reserved: int = 0) -> None:
        product = self._tables.products[product_id]
        self._tables.products[product_id] = replace(
            product, on_hand=product.on_hand + on_hand, reserved=product.reserved + reserved
        )
