"""What order does: place, cancel and ship orders, record facts, and take the steps of the saga.

Everything a handler needs is a parameter. Facts may come twice and in any order; steps may be repeated.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from services.common.runtime.clock import Clock
from services.order import domain
from services.order.domain import Cursor, Entry, Fact, Order, Step, Wish
from services.order.ports import (
    Catalog,
    ChargeState,
    Claim,
    OrderStore,
    OrderTx,
    Outcome,
    Payments,
    Reserved,
)

CLAIM_LIFETIME = timedelta(seconds=8)
STEP_BATCH = 50


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
    wishes: tuple[Wish, ...]
    payment_method: str | None
    key: str | None


async def place_order(
    command: PlaceOrder,
    *,
    store: OrderStore,
    catalog: Catalog,
    clock: Clock,
    new_id: Callable[[], str],
    let_go: Callable[[str], None],
) -> Order:
    """Place an order, once per idempotency key.

    Raises InsufficientStock, KeyReused, KeyInFlight, and Away when catalog does not answer; `let_go` is
    called with the id of an order that may have left a reservation behind.
    """
    claim = await _claim(command, store=store, clock=clock, new_id=new_id)
    if claim is not None and claim.outcome is not Outcome.IN_FLIGHT:
        return await _answer_again(claim, store=store)
    order_id = claim.order_id if claim else new_id()
    try:
        reserved = await _reserve(order_id, command.wishes, catalog=catalog, let_go=let_go)
        return await _keep(command, order_id, reserved, claim, store=store, clock=clock, let_go=let_go)
    except InsufficientStock:
        await _finish(claim, Outcome.INSUFFICIENT, store=store)
        raise
    except (Exception, asyncio.CancelledError):
        await _free(claim, store=store)
        raise


async def _claim(command: PlaceOrder, *, store: OrderStore, clock: Clock, new_id: Callable[[], str]) -> Claim | None:
    """Take the key for this request, or find what became of it."""
    if command.key is None:
        return None
    meaning = domain.fingerprint(command.wishes, command.payment_method)
    async with store.begin() as tx:
        known = await tx.claim(command.user_id, command.key)
        if known is None:
            return await _take_key(tx, command, meaning, new_id(), clock())
        if known.fingerprint != meaning:
            raise KeyReused
        if known.outcome is not Outcome.IN_FLIGHT:
            return known
        if known.expires_at > clock():
            raise KeyInFlight
        # Whoever held the key must be dead. What it may have reserved expires; should it live after all, it
        # finds at its end that the key is not its own any more.
        return await _take_key(tx, command, meaning, new_id(), clock())


async def _take_key(tx: OrderTx, command: PlaceOrder, meaning: str, order_id: str, now: datetime) -> Claim:
    assert command.key is not None
    claim = Claim(command.user_id, command.key, meaning, order_id, Outcome.IN_FLIGHT, now + CLAIM_LIFETIME)
    await tx.save_claim(claim)
    return claim


async def _answer_again(claim: Claim, *, store: OrderStore) -> Order:
    order = await store.find(claim.order_id) if claim.outcome is Outcome.PLACED else None
    if order is None:
        raise InsufficientStock
    return as_placed(order)


def as_placed(order: Order) -> Order:
    """The order as it was first answered, so that a repeated request gets the same answer."""
    return domain.place(
        order.id, order.user_id, order.lines, order.currency, order.payment_method, order.created_at
    ).order


async def _reserve(
    order_id: str, wishes: tuple[Wish, ...], *, catalog: Catalog, let_go: Callable[[str], None]
) -> Reserved:
    if not await catalog.check(wishes):
        raise InsufficientStock
    try:
        reserved = await catalog.reserve(order_id, wishes)
    except (Exception, asyncio.CancelledError):
        let_go(order_id)  # the answer may be lost although the stock is held
        raise
    if reserved is None:
        raise InsufficientStock
    return reserved


async def _keep(
    command: PlaceOrder,
    order_id: str,
    reserved: Reserved,
    claim: Claim | None,
    *,
    store: OrderStore,
    clock: Clock,
    let_go: Callable[[str], None],
) -> Order:
    """Keep the order, its event and the end of its claim in one transaction."""
    try:
        change = domain.place(
            order_id, command.user_id, reserved.lines, reserved.currency, command.payment_method, clock()
        )
    except domain.OrderError:
        let_go(order_id)
        raise
    try:
        async with store.begin() as tx:
            await tx.insert(change)
            await _end_claim(tx, claim, Outcome.PLACED)
    except (Exception, asyncio.CancelledError):
        # A commit can succeed and its answer fail: the order that is there after all is the answer.
        if await asyncio.shield(store.find(order_id)) is None:
            let_go(order_id)
            raise
    return change.order


async def _end_claim(tx: OrderTx, claim: Claim | None, outcome: Outcome) -> None:
    """Keep what became of a request; raise KeyInFlight if its key was taken over meanwhile."""
    if claim is None:
        return
    if await tx.claim(claim.user_id, claim.key) != claim:
        raise KeyInFlight
    await tx.save_claim(replace(claim, outcome=outcome))


async def _finish(claim: Claim | None, outcome: Outcome, *, store: OrderStore) -> None:
    if claim is not None:
        async with store.begin() as tx:
            await _end_claim(tx, claim, outcome)


async def _free(claim: Claim | None, *, store: OrderStore) -> None:
    """Free the key of a request that failed, unless its order is there after all or the key is another's."""
    if claim is not None:
        async with store.begin() as tx:
            if await tx.claim(claim.user_id, claim.key) == claim:
                await tx.drop_claim(claim.user_id, claim.key)


async def record(
    order_id: str, fact: Fact, reason: str | None = None, *, store: OrderStore, clock: Clock
) -> Order | None:
    """Keep what happened to an order; returns it as it is now, None when it is unknown."""
    async with store.begin() as tx:
        return await record_in(tx, order_id, fact, reason, clock=clock)


async def record_in(tx: OrderTx, order_id: str, fact: Fact, reason: str | None = None, *, clock: Clock) -> Order | None:
    """Keep what happened to an order inside a transaction that is already open."""
    order = await tx.order(order_id)
    if order is None:
        return None
    change = domain.apply(order, fact, clock(), reason)
    if not change.is_empty:
        await tx.update(change)
    return change.order


async def take_step(
    order: Order, *, store: OrderStore, catalog: Catalog, payments: Payments, clock: Clock
) -> Order | None:
    """Do what the saga of an order does next; raises Away when the other side does not answer.

    `order` may be older than what the store holds: a step that is over by then changes nothing.
    """
    match order.step:
        case Step.CONFIRM_STOCK:
            fact = Fact.STOCK_CONFIRMED if await catalog.confirm(order.id) else Fact.STOCK_GONE
            return await record(order.id, fact, store=store, clock=clock)
        case Step.RELEASE_STOCK:
            await catalog.release(order.id)
            return await record(order.id, Fact.STOCK_RELEASED, store=store, clock=clock)
        case Step.AWAIT_PAYMENT | Step.AWAIT_REFUND:
            charge = await payments.charge(order.id)
            return await _learn(order.id, charge, store=store, clock=clock)
    return order


async def _learn(order_id: str, charge: ChargeState | None, *, store: OrderStore, clock: Clock) -> Order | None:
    """Record what payment knows and we missed, or tell payment again what it missed."""
    async with store.begin() as tx:
        order = await tx.order(order_id)
        if order is None:
            return None
        is_lost = domain.is_event_lost(order, clock())
        for fact in _missed_facts(charge):
            order = await record_in(tx, order_id, fact, charge.reason if charge else None, clock=clock) or order
        return await _tell_again(tx, order, charge, clock=clock) if is_lost else order


async def _tell_again(tx: OrderTx, order: Order, charge: ChargeState | None, *, clock: Clock) -> Order:
    change = domain.tell_again(order, clock(), is_known=charge is not None)
    if not change.is_empty:
        await tx.update(change)
    return change.order


def _missed_facts(charge: ChargeState | None) -> tuple[Fact, ...]:
    if charge is None or charge.status == "pending":
        return ()
    if charge.status in ("declined", "failed"):
        return (Fact.PAYMENT_FAILED,)
    is_refunded = charge.refund == "succeeded"
    return (Fact.PAYMENT_SUCCEEDED, Fact.PAYMENT_REFUNDED) if is_refunded else (Fact.PAYMENT_SUCCEEDED,)


async def take_due(*, store: OrderStore, clock: Clock) -> Sequence[Order]:
    """Find the orders whose step is due and postpone them, so that no other replica takes them too."""
    async with store.begin() as tx:
        due = await tx.due(clock(), STEP_BATCH)
        for order in due:
            await tx.update(domain.Change(domain.postpone(order, clock())))
        return due


async def history(
    user_id: str, cursor: str | None, limit: int, *, store: OrderStore
) -> tuple[Sequence[Order], str | None]:
    """List orders from the newest on, with the cursor of the next page."""
    before = Cursor.decode(cursor) if cursor else None
    found = await store.history(user_id, before, limit + 1)
    page = found[:limit]
    more = len(found) > limit
    return page, Cursor(page[-1].created_at, page[-1].id).encode() if more else None


async def timeline(order_id: str, *, store: OrderStore) -> Sequence[Entry]:
    """Tell what happened to an order."""
    return await store.timeline(order_id)
