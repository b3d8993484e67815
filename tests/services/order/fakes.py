"""The order database, catalog and payment in memory."""

import copy
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

from services.order.domain import Change, Cursor, Entry, Line, Order, Wish
from services.order.ports import Away, ChargeState, Claim, Reserved


@dataclass
class _Tables:
    orders: dict[str, Order] = field(default_factory=dict)
    timeline: dict[str, list[Entry]] = field(default_factory=dict)
    claims: dict[tuple[str, str], Claim] = field(default_factory=dict)
    told: list[tuple[str, str]] = field(default_factory=list)


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
        own = [order for order in self.tables.orders.values() if order.user_id == user_id]
        newest_first = sorted(own, key=lambda order: (order.created_at, order.id), reverse=True)
        if before is not None:
            newest_first = [one for one in newest_first if (one.created_at, one.id) < (before.created_at, before.id)]
        return newest_first[:limit]

    async def timeline(self, order_id: str) -> Sequence[Entry]:
        return self.tables.timeline.get(order_id, [])

    def told(self) -> list[str]:
        """The types of the events that went out."""
        return [event_type for _, event_type in self.tables.told]


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
        self._tables.told += [(change.order.id, event_type) for event_type in (*change.events, *change.repeats)]

    async def due(self, now: datetime, limit: int) -> Sequence[Order]:
        return [one for one in self._tables.orders.values() if one.due_at is not None and one.due_at <= now][:limit]

    async def claim(self, user_id: str, key: str) -> Claim | None:
        return self._tables.claims.get((user_id, key))

    async def save_claim(self, claim: Claim) -> None:
        self._tables.claims[claim.user_id, claim.key] = claim

    async def drop_claim(self, user_id: str, key: str) -> None:
        self._tables.claims.pop((user_id, key), None)


class FakeCatalog:
    """Catalog in memory: one product, `apple`, at 100."""

    def __init__(self, stock: int = 100) -> None:
        self.stock = stock
        self.held: dict[str, int] = {}
        self.confirmed: set[str] = set()
        self.is_away = False
        self.loses_answers = False

    async def check(self, wishes: Iterable[Wish]) -> bool:
        self._answer()
        return sum(wish.quantity for wish in wishes) <= self.stock

    async def reserve(self, order_id: str, wishes: Iterable[Wish]) -> Reserved | None:
        units = sum(wish.quantity for wish in wishes)
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
            raise Away("catalog")


class FakePayments:
    """Payments in memory."""

    def __init__(self) -> None:
        self.charges: dict[str, ChargeState] = {}
        self.is_away = False

    async def charge(self, order_id: str) -> ChargeState | None:
        if self.is_away:
            raise Away("payment")
        return self.charges.get(order_id)
