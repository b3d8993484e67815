"""Payment's database and its pretended provider, over SQLite and PostgreSQL alike."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from services.common.http.faults import Fault, Kind
from services.common.runtime.clock import utc_now
from services.common.runtime.ids import new_id
from services.common.service import Runtime
from services.payment import domain, handlers
from services.payment.adapters import SqlPayments
from services.payment.app import SERVICE
from services.payment.domain import Change, Charge, ChargeRequest, ChargeStatus, RefundStatus
from services.payment.handlers import PollPolicy
from services.payment.ports import ProviderState, ProviderUnreachable
from services.payment.provider import SimulatedProvider
from services.payment.settings import ProviderRules
from services.payment.tables import provider_charges
from tests.services.processes import free_port
from tests.services.stores import database_url, migrated, postgres

__all__ = ["database_url", "postgres"]
RULES = ProviderRules(decline_above=0, decline_rate=0.0, seed=1, latency_seconds=0.0, slow_seconds=5.0)


@dataclass
class World:
    """A real store and the pretended provider."""

    runtime: Runtime
    store: SqlPayments

    def provider(self, rules: ProviderRules = RULES, timeout_seconds: float = 5.0) -> SimulatedProvider:
        return SimulatedProvider(self.runtime.database, rules, self.runtime.faults, timeout_seconds)

    async def open(self, order_id: str = "order", method: str | None = None, amount: int = 500) -> Charge | None:
        request = ChargeRequest(order_id, "user", amount, "EUR", method)
        async with self.store.begin() as tx:
            return await handlers.open_charge(tx, request, clock=utc_now, new_id=new_id)

    async def work(self, provider: SimulatedProvider, order_id: str = "order", *, is_fresh: bool = True) -> Charge:
        opened = await self.store.find(order_id)
        assert opened is not None
        charge = await handlers.work(
            opened,
            is_fresh=is_fresh,
            store=self.store,
            provider=provider,
            clock=utc_now,
            poll_policy=PollPolicy(1, timedelta(milliseconds=1)),
        )
        assert charge is not None
        return charge


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    """Return an empty payment database."""
    async with _world(database_url, tmp_path) as opened_world:
        yield opened_world


@asynccontextmanager
async def _world(url: str, folder: Path) -> AsyncIterator[World]:
    async with migrated(SERVICE, url, folder) as runtime:
        yield World(runtime, SqlPayments(runtime.database, runtime.outbox, utc_now, lambda _: None))


async def test_an_order_that_is_delivered_ten_times_at_once_has_one_charge(world: World) -> None:
    opened = await asyncio.gather(*(world.open() for _ in range(10)))
    assert sum(charge is not None for charge in opened) == 1
    await asyncio.gather(*(world.work(world.provider(), is_fresh=False) for _ in range(5)))
    assert len(await world.store.ledger()) == 2
    assert not await handlers.reconcile(store=world.store, provider=world.provider())
    assert sum((await world.store.balances()).values()) == 0


async def test_a_charge_and_its_refund_come_back_as_they_were_kept(world: World) -> None:
    await world.open(method="tok_visa")
    captured = await world.work(world.provider())
    assert await world.store.find("order") == captured
    async with world.store.begin() as tx:
        await tx.update(domain.request_cancel(captured, utc_now()))
    refunded = await world.work(world.provider(), is_fresh=False)
    assert await world.store.find("order") == refunded
    assert refunded.refund_status is RefundStatus.SUCCEEDED
    assert all(amount == 0 for amount in (await world.store.balances()).values())


async def test_the_ledger_takes_no_transaction_twice(world: World) -> None:
    await world.open()
    await world.work(world.provider())
    charge = await world.store.find("order")
    assert charge is not None
    again = domain.capture(replace(charge, status=ChargeStatus.PENDING), utc_now())
    with pytest.raises(IntegrityError):
        await _write(world.store, again)


async def _write(store: SqlPayments, change: Change) -> None:
    async with store.begin() as tx:
        await tx.update(change)


@pytest.mark.parametrize(
    ("method", "status", "reason"),
    [
        ("tok_declined", ChargeStatus.DECLINED, "declined"),
        ("tok_slow", ChargeStatus.CAPTURED, None),
        ("tok_error", ChargeStatus.FAILED, handlers.NO_ANSWER),
    ],
)
async def test_the_test_cards_do_what_they_are_there_for(
    world: World, method: str, status: ChargeStatus, reason: str | None
) -> None:
    await world.open(method=method)
    charge = await world.work(world.provider(timeout_seconds=0.1 if method != "tok_declined" else 5.0))
    assert (charge.status, charge.reason) == (status, reason)
    assert not await handlers.reconcile(store=world.store, provider=world.provider())


async def test_rules_by_amount_and_by_chance_are_off_unless_they_are_set(world: World) -> None:
    for number, (amount, rules, status) in enumerate(
        [
            (10**9, RULES, ChargeStatus.CAPTURED),
            (1001, replace(RULES, decline_above=1000), ChargeStatus.DECLINED),
            (1000, replace(RULES, decline_above=1000), ChargeStatus.CAPTURED),
            (1, replace(RULES, decline_rate=1.0), ChargeStatus.DECLINED),
        ]
    ):
        await world.open(f"order-{number}", amount=amount)
        assert (await world.work(world.provider(rules), f"order-{number}")).status is status


async def test_a_fault_makes_the_provider_decline_all_or_be_away(world: World) -> None:
    world.runtime.faults.replace([Fault(kind=Kind.DECLINE_ALL)])
    await world.open("one")
    assert (await world.work(world.provider(), "one")).status is ChargeStatus.DECLINED
    world.runtime.faults.replace([Fault(kind=Kind.ERROR, route="PROVIDER *")])
    await world.open("two")
    assert (await world.work(world.provider(), "two")).status is ChargeStatus.PENDING
    with pytest.raises(ProviderUnreachable):
        await world.provider().find("two")
    world.runtime.faults.replace([])
    assert (await world.work(world.provider(), "two", is_fresh=False)).status is ChargeStatus.CAPTURED


async def test_nothing_is_captured_under_a_key_that_was_voided(world: World) -> None:
    charge = await world.open()
    assert charge is not None
    provider = world.provider()
    assert (await provider.void(charge.id)).state is ProviderState.VOIDED
    assert (await provider.authorise(charge)).state is ProviderState.VOIDED
    assert (await provider.capture(charge.id)).state is ProviderState.VOIDED


async def test_due_charges_are_handed_out_once(world: World) -> None:
    for number in range(5):
        await world.open(f"order-{number}")

    def later() -> object:
        return utc_now() + timedelta(seconds=11)

    taken = await asyncio.gather(*(handlers.take_due(store=world.store, clock=later) for _ in range(3)))  # type: ignore[arg-type]
    ids = [charge.id for due in taken for charge in due]
    assert len(ids) == len(set(ids)) == 5


async def test_the_command_that_reconciles_says_what_differs_and_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'payment.db'}"
    async with _world(url, tmp_path) as world:
        await world.open()
        charge = await world.work(world.provider())
        assert await _reconcile(url, tmp_path) == (0, "")
        async with world.runtime.database.transaction() as connection:
            await connection.execute(provider_charges.update().values(amount=499))
        code, differences = await _reconcile(url, tmp_path)
        assert (code, differences.count("the provider says 499")) == (1, 1)
        assert await world.store.find("order") == charge
    nowhere = f"postgresql://nobody@127.0.0.1:{free_port()}/none"
    assert await _reconcile(nowhere, tmp_path) == (3, "")


async def _reconcile(url: str, folder: Path) -> tuple[int | None, str]:
    environment = {"DATABASE_URL": url, "DATA_DIR": str(folder / "data"), "SHOP_SECRETS": str(folder / "secrets")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "services.payment.reconcile",
        env={**os.environ, **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 30)
    return process.returncode, output.decode()
