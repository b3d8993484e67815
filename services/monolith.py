"""All seven services in one process, with calls and events inside it: `python -m services.monolith`.

The modular monolith that one should start with: the same modules, routes and rules, one thing to run.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from services import FRONT, PORTS
from services.common.events.dead_letters import DeadLetterFile
from services.common.events.in_process import InProcessBroker
from services.common.http import client
from services.common.http.health import Ready
from services.common.runtime.settings import Environment, Settings
from services.common.service import Runtime, Service, asgi

NAME = "monolith"
PORT = 8090
_FOR_OPERATORS = "/messages"


@dataclass(frozen=True)
class Shop:
    """The services of one process, and what connects them."""

    runtimes: Mapping[str, Runtime]
    applications: Mapping[str, ASGIApp]
    transport: client.InProcess
    broker: InProcessBroker

    async def start(self) -> None:
        """Start every service."""
        for runtime in self.runtimes.values():
            await runtime.start()

    async def stop(self) -> None:
        """Stop every service."""
        for runtime in self.runtimes.values():
            await runtime.stop()

    async def readiness(self) -> Ready:
        """Say whether work may be sent here: every database has to answer."""
        inner = (runtime for name, runtime in self.runtimes.items() if name != FRONT)
        pages = await asyncio.gather(*(runtime.readiness() for runtime in inner))
        is_ready = all(page.status == "ready" for page in pages)
        checks = {
            f"{page.service}.{what}": check for page in pages for what, check in page.checks.items() if check.required
        }
        return Ready(status="ready" if is_ready else "not_ready", service=NAME, checks=checks)

    def metrics_page(self) -> bytes:
        """Return the metrics of all services, each marked with its service."""
        from services.common.runtime.metrics import joined

        return joined({name: runtime.metrics for name, runtime in self.runtimes.items()})


def compose(environment: Environment) -> Shop:
    """Put the shop together; nothing runs yet."""
    folder = Settings.read(NAME, environment).data_dir
    transport, broker = client.InProcess(), InProcessBroker(DeadLetterFile(folder))
    runtimes: dict[str, Runtime] = {}
    applications: dict[str, ASGIApp] = {}
    for name in PORTS:
        service = _service(name)
        settings = settings_of(name, environment)
        runtime = Runtime(service, settings, broker=broker.port(), transport=transport)
        applications[name] = asgi(service, runtime)
        transport.add(name, applications[name])
        runtimes[name] = runtime
    return Shop(runtimes, applications, transport, broker)


def _service(name: str) -> Service:
    """Return the definition of a service."""
    service: Service = import_module(f"services.{name}.app").SERVICE
    return service


def settings_of(name: str, environment: Environment) -> Settings:
    """Give a service its own folder below the common one, and the others by their names."""
    common = Settings.read(NAME, environment)
    return replace(
        Settings.read(name, environment),
        data_dir=common.data_dir / name,
        secrets_dir=common.data_dir / "secrets",
        port=common.port or PORT,
        kafka="",
        consul="",
        urls={other: f"http://{other}" for other in PORTS},
    )


class _Front:
    """The gateway's application, which here also answers for the lifespan, readiness and metrics of all services.

    Routes for operators that a service has on its own port alone have no other port here: notification's messages,
    which require an administrator or the service credential.
    """

    def __init__(self, shop: Shop) -> None:
        self._shop, self._gateway = shop, shop.applications[FRONT]
        self._mailbox = shop.applications["notification"]
        front: Any = shop.runtimes[FRONT]
        # The gateway's operational routes speak for the whole process here.
        front.metrics_page, front.readiness = shop.metrics_page, shop.readiness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            is_for_operators = scope["path"].startswith(_FOR_OPERATORS)
            await (self._mailbox if is_for_operators else self._gateway)(scope, receive, send)
            return
        from starlette.routing import Router

        @contextlib.asynccontextmanager
        async def life(_app: object) -> AsyncIterator[None]:
            await self._shop.start()
            try:
                yield
            finally:
                await self._shop.stop()

        await Router(lifespan=life)(scope, receive, send)


async def _serve() -> int:
    from services.common.serve import listen

    environment = Environment()
    shop = compose(environment)
    settings = settings_of(FRONT, environment)
    return await listen(_Front(shop), settings, *shop.runtimes.values())


def main() -> None:
    """Serve until told to stop."""
    from services.common.serve import migrate_in_child, start

    environment = Environment()
    migrate_in_child({_service(name): settings_of(name, environment) for name in PORTS})
    start(_serve, Settings.read(NAME).log_level)


if __name__ == "__main__":
    main()
