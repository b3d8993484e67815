"""Notification, wired: its database, its routes, its channels, and the events of the others."""

from pathlib import Path

from fastapi import FastAPI

from services.common.runtime.clock import utc_now
from services.common.service import Runtime, Service
from services.notification import api, channels, consumers
from services.notification.adapters import SqlNotifications
from services.notification.sender import Sender
from services.notification.settings import NotificationSettings

_OBSERVE_SECONDS = 5.0  # as often as Prometheus scrapes


def build(runtime: Runtime) -> FastAPI:
    """Build the application."""
    settings = NotificationSettings.read(runtime.environment)
    store = SqlNotifications(runtime.database)
    sender = Sender(store, channels.build(settings, runtime.log), utc_now, runtime.metrics, runtime.log)
    current = runtime.metrics.gauge("shop_notifications_current", "Messages by state", ["state"])

    async def observe() -> None:
        for state, number in (await store.count_by_state()).items():
            current.labels(state.value).set(number)

    handlers = consumers.build(store, sender, settings.channels, utc_now)
    runtime.subscribe(consumers.TOPICS, "notification", handlers)
    runtime.on_start(observe)
    runtime.run_forever("sender", sender.background.run_forever)
    runtime.every(settings.sweep_seconds, "send what waits", sender.sweep)
    runtime.every(_OBSERVE_SECONDS, "count messages", observe)
    app = runtime.application("Notification", "Messages about orders and accounts.")
    app.include_router(api.routes(store, sender, utc_now))
    return app


SERVICE = Service("notification", build, migrations=Path(__file__).parent / "migrations", calls=("user",))
