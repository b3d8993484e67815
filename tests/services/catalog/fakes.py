"""A catalog in memory that keeps or forgets whole transactions, as a database does."""

import copy
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.catalog.domain import Cursor, Movement, Product, Reservation, ReservationState
from services.catalog.ports import Fact
from tests.services.fakes import START


def product(product_id: str, on_hand: int = 10, price: int = 100, name: str = "") -> Product:
    """Make a product."""
    return Product(product_id, name or product_id.title(), "of its kind", "things", price, "EUR", on_hand, 0, START)


@dataclass
class _Tables:
    products: dict[str, Product] = field(default_factory=dict)
    reservations: dict[str, Reservation] = field(default_factory=dict)
    movements: list[tuple[str, int, Movement, str | None]] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)


class FakeCatalog:
    """CatalogStore in memory."""

    def __init__(self, *products: Product) -> None:
        self.tables = _Tables({one.id: one for one in products})

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["FakeCatalogTx"]:
        tables = copy.deepcopy(self.tables)
        yield FakeCatalogTx(tables)
        self.tables = tables

    async def find(self, ids: Iterable[str]) -> dict[str, Product]:
        return {one: self.tables.products[one] for one in ids if one in self.tables.products}

    async def browse(self, category: str | None, after: Cursor, limit: int) -> Sequence[Product]:
        ordered = sorted(self.tables.products.values(), key=lambda one: (one.name, one.id))
        ids = [one.id for one in ordered]
        behind = ordered[ids.index(after.product_id) + 1 :] if after.product_id else ordered
        return [one for one in behind if category in (None, one.category)][:limit]

    async def search(
        self, terms: Sequence[Sequence[str]], category: str | None, after: Cursor, limit: int
    ) -> Sequence[Product]:
        found = [one for one in await self.browse(category, Cursor(), 1000) if terms[0][0] in one.name.lower()]
        return found[after.position : after.position + limit]

    async def categories(self) -> Mapping[str, int]:
        return {"things": len(self.tables.products)}


class FakeCatalogTx:
    """CatalogTx in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def products(self, ids: Iterable[str]) -> dict[str, Product]:
        return {one: self._tables.products[one] for one in ids if one in self._tables.products}

    async def take(self, product_id: str, quantity: int) -> bool:
        known = self._tables.products.get(product_id)
        if known is None or known.available < quantity:
            return False
        self._tables.products[product_id] = replace(known, reserved=known.reserved + quantity)
        return True

    async def give_back(self, product_id: str, quantity: int) -> None:
        self._shift(product_id, reserved=-quantity)

    async def sell(self, product_id: str, quantity: int, order_id: str) -> None:
        self._shift(product_id, on_hand=-quantity, reserved=-quantity)
        self._tables.movements.append((product_id, -quantity, Movement.SOLD, order_id))

    async def restock(self, product_id: str, quantity: int, order_id: str) -> None:
        self._shift(product_id, on_hand=quantity)
        self._tables.movements.append((product_id, quantity, Movement.RETURNED, order_id))

    async def save_product(self, one: Product) -> None:
        known = self._tables.products.get(one.id)
        kept = (known.on_hand, known.reserved) if known else (0, 0)
        self._tables.products[one.id] = replace(one, on_hand=kept[0], reserved=kept[1])

    async def set_stock(self, before: Product, after: Product, why: Movement) -> None:
        self._shift(after.id, on_hand=after.on_hand - before.on_hand)
        self._tables.movements.append((after.id, after.on_hand - before.on_hand, why, None))

    async def reservation(self, order_id: str) -> Reservation | None:
        return self._tables.reservations.get(order_id)

    async def save_reservation(self, reservation: Reservation) -> None:
        self._tables.reservations[reservation.order_id] = reservation

    async def due_reservations(self, now: datetime, limit: int) -> Sequence[Reservation]:
        held = (one for one in self._tables.reservations.values() if one.state is ReservationState.HELD)
        return [one for one in held if one.is_due(now)][:limit]

    async def tell(self, fact: Fact) -> None:
        self._tables.facts.append(fact)

    def _shift(self, product_id: str, *, on_hand: int = 0, reserved: int = 0) -> None:
        known = self._tables.products[product_id]
        self._tables.products[product_id] = replace(
            known, on_hand=known.on_hand + on_hand, reserved=known.reserved + reserved
        )
