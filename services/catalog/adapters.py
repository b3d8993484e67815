"""The database of catalog, and full-text search in the dialect of each engine."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, func, literal_column, select, text, tuple_, update

from services.catalog.domain import Cursor, Line, Movement, Product, Reservation, ReservationState
from services.catalog.ports import CatalogTx, ProductEvent
from services.catalog.tables import movements, products, reservations
from services.common.data import locks
from services.common.data.database import AsyncConnection, Database
from services.common.data.store import SqlStore, upsert
from services.common.events.event import Event
from services.common.events.outbox import Outbox
from services.common.runtime.clock import Clock

TOPIC = "shop.product.v1"


# Built once: building a statement costs more than running it.
_PRODUCTS = select(products).where(products.c.id.in_(bindparam("ids", expanding=True))).order_by(products.c.id)
_LOCKED_PRODUCTS = _PRODUCTS.with_for_update()
_TAKE = (
    update(products)
    .where(
        products.c.id == bindparam("product"),
        products.c.on_hand - products.c.reserved >= bindparam("quantity"),
    )
    .values(reserved=products.c.reserved + bindparam("quantity"))
)
_SHIFT = (
    update(products)
    .where(products.c.id == bindparam("product"))
    .values(
        on_hand=products.c.on_hand + bindparam("more_on_hand"),
        reserved=products.c.reserved + bindparam("more_reserved"),
    )
)
_RESERVATION = select(reservations).where(reservations.c.order_id == bindparam("order")).with_for_update()
_MOVE = movements.insert()


class SqlCatalog(SqlStore[CatalogTx]):
    """CatalogStore over SQL."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock) -> None:
        super().__init__(database)
        self._outbox, self._clock = outbox, clock

    def on(self, connection: AsyncConnection) -> CatalogTx:
        """Work in a transaction that somebody else opened."""
        return SqlCatalogTx(connection, self._outbox, self._clock)

    async def find(self, ids: Iterable[str]) -> dict[str, Product]:
        """Return the known ones of these products."""
        async with self._database.reading() as connection:
            return await _find(connection, ids)

    async def browse(self, category: str | None, after: Cursor, limit: int) -> Sequence[Product]:
        """Return products by name, beginning behind the cursor."""
        query = select(products).order_by(products.c.name, products.c.id).limit(limit)
        if after.product_id:
            name = select(products.c.name).where(products.c.id == after.product_id).scalar_subquery()
            query = query.where(tuple_(products.c.name, products.c.id) > tuple_(name, after.product_id))
        return await self._list(_in_category(query, category))

    async def search(
        self, terms: Sequence[Sequence[str]], category: str | None, after: Cursor, limit: int
    ) -> Sequence[Product]:
        """Return products with a word for each term that begins with one of its forms, the best first."""
        matching = _match_sqlite(terms) if self._database.is_sqlite else _match_postgres(terms)
        return await self._list(_after_cursor(_in_category(matching, category), after).limit(limit))

    async def categories(self) -> Mapping[str, int]:
        """Return the categories with the number of their products."""
        query = select(products.c.category, func.count()).group_by(products.c.category)
        return {row.category: row[1] for row in await self._rows(query.order_by(products.c.category))}

    async def totals(self) -> tuple[int, int]:
        """Return all units on hand, and those of them that are reserved."""
        (row,) = await self._rows(select(func.sum(products.c.on_hand), func.sum(products.c.reserved)))
        return int(row[0] or 0), int(row[1] or 0)

    async def _list(self, query: Select[Any]) -> Sequence[Product]:
        return [_product(row) for row in await self._rows(query)]


class SqlCatalogTx:
    """CatalogTx over one connection."""

    def __init__(self, connection: AsyncConnection, outbox: Outbox, clock: Clock) -> None:
        self._connection = connection
        self._outbox, self._clock = outbox, clock

    async def products(self, ids: Iterable[str]) -> dict[str, Product]:
        """Return the known ones of these products, locked."""
        return await _find(self._connection, ids, is_locked=True)

    async def take(self, product_id: str, quantity: int) -> bool:
        """Reserve units in one statement, so that two buyers can never take the same one."""
        taken = await self._connection.execute(_TAKE, {"product": product_id, "quantity": quantity})
        return bool(taken.rowcount)

    async def give_back(self, product_id: str, quantity: int) -> None:
        """End the reservation of units."""
        await self._shift(product_id, reserved=-quantity)

    async def sell(self, product_id: str, quantity: int, order_id: str) -> None:
        """Turn reserved units into sold ones."""
        await self._shift(product_id, on_hand=-quantity, reserved=-quantity)
        await self._record_movement(product_id, -quantity, Movement.SOLD, order_id)

    async def restock(self, product_id: str, quantity: int, order_id: str) -> None:
        """Take sold units back."""
        await self._shift(product_id, on_hand=quantity)
        await self._record_movement(product_id, quantity, Movement.RETURNED, order_id)

    async def save_product(self, product: Product) -> None:
        """Insert the product, or write its price and texts."""
        texts = {
            "name": product.name,
            "description": product.description,
            "category": product.category,
            "price": product.price,
            "currency": product.currency,
            "updated_at": product.updated_at,
        }
        await upsert(self._connection, products, {"id": product.id}, texts, only_new={"on_hand": 0, "reserved": 0})
        if self._connection.dialect.name == "sqlite":
            await self._index(product)

    async def _index(self, product: Product) -> None:
        texts = {"id": product.id, "n": product.name, "c": product.category, "d": product.description}
        await self._connection.execute(text("DELETE FROM product_words WHERE product_id = :id"), {"id": product.id})
        await self._connection.execute(text("INSERT INTO product_words VALUES (:id, :n, :c, :d)"), texts)

    async def set_stock(self, before: Product, after: Product, why: Movement) -> None:
        """Write the units on hand and record the movement."""
        await self._shift(after.id, on_hand=after.on_hand - before.on_hand)
        await self._record_movement(after.id, after.on_hand - before.on_hand, why, None)

    async def reservation(self, order_id: str) -> Reservation | None:
        """Return the reservation of an order, locked."""
        await locks.hold(self._connection, f"reservation of {order_id}")
        row = (await self._connection.execute(_RESERVATION, {"order": order_id})).first()
        return _reservation(row) if row else None

    async def save_reservation(self, reservation: Reservation) -> None:
        """Insert or update a reservation."""
        lines = [[line.product_id, line.quantity] for line in reservation.lines]
        state = {"state": reservation.state.value, "expires_at": reservation.expires_at}
        key, new = {"order_id": reservation.order_id}, {"lines": json.dumps(lines)}
        await upsert(self._connection, reservations, key, state, only_new=new)

    async def due_reservations(self, now: datetime, limit: int) -> Sequence[Reservation]:
        """Return held reservations whose time is over."""
        query = (
            select(reservations)
            .where(reservations.c.state == ReservationState.HELD.value, reservations.c.expires_at <= now)
            .order_by(reservations.c.expires_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        )
        return [_reservation(row) for row in await self._connection.execute(query)]

    async def publish(self, event: ProductEvent) -> None:
        """Publish an event if the transaction commits."""
        await self._outbox.add(self._connection, Event(event.type, TOPIC, event.product_id, event.data))

    async def _shift(self, product_id: str, *, on_hand: int = 0, reserved: int = 0) -> None:
        shift = {"product": product_id, "more_on_hand": on_hand, "more_reserved": reserved}
        await self._connection.execute(_SHIFT, shift)

    async def _record_movement(self, product_id: str, delta: int, why: Movement, order_id: str | None) -> None:
        move = {"product_id": product_id, "delta": delta, "why": why.value, "order_id": order_id}
        await self._connection.execute(_MOVE, {**move, "at": self._clock()})


async def _find(connection: AsyncConnection, ids: Iterable[str], *, is_locked: bool = False) -> dict[str, Product]:
    rows = await connection.execute(_LOCKED_PRODUCTS if is_locked else _PRODUCTS, {"ids": sorted(set(ids))})
    return {row.id: _product(row) for row in rows}


def _in_category(query: Select[Any], category: str | None) -> Select[Any]:
    return query.where(products.c.category == category) if category else query


def _match_sqlite(terms: Sequence[Sequence[str]]) -> Select[Any]:
    query = _joined(terms, '"{}"*', " OR ", " AND ")
    return (
        select(products.c.id, literal_column("bm25(product_words, 0, 10, 5, 1)").label("score"))
        .join(text("product_words"), text("product_words.product_id = products.id"))
        .where(text("product_words MATCH :words").bindparams(words=query))
    )


def _match_postgres(terms: Sequence[Sequence[str]]) -> Select[Any]:
    index: ColumnElement[Any] = literal_column("products.words")
    query = func.to_tsquery("simple", _joined(terms, "'{}':*", " | ", " & "))
    return select(products.c.id, (-func.ts_rank(index, query)).label("score")).where(index.op("@@")(query))


def _joined(terms: Sequence[Sequence[str]], word: str, either: str, both: str) -> str:
    return both.join(f"({either.join(word.format(form) for form in forms)})" for forms in terms)


def _after_cursor(matching: Select[Any], after: Cursor) -> Select[Any]:
    """Return the matching products, the best first, after the one that was shown last, wherever that ranks by now."""
    scored = matching.cte("scored").prefix_with("MATERIALIZED")  # SQLite has a score only in the query that matches
    best_first = func.row_number().over(order_by=(scored.c.score, scored.c.id))
    ranked = select(scored.c.id, best_first.label("place")).cte("ranked")
    last = select(ranked.c.place).where(ranked.c.id == after.product_id).scalar_subquery()
    return (
        select(products)
        .join(ranked, ranked.c.id == products.c.id)
        .where(ranked.c.place > func.coalesce(last, after.position))
        .order_by(ranked.c.place)
    )


def _product(row: Row[Any]) -> Product:
    return Product(
        id=row.id,
        name=row.name,
        description=row.description,
        category=row.category,
        price=row.price,
        currency=row.currency,
        on_hand=row.on_hand,
        reserved=row.reserved,
        updated_at=row.updated_at,
    )


def _reservation(row: Row[Any]) -> Reservation:
    lines = tuple(Line(product_id, quantity) for product_id, quantity in json.loads(row.lines))
    return Reservation(row.order_id, lines, ReservationState(row.state), row.expires_at)
