"""Catalog, wired: its database, its routes, its sweep of reservations that nobody confirmed."""

from pathlib import Path

from fastapi import FastAPI

from services.catalog import api, handlers, seed
from services.catalog.adapters import SqlCatalog
from services.catalog.settings import CatalogSettings
from services.common.runtime.clock import utc_now
from services.common.service import Runtime, Service

_OBSERVE_SECONDS = 5.0  # as often as Prometheus scrapes


def build(runtime: Runtime) -> FastAPI:
    """Build the application."""
    settings = CatalogSettings.read(runtime.environment)
    store = SqlCatalog(runtime.database, runtime.outbox, utc_now)
    controller = api.Controller(store, utc_now, settings.reservation_lifetime, runtime.metrics)
    stock = runtime.metrics.gauge("shop_stock_units", "Units of all products", ["state"])

    async def seed_products() -> None:
        if settings.is_seeded:
            await handlers.seed(seed.products(utc_now()), store=store)

    async def sweep() -> None:
        while expired := await handlers.expire(store=store, clock=utc_now):
            controller.count("expired", expired)
            runtime.log.info("reservations expired", count=expired)

    async def observe() -> None:
        on_hand, reserved = await store.totals()
        stock.labels("on_hand").set(on_hand)
        stock.labels("reserved").set(reserved)

    runtime.on_start(seed_products)
    runtime.on_start(observe)
    runtime.every(settings.sweep_seconds, "expire reservations", sweep)
    runtime.every(_OBSERVE_SECONDS, "count the stock", observe)
    app = runtime.application("Catalog", "Products, prices, stock and reservations.")
    app.include_router(api.public_routes(controller))
    app.include_router(api.internal_routes(controller))
    return app


SERVICE = Service("catalog", build, migrations=Path(__file__).parent / "migrations")
