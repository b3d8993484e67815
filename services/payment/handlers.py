"""What payment does: open a charge per order, bring it to its end with the provider, refund it.

Everything a handler needs is a parameter. A time-out is resolved by asking the provider what it did, or by
voiding the charge under that key: never by charging again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.common.runtime.clock import Clock
from services.payment import domain
from services.payment.domain import Account, Change, Charge, ChargeRequest, ChargeStatus, Posting, RefundStatus
from services.payment.ports import (
    PaymentStore,
    PaymentTx,
    Provider,
    ProviderRecord,
    ProviderState,
    ProviderTimeout,
    ProviderUnreachable,
)

WORK_BATCH = 50  # charges that one transaction locks; the sweep runs every second
CANCELLED = "cancelled"
NO_ANSWER = "no answer from the provider"


@dataclass(frozen=True, slots=True)
class PollPolicy:
    """How often, and with what pause, a silent provider is asked what it did."""

    asks: int = 3
    pause: timedelta = timedelta(milliseconds=200)


async def open_charge(
    tx: PaymentTx, request: ChargeRequest, *, clock: Clock, new_id: Callable[[], str]
) -> Charge | None:
    """Open the charge of an order; None when the order has one already, whatever its state."""
    charge = domain.open_charge(new_id(), request, clock())
    return charge if await tx.insert(charge) else None


async def request_cancel(tx: PaymentTx, request: ChargeRequest, *, clock: Clock, new_id: Callable[[], str]) -> Charge:
    """Keep an order from being charged, or refund it."""
    charge = await tx.charge(request.order_id)
    if charge is None:
        # The order itself never arrived: its charge is opened and ended at once, so that it never can.
        charge = domain.open_charge(new_id(), request, clock())
        await tx.insert(charge)
        change = domain.give_up(charge, CANCELLED, clock())
    else:
        change = domain.request_cancel(charge, clock())
    await tx.update(change)
    return change.charge


async def work(
    charge: Charge,
    *,
    is_fresh: bool,
    store: PaymentStore,
    provider: Provider,
    clock: Clock,
    poll_policy: PollPolicy,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Charge | None:
    """Bring a charge to its end, and its refund; whatever cannot be done now is done later.

    `charge` may be older than what the store holds, which is asked again before money moves and before it is
    booked. `is_fresh` says that nobody can have asked the provider yet.
    """
    current: Charge | None = charge
    try:
        if charge.status is ChargeStatus.PENDING:
            record = await _reach_end(
                charge, is_fresh, store=store, provider=provider, poll_policy=poll_policy, pause=pause
            )
            current = await _settle(charge.order_id, record, store=store, clock=clock)
        if current is not None and current.refund_status is RefundStatus.PENDING:
            await _refund(current.id, provider)
            current = await _change(charge.order_id, lambda stored: domain.refund(stored, clock()), store=store)
    except (ProviderUnreachable, ProviderTimeout):
        return await _change(charge.order_id, lambda stored: Change(domain.postpone(stored, clock())), store=store)
    return current


async def _reach_end(
    charge: Charge,
    is_fresh: bool,
    *,
    store: PaymentStore,
    provider: Provider,
    poll_policy: PollPolicy,
    pause: Callable[[float], Awaitable[None]],
) -> ProviderRecord:
    """Bring a charge to a final state with the provider: captured, declined or voided."""
    if charge.is_cancel_requested:
        return await provider.void(charge.id)
    record = await _authorise(charge, is_fresh, provider=provider, poll_policy=poll_policy, pause=pause)
    if record.state is not ProviderState.AUTHORISED:
        return record
    stored = await store.find(charge.order_id)
    if stored is not None and stored.is_cancel_requested:
        return await provider.void(charge.id)
    return await provider.capture(charge.id)


async def _authorise(
    charge: Charge,
    is_fresh: bool,
    *,
    provider: Provider,
    poll_policy: PollPolicy,
    pause: Callable[[float], Awaitable[None]],
) -> ProviderRecord:
    record = None if is_fresh else await provider.find(charge.id)
    if record is not None:
        return record
    try:
        return await provider.authorise(charge)
    except ProviderTimeout:
        return await _poll(charge.id, provider=provider, poll_policy=poll_policy, pause=pause)


async def _poll(
    key: str, *, provider: Provider, poll_policy: PollPolicy, pause: Callable[[float], Awaitable[None]]
) -> ProviderRecord:
    """Find out what a silent provider did; if it does not answer, void the charge for good."""
    for _ in range(poll_policy.asks):
        record = await provider.find(key)
        if record is not None:
            return record
        await pause(poll_policy.pause.total_seconds())
    return await provider.void(key)


async def _settle(order_id: str, record: ProviderRecord, *, store: PaymentStore, clock: Clock) -> Charge | None:
    def change(charge: Charge) -> Change:
        if record.state in (ProviderState.CAPTURED, ProviderState.REFUNDED):
            return domain.capture(charge, clock())
        if record.state is ProviderState.DECLINED:
            return domain.decline(charge, record.reason or "declined", clock())
        return domain.give_up(charge, CANCELLED if charge.is_cancel_requested else NO_ANSWER, clock())

    return await _change(order_id, change, store=store)


async def _refund(key: str, provider: Provider) -> None:
    record = await provider.refund(key)
    if record.state is not ProviderState.REFUNDED:
        raise ProviderTimeout(f"the refund of {key} is {record.state}")


async def _change(order_id: str, decide: Callable[[Charge], Change], *, store: PaymentStore) -> Charge | None:
    async with store.begin() as tx:
        charge = await tx.charge(order_id)
        if charge is None:
            return None
        change = decide(charge)
        if change.charge != charge or change.events:
            await tx.update(change)
        return change.charge


async def take_due(*, store: PaymentStore, clock: Clock) -> Sequence[Charge]:
    """Find the charges whose work is due and lease them, so that no other replica takes them."""
    async with store.begin() as tx:
        due = await tx.due(clock(), WORK_BATCH)
        for charge in due:
            await tx.update(Change(domain.lease(charge, clock())))
        return due


@dataclass(frozen=True, slots=True)
class Difference:
    """Something on which our books and the provider's do not agree."""

    subject: str
    what: str


async def reconcile(*, store: PaymentStore, provider: Provider) -> Sequence[Difference]:
    """Compare charges, ledger and the provider's statement, each with the other two; the shop may go on meanwhile.

    A charge that changes meanwhile, or has something to be done, is left out: it is compared next time.
    """
    before = {charge.id: charge for charge in await store.all_charges()}
    records = {record.key: record for record in await provider.statement()}
    postings = await store.ledger()
    booked = _booked(postings)
    now = {charge.id: charge for charge in await store.all_charges()}
    at_rest = [charge for charge in now.values() if charge == before.get(charge.id) and not charge.has_work]
    return [
        *(difference for charge in at_rest for difference in _compare(charge, records.get(charge.id), booked)),
        *(Difference(name, f"the ledger is off by {off}") for name, off in domain.unbalanced(postings).items()),
        *(
            Difference(key, f"{record.state} by the provider, no charge of ours")
            for key, record in _unknown_to_us(records, now)
        ),
        *(Difference(name, "in the ledger, no charge of ours") for name in _unexplained(postings, now)),
    ]


def _compare(charge: Charge, record: ProviderRecord | None, booked: Mapping[str, Counter[str]]) -> Sequence[Difference]:
    complaints = [_difference(charge, record), *_unbooked(charge, booked)]
    return [Difference(f"order {charge.order_id}", what) for what in complaints if what]


def _unknown_to_us(
    records: Mapping[str, ProviderRecord], ours: Mapping[str, Charge]
) -> Sequence[tuple[str, ProviderRecord]]:
    """Return what the provider did under keys that are no charges of ours."""
    moved = (ProviderState.AUTHORISED, ProviderState.CAPTURED, ProviderState.REFUNDED)
    return [(key, record) for key, record in records.items() if key not in ours and record.state in moved]


def _unexplained(postings: Sequence[Posting], ours: Mapping[str, Charge]) -> Sequence[str]:
    ids = {name for charge in ours.values() for name in (charge.id, domain.refund_id_of(charge))}
    return sorted({posting.transaction_id for posting in postings} - ids)


def _difference(charge: Charge, record: ProviderRecord | None) -> str | None:
    expected = _expected(charge)
    actual = record.state if record else None
    if actual not in expected:
        return f"we say {charge.status}/{charge.refund_status}, the provider says {actual}"
    has_money_moved = actual in (ProviderState.CAPTURED, ProviderState.REFUNDED)
    if record and has_money_moved and (record.amount, record.currency) != (charge.amount, charge.currency):
        return f"we say {charge.amount} {charge.currency}, the provider says {record.amount} {record.currency}"
    return None


def _expected(charge: Charge) -> tuple[ProviderState | None, ...]:
    match charge.status:
        case ChargeStatus.CAPTURED:
            return (
                (ProviderState.REFUNDED,)
                if charge.refund_status is RefundStatus.SUCCEEDED
                else (ProviderState.CAPTURED,)
            )
        case ChargeStatus.DECLINED:
            return (ProviderState.DECLINED,)
        case _:
            return (ProviderState.VOIDED, None)


def _booked(postings: Sequence[Posting]) -> Mapping[str, Counter[str]]:
    """Return what each transaction booked on the provider's account, by currency."""
    booked: dict[str, Counter[str]] = {}
    for posting in postings:
        if posting.account is Account.PROVIDER:
            booked.setdefault(posting.transaction_id, Counter())[posting.currency] += posting.amount
    return booked


def _unbooked(charge: Charge, booked: Mapping[str, Counter[str]]) -> list[str]:
    """Compare what came in and went back with what was booked."""
    captured = charge.amount if charge.status is ChargeStatus.CAPTURED else 0
    refunded = charge.amount if charge.refund_status is RefundStatus.SUCCEEDED else 0
    moves = ((charge.id, "charge", captured), (domain.refund_id_of(charge), "refund", -refunded))
    return [
        f"{what} of {moved} {charge.currency}, the ledger says {dict(booked.get(name, {}))}"
        for name, what, moved in moves
        if booked.get(name, Counter()) != Counter({charge.currency: moved})
    ]
