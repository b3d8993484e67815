"""What payment does: open a charge per order, bring it to its end with the provider, give money back.

Everything a handler needs is a parameter. A time-out is resolved by asking the provider what it did, or by
forbidding it to do anything more under that key: never by charging again.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from services.common.runtime.clock import Clock
from services.payment import domain
from services.payment.domain import Account, Change, Charge, ChargeStatus, Demand, Posting, RefundStatus
from services.payment.ports import At, PaymentStore, PaymentTx, Provider, ProviderAway, ProviderSilent, Standing

WORK_BATCH = 50
CANCELLED = "cancelled"
NO_ANSWER = "no answer from the provider"


@dataclass(frozen=True, slots=True)
class Patience:
    """How often, and with what pause, a silent provider is asked what it did."""

    asks: int = 3
    pause: timedelta = timedelta(milliseconds=200)


async def open_charge(tx: PaymentTx, demand: Demand, *, clock: Clock, new_id: Callable[[], str]) -> Charge | None:
    """Open the charge of an order; None when the order has one already, whatever its state."""
    charge = domain.open_charge(new_id(), demand, clock())
    return charge if await tx.insert(charge) else None


async def request_cancel(tx: PaymentTx, demand: Demand, *, clock: Clock, new_id: Callable[[], str]) -> Charge:
    """Keep an order from being charged, or give its money back."""
    charge = await tx.charge(demand.order_id)
    if charge is None:
        # The order itself never arrived: its charge is opened and ended at once, so that it never can.
        charge = domain.open_charge(new_id(), demand, clock())
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
    patience: Patience,
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Charge | None:
    """Bring a charge to its end, and its refund; whatever cannot be done now is done later.

    `charge` may be older than what the store holds, which is asked again before money moves and before it is
    booked. `is_fresh` says that nobody can have asked the provider yet.
    """
    known: Charge | None = charge
    try:
        if charge.status is ChargeStatus.PENDING:
            standing = await _reach_end(
                charge, is_fresh, store=store, provider=provider, patience=patience, pause=pause
            )
            known = await _settle(charge.order_id, standing, store=store, clock=clock)
        if known is not None and known.refund_status is RefundStatus.PENDING:
            await _refund(known.id, provider)
            known = await _change(charge.order_id, lambda one: domain.refund(one, clock()), store=store)
    except (ProviderAway, ProviderSilent):
        return await _change(charge.order_id, lambda one: Change(domain.postpone(one, clock())), store=store)
    return known


async def _reach_end(
    charge: Charge,
    is_fresh: bool,
    *,
    store: PaymentStore,
    provider: Provider,
    patience: Patience,
    pause: Callable[[float], Awaitable[None]],
) -> Standing:
    """Bring the provider to its last word on a charge: captured, declined or voided."""
    if charge.is_cancel_requested:
        return await provider.void(charge.id)
    standing = await _authorise(charge, is_fresh, provider=provider, patience=patience, pause=pause)
    if standing.at is not At.AUTHORISED:
        return standing
    now_known = await store.find(charge.order_id)
    if now_known is not None and now_known.is_cancel_requested:
        return await provider.void(charge.id)
    return await provider.capture(charge.id)


async def _authorise(
    charge: Charge,
    is_fresh: bool,
    *,
    provider: Provider,
    patience: Patience,
    pause: Callable[[float], Awaitable[None]],
) -> Standing:
    known = None if is_fresh else await provider.find(charge.id)
    if known is not None:
        return known
    try:
        return await provider.authorise(charge)
    except ProviderSilent:
        return await _ask(charge.id, provider=provider, patience=patience, pause=pause)


async def _ask(
    key: str, *, provider: Provider, patience: Patience, pause: Callable[[float], Awaitable[None]]
) -> Standing:
    """Find out what a silent provider did; if it says nothing, forbid the charge for good."""
    for _ in range(patience.asks):
        standing = await provider.find(key)
        if standing is not None:
            return standing
        await pause(patience.pause.total_seconds())
    return await provider.void(key)


async def _settle(order_id: str, standing: Standing, *, store: PaymentStore, clock: Clock) -> Charge | None:
    def change(known: Charge) -> Change:
        if standing.at in (At.CAPTURED, At.REFUNDED):
            return domain.capture(known, clock())
        if standing.at is At.DECLINED:
            return domain.decline(known, standing.reason or "declined", clock())
        return domain.give_up(known, CANCELLED if known.is_cancel_requested else NO_ANSWER, clock())

    return await _change(order_id, change, store=store)


async def _refund(key: str, provider: Provider) -> None:
    standing = await provider.refund(key)
    if standing.at is not At.REFUNDED:
        raise ProviderSilent(f"the refund of {key} stands at {standing.at}")


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
    """Find the charges whose work is due and keep them from others meanwhile."""
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
    standings = {standing.key: standing for standing in await provider.statement()}
    postings = await store.ledger()
    booked = _booked(postings)
    now = {charge.id: charge for charge in await store.all_charges()}
    at_rest = [charge for charge in now.values() if charge == before.get(charge.id) and not charge.has_work]
    return [
        *(difference for charge in at_rest for difference in _compare(charge, standings.get(charge.id), booked)),
        *(Difference(name, f"the ledger is off by {off}") for name, off in domain.unbalanced(postings).items()),
        *(Difference(key, f"{one.at} by the provider, no charge of ours") for key, one in _strange(standings, now)),
        *(Difference(name, "in the ledger, no charge of ours") for name in _unexplained(postings, now)),
    ]


def _compare(charge: Charge, standing: Standing | None, booked: Mapping[str, Counter[str]]) -> Sequence[Difference]:
    found = [_difference(charge, standing), *_unbooked(charge, booked)]
    return [Difference(f"order {charge.order_id}", what) for what in found if what]


def _strange(standings: Mapping[str, Standing], ours: Mapping[str, Charge]) -> Sequence[tuple[str, Standing]]:
    """What the provider did for us, as it says, of which we know nothing."""
    moved = (At.AUTHORISED, At.CAPTURED, At.REFUNDED)
    return [(key, one) for key, one in standings.items() if key not in ours and one.at in moved]


def _unexplained(postings: Sequence[Posting], ours: Mapping[str, Charge]) -> Sequence[str]:
    known = {name for charge in ours.values() for name in (charge.id, domain.refund_id_of(charge))}
    return sorted({posting.transaction_id for posting in postings} - known)


def _difference(charge: Charge, standing: Standing | None) -> str | None:
    expected = _expected(charge)
    actual = standing.at if standing else None
    if actual not in expected:
        return f"we say {charge.status}/{charge.refund_status}, the provider says {actual}"
    has_money_moved = actual in (At.CAPTURED, At.REFUNDED)
    if standing and has_money_moved and (standing.amount, standing.currency) != (charge.amount, charge.currency):
        return f"we say {charge.amount} {charge.currency}, the provider says {standing.amount} {standing.currency}"
    return None


def _expected(charge: Charge) -> tuple[At | None, ...]:
    match charge.status:
        case ChargeStatus.CAPTURED:
            return (At.REFUNDED,) if charge.refund_status is RefundStatus.SUCCEEDED else (At.CAPTURED,)
        case ChargeStatus.DECLINED:
            return (At.DECLINED,)
        case _:
            return (At.VOIDED, None)


def _booked(postings: Sequence[Posting]) -> Mapping[str, Counter[str]]:
    """What each transaction put on the provider's account, by currency."""
    booked: dict[str, Counter[str]] = {}
    for one in postings:
        if one.account is Account.PROVIDER:
            booked.setdefault(one.transaction_id, Counter())[one.currency] += one.amount
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
