"""The database of payment."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, func, select

from services.common.data.database import AsyncConnection, Database, after_commit, dialect_insert
from services.common.data.store import SqlStore, due_rows
from services.common.events.event import Event
from services.common.events.outbox import Outbox
from services.common.runtime.clock import Clock
from services.payment.domain import Account, Change, Charge, ChargeStatus, Posting, RefundStatus
from services.payment.ports import PaymentTx
from services.payment.tables import charges, ledger

TOPIC = "shop.payment.v1"

# Built once: building a statement costs more than running it.
_CHARGE = select(charges).where(charges.c.order_id == bindparam("order"))
_LOCKED_CHARGE = _CHARGE.with_for_update()
_UPDATE_CHARGE = charges.update().where(charges.c.id == bindparam("charge_id"))
_INSERT_LINES = ledger.insert()

# Called after the commit of a change.
Watcher = Callable[[Change], None]


class SqlPayments(SqlStore[PaymentTx]):
    """PaymentStore over SQL; the watcher is called with every change once it is committed."""

    def __init__(self, database: Database, outbox: Outbox, clock: Clock, watcher: Watcher) -> None:
        super().__init__(database)
        self._outbox, self._clock, self._watcher = outbox, clock, watcher

    def on(self, connection: AsyncConnection) -> PaymentTx:
        """Work in a transaction that somebody else opened."""
        return SqlPaymentTx(connection, self._outbox, self._clock, self._watcher)

    async def find(self, order_id: str) -> Charge | None:
        """Return the charge of an order, read without a lock."""
        row = await self._first(_CHARGE, {"order": order_id})
        return _charge(row) if row else None

    async def of_user(self, user_id: str, order_id: str | None, limit: int) -> Sequence[Charge]:
        """Return a user's charges from the newest on."""
        query = select(charges).where(charges.c.user_id == user_id)
        if order_id is not None:
            query = query.where(charges.c.order_id == order_id)
        return await self._list(query.order_by(charges.c.created_at.desc(), charges.c.id).limit(limit))

    async def all_charges(self) -> Sequence[Charge]:
        """Return every charge."""
        return await self._list(select(charges).order_by(charges.c.id))

    async def ledger(self) -> Sequence[Posting]:
        """Return every line of the ledger."""
        rows = await self._rows(select(ledger).order_by(ledger.c.id))
        return [Posting(row.transaction_id, Account(row.account), row.amount, row.currency) for row in rows]

    async def balances(self) -> dict[Account, int]:
        """Return the balance of each account."""
        query = select(ledger.c.account, func.sum(ledger.c.amount)).group_by(ledger.c.account)
        sums = {Account(row.account): int(row[1]) for row in await self._rows(query)}
        return {account: sums.get(account, 0) for account in Account}

    async def _list(self, query: Any) -> Sequence[Charge]:
        return [_charge(row) for row in await self._rows(query)]


class SqlPaymentTx:
    """PaymentTx over one connection."""

    def __init__(self, connection: AsyncConnection, outbox: Outbox, clock: Clock, watcher: Watcher) -> None:
        self._connection = connection
        self._outbox, self._clock, self._watcher = outbox, clock, watcher

    async def charge(self, order_id: str) -> Charge | None:
        """Return the charge of an order, locked until the end of the transaction."""
        row = (await self._connection.execute(_LOCKED_CHARGE, {"order": order_id})).first()
        return _charge(row) if row else None

    async def insert(self, charge: Charge) -> bool:
        """Store a new charge, unless the order has one."""
        new = dialect_insert(self._connection, charges).on_conflict_do_nothing(index_elements=["order_id"])
        written = await self._connection.execute(new, _columns(charge))
        return bool(written.rowcount)

    async def update(self, change: Change) -> None:
        """Store the charge, write the ledger, publish the events."""
        charge = change.charge
        await self._connection.execute(_UPDATE_CHARGE, {"charge_id": charge.id, **_mutable(charge)})
        if change.postings:
            lines = [_line(posting, self._clock()) for posting in change.postings]
            await self._connection.execute(_INSERT_LINES, lines)
        for event_type in change.events:
            event = Event(event_type, TOPIC, charge.order_id, _event_data(charge, event_type))
            await self._outbox.add(self._connection, event)
        after_commit(self._connection, lambda: self._watcher(change))

    async def due(self, now: datetime, limit: int) -> Sequence[Charge]:
        """Return charges with work that is due."""
        return [_charge(row) for row in await self._connection.execute(due_rows(charges, now, limit))]


def _event_data(charge: Charge, event_type: str) -> dict[str, Any]:
    payment_id = charge.refund_id if event_type == "payment.refunded" else charge.id
    data = {
        "paymentId": payment_id,
        "orderId": charge.order_id,
        "userId": charge.user_id,
        "amount": charge.amount,
        "currency": charge.currency,
    }
    return data | ({"reason": charge.reason} if charge.reason else {})


def _line(posting: Posting, at: datetime) -> dict[str, Any]:
    return {
        "transaction_id": posting.transaction_id,
        "account": posting.account.value,
        "amount": posting.amount,
        "currency": posting.currency,
        "at": at,
    }


def _columns(charge: Charge) -> dict[str, Any]:
    fixed = {
        "id": charge.id,
        "order_id": charge.order_id,
        "user_id": charge.user_id,
        "amount": charge.amount,
        "currency": charge.currency,
        "method": charge.method,
        "created_at": charge.created_at,
    }
    return fixed | _mutable(charge)


def _mutable(charge: Charge) -> dict[str, Any]:
    return {
        "status": charge.status.value,
        "reason": charge.reason,
        "is_cancel_requested": charge.is_cancel_requested,
        "refund_id": charge.refund_id,
        "refund_status": charge.refund_status.value if charge.refund_status else None,
        "updated_at": charge.updated_at,
        "due_at": charge.due_at,
        "attempts": charge.attempts,
    }


def _charge(row: Row[Any]) -> Charge:
    return Charge(
        id=row.id,
        order_id=row.order_id,
        user_id=row.user_id,
        amount=row.amount,
        currency=row.currency,
        method=row.method,
        status=ChargeStatus(row.status),
        reason=row.reason,
        is_cancel_requested=row.is_cancel_requested,
        refund_id=row.refund_id,
        refund_status=RefundStatus(row.refund_status) if row.refund_status else None,
        created_at=row.created_at,
        updated_at=row.updated_at,
        due_at=row.due_at,
        attempts=row.attempts,
    )
