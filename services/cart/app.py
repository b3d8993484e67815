"""Cart, wired: its database, its routes, and the events of catalog and user."""

from pathlib import Path

from fastapi import FastAPI

from services.cart import api, consumers, handlers
from services.cart.adapters import HttpCatalog, HttpOrders, SqlCarts
from services.cart.settings import CartSettings
from services.common.runtime.clock import utc_now
from services.common.service import Runtime, Service

_EXPIRE_SECONDS = 60.0  # carts live for days: a minute more or less is nothing


def build(runtime: Runtime) -> FastAPI:
    """Build the application."""
    store = SqlCarts(runtime.database)
    expired = runtime.metrics.counter("shop_carts_expired", "Carts that were forgotten")

    async def expire() -> None:
        expired.inc(await handlers.expire(store=store, clock=utc_now))

    runtime.subscribe(consumers.TOPICS, "cart", consumers.build(store, utc_now), at_once=1)
    runtime.every(_EXPIRE_SECONDS, "delete expired carts", expire)
    app = runtime.application("Cart", "Carts of users and guests, and the checkout.")
    controller = api.Controller(
        store=store,
        catalog=HttpCatalog(runtime.peers),
        orders=HttpOrders(runtime.peers),
        clock=utc_now,
        settings=CartSettings.read(runtime.environment),
    )
    app.include_router(api.routes(controller))
    return app


SERVICE = Service("cart", build, migrations=Path(__file__).parent / "migrations", calls=("catalog", "order", "user"))
