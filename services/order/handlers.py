"""What order does: place, cancel and ship orders, apply triggers, and take the steps of the saga.

Everything a handler needs is a parameter. Triggers may come twice and in any order; steps may be repeated.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.common.runtime.clock import Clock
from services.order import domain, repeats
from services.order.domain import Entry, Order, RequestedItem, Step, Trigger
from services.order.paging import Cursor
from services.order.ports import (
    Catalog,
    ChargeState,
    IdempotencyRecord,
    OrderStore,
    OrderTx,
    Outcome,
    Payments,
    Reserved,
)

# Longer than a request may take (4.8 s at the gateway): whoever holds a key for longer must be dead.
IN_FLIGHT_LIFETIME = timedelta(seconds=8)
STEP_BATCH = 50  # orders that one transaction locks; the detector runs every second


class InsufficientStock(Exception):
    """Not all that was asked for can be had."""


class KeyReused(Exception):
    """An idempotency key came with another body."""


class KeyInFlight(Exception):
    """The first request under this idempotency key is still being answered."""


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """A user's request for an order."""

    user_id: str
    items: tuple[RequestedItem, ...]
    payment_method: str | None
    key: str | None


async def place_order(
    command: PlaceOrder,
    *,
    store: OrderStore,
    catalog: Catalog,
    clock: Clock,
    new_id: Callable[[], str],
    release_later: Callable[[str], None],
) -> Order:
    """Place an order, once per idempotency key.

    Raises InsufficientStock, KeyReused, KeyInFlight, and UpstreamUnavailable when catalog does not answer; `let_go` is
    called with the id of an order that may have left a reservation behind.
    """
    record = await _reserve_key(command, store=store, clock=clock, new_id=new_id)
    if record is not None and record.outcome is not Outcome.IN_FLIGHT:
        return await _answer_again(record, store=store)
    order_id = record.order_id if record else new_id()
    try:
        reserved = await _reserve(order_id, command.items, catalog=catalog, release_later=release_later)
        return await _store_order(
            command, order_id, reserved, record, store=store, clock=clock, release_later=release_later
        )
    except InsufficientStock:
        await _finish(record, Outcome.INSUFFICIENT, store=store)
        raise
    except (Exception, asyncio.CancelledError):
        await _free_key(record, store=store)
        raise


async def _reserve_key(
    command: PlaceOrder, *, store: OrderStore, clock: Clock, new_id: Callable[[], str]
) -> IdempotencyRecord | None:
    """Reserve the key for this request, or return the outcome of the one that used it first."""
    if command.key is None:
        return None
    meaning = domain.fingerprint(command.items, command.payment_method)
    async with store.begin() as tx:
        record = await tx.idempotency_record(command.user_id, command.key)
        if record is None:
            return await _take_key(tx, command, meaning, new_id(), clock())
        if record.fingerprint != meaning:
            raise KeyReused
        if record.outcome is not Outcome.IN_FLIGHT:
            return record
        if record.expires_at > clock():
            raise KeyInFlight
        # The request that held the key must be dead. What it may have reserved expires; should it be alive after all,
        # it finds at its end that the key is another's by now.
        return await _take_key(tx, command, meaning, new_id(), clock())


async def _take_key(tx: OrderTx, command: PlaceOrder, meaning: str, order_id: str, now: datetime) -> IdempotencyRecord:
    assert command.key is not None
    record = IdempotencyRecord(
        command.user_id, command.key, meaning, order_id, Outcome.IN_FLIGHT, now + IN_FLIGHT_LIFETIME
    )
    await tx.save_idempotency_record(record)
    return record


async def _answer_again(record: IdempotencyRecord, *, store: OrderStore) -> Order:
    order = await store.find(record.order_id) if record.outcome is Outcome.PLACED else None
    if order is None:
        raise InsufficientStock
    return as_placed(order)


def as_placed(order: Order) -> Order:
    """Return the order as it was first answered, so that a repeated request gets the same answer."""
    return domain.place_order(
        order.id, order.user_id, order.lines, order.currency, order.payment_method, order.created_at
    ).order


async def _reserve(
    order_id: str, items: tuple[RequestedItem, ...], *, catalog: Catalog, release_later: Callable[[str], None]
) -> Reserved:
    if not await catalog.check(items):
        raise InsufficientStock
    try:
        reserved = await catalog.reserve(order_id, items)
    except (Exception, asyncio.CancelledError):
        release_later(order_id)  # the answer may be lost although the stock is held
        raise
    if reserved is None:
        raise InsufficientStock
    return reserved


async def _store_order(
    command: PlaceOrder,
    order_id: str,
    reserved: Reserved,
    record: IdempotencyRecord | None,
    *,
    store: OrderStore,
    clock: Clock,
    release_later: Callable[[str], None],
) -> Order:
    """Store the order, its event and the outcome of its idempotency key in one transaction."""
    try:
        change = domain.place_order(
            order_id, command.user_id, reserved.lines, reserved.currency, command.payment_method, clock()
        )
    except domain.OrderError:
        release_later(order_id)
        raise
    try:
        async with store.begin() as tx:
            await tx.insert(change)
            await _finish_record(tx, record, Outcome.PLACED)
    except (Exception, asyncio.CancelledError):
        # A commit can succeed and its answer fail: the order that is there after all is the answer.
        if await asyncio.shield(store.find(order_id)) is None:
            release_later(order_id)
            raise
    return change.order


async def _finish_record(tx: OrderTx, record: IdempotencyRecord | None, outcome: Outcome) -> None:
    """Store the outcome of a request; raise KeyInFlight if its key was taken over meanwhile."""
    if record is None:
        return
    if await tx.idempotency_record(record.user_id, record.key) != record:
        raise KeyInFlight
    await tx.save_idempotency_record(replace(record, outcome=outcome))


async def _finish(record: IdempotencyRecord | None, outcome: Outcome, *, store: OrderStore) -> None:
    if record is not None:
        async with store.begin() as tx:
            await _finish_record(tx, record, outcome)


async def _free_key(record: IdempotencyRecord | None, *, store: OrderStore) -> None:
    """Free the key of a request that failed, unless its order exists after all or another request has the key."""
    if record is not None:
        async with store.begin() as tx:
            if await tx.idempotency_record(record.user_id, record.key) == record:
                await tx.delete_idempotency_record(record.user_id, record.key)


async def apply_trigger(
    order_id: str, trigger: Trigger, reason: str | None = None, *, store: OrderStore, clock: Clock
) -> Order | None:
    """Apply what happened to an order; return it as it is now, None when it is unknown."""
    async with store.begin() as tx:
        return await apply_trigger_in(tx, order_id, trigger, reason, clock=clock)


async def apply_trigger_in(
    tx: OrderTx, order_id: str, trigger: Trigger, reason: str | None = None, *, clock: Clock
) -> Order | None:
    """Apply what happened to an order inside a transaction that is already open."""
    order = await tx.order(order_id)
    if order is None:
        return None
    change = domain.apply(order, trigger, clock(), reason)
    if not change.is_empty:
        await tx.update(change)
    return change.order


async def take_step(
    order: Order, *, store: OrderStore, catalog: Catalog, payments: Payments, clock: Clock
) -> Order | None:
    """Do what the saga of an order does next; raises UpstreamUnavailable when the other side does not answer.

    `order` may be older than what the store holds: a step that is over by then changes nothing.
    """
    match order.step:
        case Step.CONFIRM_STOCK:
            trigger = Trigger.STOCK_CONFIRMED if await catalog.confirm(order.id) else Trigger.STOCK_GONE
            return await apply_trigger(order.id, trigger, store=store, clock=clock)
        case Step.RELEASE_STOCK:
            await catalog.release(order.id)
            return await apply_trigger(order.id, Trigger.STOCK_RELEASED, store=store, clock=clock)
        case Step.AWAIT_PAYMENT | Step.AWAIT_REFUND:
            charge = await payments.charge(order.id)
            return await _learn(order.id, charge, store=store, clock=clock)
    return order


async def _learn(order_id: str, charge: ChargeState | None, *, store: OrderStore, clock: Clock) -> Order | None:
    """Apply what payment knows and we missed, or publish again what payment missed."""
    async with store.begin() as tx:
        order = await tx.order(order_id)
        if order is None:
            return None
        is_lost = repeats.is_event_lost(order, clock())
        reason = charge.reason if charge else None
        for trigger in _missed_triggers(charge):
            order = await apply_trigger_in(tx, order_id, trigger, reason, clock=clock) or order
        return await _publish_again(tx, order, charge, clock=clock) if is_lost else order


async def _publish_again(tx: OrderTx, order: Order, charge: ChargeState | None, *, clock: Clock) -> Order:
    change = repeats.publish_again(order, clock(), is_known=charge is not None)
    if not change.is_empty:
        await tx.update(change)
    return change.order


def _missed_triggers(charge: ChargeState | None) -> tuple[Trigger, ...]:
    if charge is None or charge.status == "pending":
        return ()
    if charge.status in ("declined", "failed"):
        return (Trigger.PAYMENT_FAILED,)
    is_refunded = charge.refund == "succeeded"
    return (Trigger.PAYMENT_SUCCEEDED, Trigger.PAYMENT_REFUNDED) if is_refunded else (Trigger.PAYMENT_SUCCEEDED,)


async def take_due(*, store: OrderStore, clock: Clock) -> Sequence[Order]:
    """Find the orders whose step is due and postpone them, so that no other replica takes them too."""
    async with store.begin() as tx:
        due = await tx.due(clock(), STEP_BATCH)
        for order in due:
            await tx.update(domain.Change(repeats.postpone(order, clock())))
        return due


async def history(
    user_id: str, cursor: str | None, limit: int, *, store: OrderStore
) -> tuple[Sequence[Order], str | None]:
    """List orders from the newest on, with the cursor of the next page."""
    before = Cursor.decode(cursor) if cursor else None
    orders = await store.history(user_id, before, limit + 1)
    page = orders[:limit]
    more = len(orders) > limit
    return page, Cursor(page[-1].created_at, page[-1].id).encode() if more else None


async def timeline(order_id: str, *, store: OrderStore) -> Sequence[Entry]:
    """Return what happened to an order."""
    return await store.timeline(order_id)
