"""Order, wired: its database, its routes, the saga, and the events of payment."""

from pathlib import Path

from fastapi import FastAPI

from services.common.runtime.clock import utc_now
from services.common.service import Runtime, Service
from services.order import api, consumers
from services.order.adapters import SqlOrders
from services.order.observe import Observer
from services.order.peers import HttpCatalog, HttpPayments
from services.order.saga import Saga
from services.order.settings import OrderSettings

_OBSERVE_SECONDS = 5.0  # as often as Prometheus scrapes
_PURGE_SECONDS = 3600.0


def build(runtime: Runtime) -> FastAPI:
    """Build the application."""
    settings = OrderSettings.read(runtime.environment)
    catalog, payments = HttpCatalog(runtime.peers), HttpPayments(runtime.peers)
    observer = Observer(runtime.metrics, runtime.log)
    store = SqlOrders(runtime.database, runtime.outbox, [observer.on_change])
    saga = Saga(store, catalog, payments, utc_now, runtime.log)
    store.watch(saga.on_change)

    async def observe() -> None:
        stuck = await store.count_stuck(utc_now() - settings.stuck_after)
        observer.count(await store.count_by_status(), stuck, await store.count_given_up())

    runtime.subscribe(consumers.TOPICS, "order", consumers.build(store, utc_now))
    runtime.on_start(observe)
    runtime.run_forever("saga", saga.background.run_forever)
    runtime.every(settings.detector_seconds, "look after stuck orders", saga.detect)
    runtime.every(_OBSERVE_SECONDS, "count orders", observe)
    runtime.every(_PURGE_SECONDS, "delete old idempotency keys", lambda: store.purge_keys(utc_now()))
    app = runtime.application("Order", "Orders, their state machine and their saga.")
    app.include_router(api.routes(api.Controller(store, catalog, utc_now, settings, saga.release_later, runtime.log)))
    return app


SERVICE = Service("order", build, migrations=Path(__file__).parent / "migrations", calls=("catalog", "payment", "user"))
