"""What the handlers of catalog need from the outside, in terms of the domain."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.catalog.domain import Cursor, Movement, Product, Reservation


@dataclass(frozen=True, slots=True)
class ProductEvent:
    """Something that happened to a product, for the other services to read."""

    type: str
    product_id: str
    data: dict[str, Any]


class CatalogTx(Protocol):
    """One transaction: what it did is kept as a whole or not at all."""

    async def products(self, ids: Iterable[str]) -> dict[str, Product]:
        """Return the known ones of these products."""
        ...

    async def take(self, product_id: str, quantity: int) -> bool:
        """Reserve units if that many are available; False when not."""
        ...

    async def give_back(self, product_id: str, quantity: int) -> None:
        """End the reservation of units without a sale."""
        ...

    async def sell(self, product_id: str, quantity: int, order_id: str) -> None:
        """Turn reserved units into sold ones."""
        ...

    async def restock(self, product_id: str, quantity: int, order_id: str) -> None:
        """Take sold units back into the stock."""
        ...

    async def save_product(self, product: Product) -> None:
        """Insert the product or write its price and texts, never its stock."""
        ...

    async def set_stock(self, before: Product, after: Product, why: Movement) -> None:
        """Write the units on hand and record the movement."""
        ...

    async def reservation(self, order_id: str) -> Reservation | None:
        """Return the reservation of an order, locked until the end of the transaction."""
        ...

    async def save_reservation(self, reservation: Reservation) -> None:
        """Insert or update a reservation."""
        ...

    async def due_reservations(self, now: datetime, limit: int) -> Sequence[Reservation]:
        """Return held reservations whose time is over, locked; those that another replica holds are skipped."""
        ...

    async def publish(self, event: ProductEvent) -> None:
        """Publish an event if and only if the transaction commits."""
        ...


class CatalogStore(Protocol):
    """The database of catalog."""

    def begin(self) -> AbstractAsyncContextManager[CatalogTx]:
        """Begin a transaction that commits at the end of the block unless it raised."""
        ...

    async def find(self, ids: Iterable[str]) -> dict[str, Product]:
        """Return the known ones of these products, read without a lock."""
        ...

    async def browse(self, category: str | None, after: Cursor, limit: int) -> Sequence[Product]:
        """Return products by name, beginning behind the cursor."""
        ...

    async def search(
        self, terms: Sequence[Sequence[str]], category: str | None, after: Cursor, limit: int
    ) -> Sequence[Product]:
        """Return products with a word that begins with one form of each term, the best first, after the cursor."""
        ...

    async def categories(self) -> Mapping[str, int]:
        """Return the categories with the number of their products."""
        ...
