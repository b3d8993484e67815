"""The order database, catalog and payment in memory."""

import copy
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from services.order.domain import Change, Entry, Line, Order, RequestedItem
from services.order.paging import Cursor
from services.order.ports import ChargeState, IdempotencyRecord, Reserved, UpstreamUnavailable


@dataclass
class _Tables:
    orders: dict[str, Order] = field(default_factory=dict)
    timeline: dict[str, list[Entry]] = field(default_factory=dict)
    idempotency_keys: dict[tuple[str, str], IdempotencyRecord] = field(default_factory=dict)
    published: list[tuple[str, str]] = field(default_factory=list)


class FakeOrders:
    """OrderStore in memory; it keeps or forgets whole transactions."""

    def __init__(self) -> None:
        self.tables = _Tables()
        self.breaks_at_commit = False
        self.loses_commits: type[BaseException] | None = None

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["FakeOrderTx"]:
        tables = copy.deepcopy(self.tables)
        tx = FakeOrderTx(tables)
        yield tx
        if self.breaks_at_commit and tx.has_order:
            raise OSError("the disk is gone")
        self.tables = tables
        if self.loses_commits and tx.has_order:
            raise self.loses_commits("the connection is gone")

    async def find(self, order_id: str) -> Order | None:
        return self.tables.orders.get(order_id)

    async def history(self, user_id: str, before: Cursor | None, limit: int) -> Sequence[Order]:
        orders = [order for order in self.tables.orders.values() if order.user_id == user_id]
        newest_first = sorted(orders, key=lambda order: (order.created_at, order.id), reverse=True)
        if before is not None:
            newest_first = [
                order for order in newest_first if (order.created_at, order.id) < (before.created_at, before.id)
            ]
        return newest_first[:limit]

    async def timeline(self, order_id: str) -> Sequence[Entry]:
        return self.tables.timeline.get(order_id, [])

    def published(self) -> list[str]:
        """The types of the events that went out."""
        return [event_type for _, event_type in self.tables.published]


class FakeOrderTx:
    """OrderTx in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables
        self.has_order = False

    async def order(self, order_id: str) -> Order | None:
        return self._tables.orders.get(order_id)

    async def insert(self, change: Change) -> None:
        self.has_order = True
        assert change.order.id not in self._tables.orders
        await self.update(change)

    async def update(self, change: Change) -> None:
        self._tables.orders[change.order.id] = change.order
        self._tables.timeline.setdefault(change.order.id, []).extend(change.entries)
        self._tables.published += [(change.order.id, event_type) for event_type in (*change.events, *change.repeats)]

    async def due(self, now: datetime, limit: int) -> Sequence[Order]:
        return [order for order in self._tables.orders.values() if order.due_at is not None and order.due_at <= now][
            :limit
        ]

    async def idempotency_record(self, user_id: str, key: str) -> IdempotencyRecord | None:
        return self._tables.idempotency_keys.get((user_id, key))

    async def save_idempotency_record(self, record: IdempotencyRecord) -> None:
        self._tables.idempotency_keys[record.user_id, record.key] = record

    async def delete_idempotency_record(self, user_id: str, key: str) -> None:
        self._tables.idempotency_keys.pop((user_id, key), None)


class FakeCatalog:
    """Catalog in memory: one product, `apple`, at 100."""

    def __init__(self, stock: int = 100) -> None:
        self.stock = stock
        self.held: dict[str, int] = {}
        self.confirmed: set[str] = set()
        self.is_away = False
        self.loses_answers = False

    async def check(self, items: Iterable[RequestedItem]) -> bool:
        self._answer()
        return sum(item.quantity for item in items) <= self.stock

    async def reserve(self, order_id: str, items: Iterable[RequestedItem]) -> Reserved | None:
        units = sum(item.quantity for item in items)
        if units > self.stock and order_id not in self.held:
            return None
        if order_id not in self.held:
            self.stock -= units
            self.held[order_id] = units
        self._answer(is_lost=self.loses_answers)
        return Reserved((Line("apple", "Apple", units, 100),), "EUR")

    async def confirm(self, order_id: str) -> bool:
        self._answer()
        if order_id not in self.held:
            return False
        self.confirmed.add(order_id)
        return True

    async def release(self, order_id: str) -> None:
        self._answer()
        self.stock += self.held.pop(order_id, 0)
        self.confirmed.discard(order_id)

    def _answer(self, *, is_lost: bool = False) -> None:
        if self.is_away or is_lost:
            raise UpstreamUnavailable("catalog")


class FakePayments:
    """Payments in memory."""

    def __init__(self) -> None:
        self.charges: dict[str, ChargeState] = {}
        self.is_away = False

    async def charge(self, order_id: str) -> ChargeState | None:
        if self.is_away:
            raise UpstreamUnavailable("payment")
        return self.charges.get(order_id)
