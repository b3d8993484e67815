"""The database of order."""

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, select, tuple_

from services.common.data import locks
from services.common.data.database import AsyncConnection, Database, after_commit
from services.common.data.store import SqlStore, due_rows, upsert
from services.common.events.event import Event
from services.common.events.outbox import Outbox
from services.order.domain import Change, Entry, Line, Order, Status, Step
from services.order.paging import Cursor
from services.order.ports import IdempotencyRecord, OrderTx, Outcome
from services.order.repeats import MOST_REPEATS
from services.order.tables import idempotency_keys, orders, timeline

TOPIC = "shop.order.v1"
KEEP_KEYS = timedelta(hours=24)  # as long as payment APIs remember a key (Stripe: 24 hours)

# Built once: building a statement costs more than running it.
_ORDER = select(orders).where(orders.c.id == bindparam("order_id"))
_LOCKED_ORDER = _ORDER.with_for_update()
_INSERT_ORDER = orders.insert()
_UPDATE_ORDER = orders.update().where(orders.c.id == bindparam("order_id"))
_INSERT_ENTRIES = timeline.insert()
_IDEMPOTENCY_RECORD = (
    select(idempotency_keys)
    .where(idempotency_keys.c.user_id == bindparam("owner"), idempotency_keys.c.key == bindparam("name"))
    .with_for_update()
)

# Called after the commit of a change with the order as it is now.
Watcher = Callable[[Change], None]


class SqlOrders(SqlStore[OrderTx]):
    """OrderStore over SQL; each watcher is called with every change once it is committed."""

    def __init__(self, database: Database, outbox: Outbox, watchers: Sequence[Watcher] = ()) -> None:
        super().__init__(database)
        self._outbox, self._watchers = outbox, list(watchers)

    def watch(self, watcher: Watcher) -> None:
        """Call this watcher too."""
        self._watchers.append(watcher)

    def on(self, connection: AsyncConnection) -> OrderTx:
        """Work in a transaction that somebody else opened."""
        return SqlOrderTx(connection, self._outbox, self._watchers)

    async def find(self, order_id: str) -> Order | None:
        """Return an order, read without a lock."""
        row = await self._first(_ORDER, {"order_id": order_id})
        return _order(row) if row else None

    async def history(self, user_id: str, before: Cursor | None, limit: int) -> Sequence[Order]:
        """Return orders of a user from the newest on."""
        query = select(orders).where(orders.c.user_id == user_id)
        if before is not None:
            position = tuple_(before.created_at, before.id, types=[orders.c.created_at.type, orders.c.id.type])
            query = query.where(tuple_(orders.c.created_at, orders.c.id) < position)
        newest_first = query.order_by(orders.c.created_at.desc(), orders.c.id.desc()).limit(limit)
        return [_order(row) for row in await self._rows(newest_first)]

    async def timeline(self, order_id: str) -> Sequence[Entry]:
        """Return what happened to an order, in time order."""
        query = select(timeline).where(timeline.c.order_id == order_id).order_by(timeline.c.id)
        return [Entry(row.at, Status(row.status), row.what) for row in await self._rows(query)]

    async def count_by_status(self) -> dict[Status, int]:
        """Return how many orders there are of each status."""
        query = select(orders.c.status, func.count()).group_by(orders.c.status)
        counted = {Status(row.status): int(row[1]) for row in await self._rows(query)}
        return {status: counted.get(status, 0) for status in Status}

    async def count_stuck(self, before: datetime) -> int:
        """Return how many orders wait for something since before a moment."""
        query = select(func.count()).where(orders.c.step != Step.NONE.value, orders.c.updated_at < before)
        (row,) = await self._rows(query)
        return int(row[0])

    async def count_given_up(self) -> int:
        """Return how many orders wait for an event that is not published again any more."""
        given_up = orders.c.step != Step.NONE.value, orders.c.repeats >= MOST_REPEATS
        (row,) = await self._rows(select(func.count()).where(*given_up))
        return int(row[0])

    async def purge_keys(self, now: datetime) -> None:
        """Delete the idempotency keys that expired more than KEEP_KEYS ago."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(idempotency_keys).where(idempotency_keys.c.expires_at < now - KEEP_KEYS))


class SqlOrderTx:
    """OrderTx over one connection."""

    def __init__(self, connection: AsyncConnection, outbox: Outbox, watchers: Sequence[Watcher]) -> None:
        self._connection = connection
        self._outbox, self._watchers = outbox, watchers

    async def order(self, order_id: str) -> Order | None:
        """Return an order, locked until the end of the transaction."""
        row = (await self._connection.execute(_LOCKED_ORDER, {"order_id": order_id})).first()
        return _order(row) if row else None

    async def insert(self, change: Change) -> None:
        """Store a new order."""
        await self._connection.execute(_INSERT_ORDER, _columns(change.order))
        await self._follow_up(change)

    async def update(self, change: Change) -> None:
        """Store what changed."""
        await self._connection.execute(_UPDATE_ORDER, {"order_id": change.order.id, **_mutable(change.order)})
        await self._follow_up(change)

    async def _follow_up(self, change: Change) -> None:
        if change.entries:
            entries = [_entry(change.order.id, entry) for entry in change.entries]
            await self._connection.execute(_INSERT_ENTRIES, entries)
        for event_type in (*change.events, *change.repeats):
            await self._publish(change.order, event_type)
        for watcher in self._watchers:
            after_commit(self._connection, lambda watch=watcher: watch(change))  # type: ignore[misc]

    async def _publish(self, order: Order, event_type: str) -> None:
        data = _created(order) if event_type == "order.created" else _moved(order)
        await self._outbox.add(self._connection, Event(event_type, TOPIC, order.id, data))

    async def due(self, now: datetime, limit: int) -> Sequence[Order]:
        """Return orders whose step is due."""
        return [_order(row) for row in await self._connection.execute(due_rows(orders, now, limit))]

    async def idempotency_record(self, user_id: str, key: str) -> IdempotencyRecord | None:
        """Return the record of a key, locked."""
        await locks.hold(self._connection, f"key {key} of {user_id}")
        row = (await self._connection.execute(_IDEMPOTENCY_RECORD, {"owner": user_id, "name": key})).first()
        return _idempotency_record(row) if row else None

    async def save_idempotency_record(self, record: IdempotencyRecord) -> None:
        """Insert or update the record of a key."""
        values = {
            "fingerprint": record.fingerprint,
            "order_id": record.order_id,
            "outcome": record.outcome.value,
            "expires_at": record.expires_at,
        }
        await upsert(self._connection, idempotency_keys, {"user_id": record.user_id, "key": record.key}, values)

    async def delete_idempotency_record(self, user_id: str, key: str) -> None:
        """Free a key."""
        await self._connection.execute(
            delete(idempotency_keys).where(idempotency_keys.c.user_id == user_id, idempotency_keys.c.key == key)
        )


def _created(order: Order) -> dict[str, Any]:
    items = [
        {"productId": line.product_id, "quantity": line.quantity, "unitPrice": line.unit_price} for line in order.lines
    ]
    data = {
        "orderId": order.id,
        "userId": order.user_id,
        "amount": order.amount,
        "currency": order.currency,
        "items": items,
    }
    return data | ({"paymentMethod": order.payment_method} if order.payment_method else {})


def _moved(order: Order) -> dict[str, Any]:
    data = {
        "orderId": order.id,
        "userId": order.user_id,
        "amount": order.amount,
        "currency": order.currency,
        "status": order.status.value,
    }
    return data | ({"reason": order.reason} if order.reason else {})


def _columns(order: Order) -> dict[str, Any]:
    lines = [[line.product_id, line.name, line.quantity, line.unit_price] for line in order.lines]
    fixed = {
        "id": order.id,
        "user_id": order.user_id,
        "lines": json.dumps(lines),
        "amount": order.amount,
        "currency": order.currency,
        "payment_method": order.payment_method,
        "created_at": order.created_at,
    }
    return fixed | _mutable(order)


def _mutable(order: Order) -> dict[str, Any]:
    return {
        "status": order.status.value,
        "step": order.step.value,
        "is_cancel_requested": order.is_cancel_requested,
        "reason": order.reason,
        "updated_at": order.updated_at,
        "due_at": order.due_at,
        "attempts": order.attempts,
        "repeats": order.repeats,
        "repeated_at": order.repeated_at,
    }


def _entry(order_id: str, entry: Entry) -> dict[str, Any]:
    return {"order_id": order_id, "at": entry.at, "status": entry.status.value, "what": entry.what[:300]}


def _order(row: Row[Any]) -> Order:
    return Order(
        id=row.id,
        user_id=row.user_id,
        lines=tuple(Line(*fields) for fields in json.loads(row.lines)),
        amount=row.amount,
        currency=row.currency,
        payment_method=row.payment_method,
        status=Status(row.status),
        step=Step(row.step),
        is_cancel_requested=row.is_cancel_requested,
        reason=row.reason,
        created_at=row.created_at,
        updated_at=row.updated_at,
        due_at=row.due_at,
        attempts=row.attempts,
        repeats=row.repeats,
        repeated_at=row.repeated_at,
    )


def _idempotency_record(row: Row[Any]) -> IdempotencyRecord:
    return IdempotencyRecord(row.user_id, row.key, row.fingerprint, row.order_id, Outcome(row.outcome), row.expires_at)
