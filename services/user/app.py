"""Wires the user service."""

from pathlib import Path

from fastapi import FastAPI

from services.common.runtime.clock import utc_now
from services.common.service import Runtime, Service
from services.user.adapters import SqlUsers
from services.user.api import router
from services.user.domain import Session
from services.user.handlers import Users
from services.user.key_ring import KeyRing
from services.user.passwords import Argon2
from services.user.settings import UserSettings

_HOUR = 3600.0


def build(runtime: Runtime) -> FastAPI:
    """Build the application."""
    settings = UserSettings.read(runtime.environment)
    store = SqlUsers(runtime.database, runtime.outbox)
    keys = KeyRing(runtime.settings.data_dir / "signing-keys", settings.token_seconds, settings.key_days)
    passwords = Argon2(settings.argon2_memory_kib, settings.argon2_passes)
    reused = runtime.metrics.counter("shop_refresh_tokens_reused", "Sessions ended because a refresh token came twice")

    def on_reuse(session: Session) -> None:
        reused.inc()
        runtime.log.warning("a refresh token was used twice; its session is over", user_id=session.user_id)

    users = Users(store, passwords, keys, utc_now, on_reuse)

    async def local_keys() -> dict[str, object]:
        return keys.key_set()

    async def tidy() -> None:
        await store.purge(utc_now())
        keys.retire()

    runtime.tokens.fetch_from(local_keys)
    runtime.every(_HOUR, "tidy up", tidy)
    app = runtime.application("User", "Accounts, login, tokens and the key set that they are checked with.")
    app.include_router(router(users))
    return app


SERVICE = Service("user", build, Path(__file__).parent / "migrations")
