"""Payment, wired: its database, its routes, the provider, and the events of orders."""

from pathlib import Path

from fastapi import FastAPI

from services.common.runtime.clock import utc_now
from services.common.service import Runtime, Service
from services.payment import api, consumers
from services.payment.adapters import SqlPayments
from services.payment.cashier import Cashier
from services.payment.provider import SimulatedProvider
from services.payment.settings import PaymentSettings

_OBSERVE_SECONDS = 5.0  # as often as Prometheus scrapes


def provider(runtime: Runtime, settings: PaymentSettings) -> SimulatedProvider:
    """Make the provider."""
    return SimulatedProvider(runtime.database, settings.provider, runtime.faults, settings.provider_timeout_seconds)


def build(runtime: Runtime) -> FastAPI:
    """Build the application."""
    settings = PaymentSettings.read(runtime.environment)
    cashier = Cashier(provider(runtime, settings), settings.poll_policy, utc_now, runtime.metrics, runtime.log)
    store = SqlPayments(runtime.database, runtime.outbox, utc_now, cashier.on_change)
    balance = runtime.metrics.gauge("shop_ledger_balance_minor_units", "Balance of each account", ["account"])

    async def observe() -> None:
        for account, amount in (await store.balances()).items():
            balance.labels(account.value).set(amount)

    runtime.subscribe(consumers.TOPICS, "payment", consumers.build(store, cashier, utc_now))
    runtime.on_start(observe)
    runtime.run_forever("cashier", cashier.background.run_forever)
    runtime.every(settings.sweep_seconds, "work on overdue charges", lambda: cashier.sweep(store))
    runtime.every(_OBSERVE_SECONDS, "add up the ledger", observe)
    app = runtime.application("Payment", "Charges, refunds and the ledger.")
    app.include_router(api.routes(store))
    return app


SERVICE = Service("payment", build, migrations=Path(__file__).parent / "migrations", calls=("user",))
