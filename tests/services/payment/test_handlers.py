"""Charging and refunding, over a provider that fails in every way."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.payment import domain, handlers
from services.payment.domain import Account, Charge, ChargeRequest, ChargeStatus, RefundStatus
from services.payment.handlers import PollPolicy
from services.payment.ports import ProviderRecord, ProviderState
from tests.services.fakes import FakeClock, counting_ids
from tests.services.payment.fakes import FakePayments, FakeProvider

REQUEST = ChargeRequest("order", "user", 500, "EUR", None)


class World:
    """Everything that a handler needs."""

    def __init__(self, *troubles: str) -> None:
        self.store, self.provider = FakePayments(), FakeProvider(troubles)
        self.clock, self.new_id = FakeClock(), counting_ids("charge")

    async def created(self) -> Charge | None:
        async with self.store.begin() as tx:
            return await handlers.open_charge(tx, REQUEST, clock=self.clock, new_id=self.new_id)

    async def cancelled(self) -> Charge:
        async with self.store.begin() as tx:
            return await handlers.request_cancel(tx, REQUEST, clock=self.clock, new_id=self.new_id)

    async def work(self, *, is_fresh: bool = False) -> Charge:
        async def pause(_: float) -> None:
            await asyncio.sleep(0)

        charge = await handlers.work(
            self.store.tables.charges[REQUEST.order_id],
            is_fresh=is_fresh,
            store=self.store,
            provider=self.provider,
            clock=self.clock,
            poll_policy=PollPolicy(3, timedelta()),
            pause=pause,
        )
        assert charge is not None
        return charge

    async def finish(self) -> Charge:
        """Work as the sweep does until nothing is left to do."""
        for _ in range(30):
            self.clock.forward(60)
            due = await handlers.take_due(store=self.store, clock=self.clock)
            if not due:
                break
            await self.work()
        return self.store.tables.charges[REQUEST.order_id]

    def sales(self) -> int:
        return -sum(line.amount for line in self.store.tables.postings if line.account is Account.SALES)


async def test_an_order_is_charged_once_and_booked() -> None:
    world = World()
    assert await world.created() is not None
    assert await world.created() is None
    assert (await world.work(is_fresh=True)).status is ChargeStatus.CAPTURED
    assert (await world.work()).status is ChargeStatus.CAPTURED
    assert world.store.tables.published == ["payment.succeeded"]
    assert world.sales() == 500


async def test_a_declined_charge_moves_no_money() -> None:
    world = World()
    world.provider.declines = True
    await world.created()
    charge = await world.work(is_fresh=True)
    assert (charge.status, charge.reason, world.sales()) == (ChargeStatus.DECLINED, "declined", 0)


async def test_a_lost_answer_is_asked_for_and_never_charged_again() -> None:
    world = World("silent")
    await world.created()
    assert (await world.work(is_fresh=True)).status is ChargeStatus.CAPTURED
    assert world.provider.calls == ["authorise", "find", "capture"]


async def test_a_request_that_never_arrived_is_forbidden_before_it_is_given_up() -> None:
    world = World("lost")
    await world.created()
    charge = await world.work(is_fresh=True)
    assert (charge.status, charge.reason) == (ChargeStatus.FAILED, handlers.NO_ANSWER)
    assert world.provider.calls == ["authorise", "find", "find", "find", "void"]
    late = await world.provider.authorise(charge)
    assert late.state is ProviderState.VOIDED


async def test_a_provider_that_is_away_is_waited_for() -> None:
    world = World("away", "away", "away")
    await world.created()
    assert (await world.work(is_fresh=True)).status is ChargeStatus.PENDING
    assert (await world.finish()).status is ChargeStatus.CAPTURED


async def test_a_charge_that_a_crash_cut_off_is_asked_for_first() -> None:
    world = World()
    charge = await world.created()
    assert charge is not None
    world.provider.books[charge.id] = ProviderRecord(charge.id, ProviderState.CAPTURED, 500, "EUR")
    assert (await world.finish()).status is ChargeStatus.CAPTURED
    assert world.provider.calls == ["find"]


async def test_a_cancelled_order_is_never_charged() -> None:
    world = World()
    await world.created()
    await world.cancelled()
    charge = await world.work(is_fresh=True)
    assert (charge.status, charge.reason) == (ChargeStatus.FAILED, handlers.CANCELLED)
    assert not world.provider.captures


async def test_an_order_that_was_cancelled_before_it_arrived_is_never_charged() -> None:
    world = World()
    await world.cancelled()
    assert await world.created() is None
    assert world.store.tables.published == ["payment.failed"]


async def test_a_charged_order_that_is_cancelled_gets_its_money_back_once() -> None:
    world = World("", "", "silent")
    await world.created()
    await world.work(is_fresh=True)
    for _ in range(3):
        await world.cancelled()
        charge = await world.finish()
    assert charge.refund_status is RefundStatus.SUCCEEDED
    assert world.store.tables.published[:2] == ["payment.succeeded", "payment.refunded"]
    assert world.sales() == 0
    assert not domain.unbalanced(world.store.tables.postings)


STEPS = st.sampled_from(["created", "cancelled", "fresh", "work", "finish"])
TROUBLES = st.lists(st.sampled_from(["", "silent", "lost", "away"]), max_size=25)


@settings(max_examples=150)
@given(steps=st.lists(STEPS, max_size=12), troubles=TROUBLES, declines=st.booleans())
def test_whatever_is_delivered_and_lost_books_and_provider_agree(
    steps: list[str], troubles: list[str], declines: bool
) -> None:
    asyncio.run(_storm(steps, troubles, declines=declines))


async def _storm(steps: list[str], troubles: list[str], *, declines: bool) -> None:
    world = World(*troubles)
    world.provider.declines = declines
    await world.created()
    may_be_fresh = True
    for step in steps:
        if step == "created":
            await world.created()
        elif step == "cancelled":
            await world.cancelled()
        elif step == "finish":
            await world.finish()
        else:
            await world.work(is_fresh=step == "fresh" and may_be_fresh)
        may_be_fresh = may_be_fresh and step in ("created", "cancelled")
    charge = await world.finish()
    assert not charge.has_work
    assert all(count <= 1 for count in world.provider.captures.values())
    assert not await handlers.reconcile(store=world.store, provider=FakeProviderOf(world.provider))
    is_sold = charge.status is ChargeStatus.CAPTURED and charge.refund_status is None
    assert world.sales() == (500 if is_sold else 0)
    finals = [published for published in world.store.tables.published if published != "payment.refunded"]
    assert len(set(finals)) == 1


class FakeProviderOf(FakeProvider):
    """The same books, without further troubles."""

    def __init__(self, other: FakeProvider) -> None:
        super().__init__()
        self.books = other.books


def _provider_refunded(world: World, charge: Charge) -> None:
    world.provider.books[charge.id] = ProviderRecord(charge.id, ProviderState.REFUNDED, 500, "EUR")


def _provider_took_less(world: World, charge: Charge) -> None:
    world.provider.books[charge.id] = ProviderRecord(charge.id, ProviderState.CAPTURED, 499, "EUR")


def _provider_took_dollars(world: World, charge: Charge) -> None:
    world.provider.books[charge.id] = ProviderRecord(charge.id, ProviderState.CAPTURED, 500, "USD")


def _provider_knows_nothing(world: World, charge: Charge) -> None:
    del world.provider.books[charge.id]


def _provider_took_something_else(world: World, _: Charge) -> None:
    world.provider.books["stranger"] = ProviderRecord("stranger", ProviderState.CAPTURED, 7, "EUR")


def _half_a_transaction(world: World, _: Charge) -> None:
    world.store.tables.postings.pop()


def _no_transaction(world: World, _: Charge) -> None:
    world.store.tables.postings.clear()


def _booked_too_little(world: World, _: Charge) -> None:
    halves = [replace(posting, amount=posting.amount // 2) for posting in world.store.tables.postings]
    world.store.tables.postings[:] = halves


def _booked_to_nobody(world: World, charge: Charge) -> None:
    postings = world.store.tables.postings
    postings += [
        replace(posting, transaction_id="nobody") for posting in postings if posting.transaction_id == charge.id
    ]


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (_provider_refunded, "the provider says refunded"),
        (_provider_took_less, "the provider says 499 EUR"),
        (_provider_took_dollars, "the provider says 500 USD"),
        (_provider_knows_nothing, "the provider says None"),
        (_provider_took_something_else, "stranger: captured by the provider, no charge of ours"),
        (_half_a_transaction, "the ledger is off by 500"),
        (_no_transaction, "the ledger says {}"),
        (_booked_too_little, "the ledger says {'EUR': 250}"),
        (_booked_to_nobody, "nobody: in the ledger, no charge of ours"),
    ],
)
async def test_reconciliation_names_each_way_in_which_books_can_disagree(
    spoil: Callable[[World, Charge], None], complaint: str
) -> None:
    world = World()
    await world.created()
    charge = await world.work(is_fresh=True)
    assert not await handlers.reconcile(store=world.store, provider=world.provider)
    spoil(world, charge)
    differences = await handlers.reconcile(store=world.store, provider=world.provider)
    assert any(complaint in f"{difference.subject}: {difference.what}" for difference in differences), differences


async def test_a_charge_that_moves_while_it_is_reconciled_is_no_difference() -> None:
    world = World()
    await world.created()
    await world.work(is_fresh=True)

    class Meanwhile(FakeProviderOf):
        async def statement(self) -> Sequence[ProviderRecord]:
            await world.cancelled()
            await world.finish()
            return await super().statement()

    assert not await handlers.reconcile(store=world.store, provider=Meanwhile(world.provider))
    assert world.sales() == 0
