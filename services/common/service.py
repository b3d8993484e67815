"""One service: what it works with, and its life from start to stop.

A service's `app.py` builds its application from a Runtime; what surrounds the service (real broker or
in-process one, network or none) is decided where the Runtime is made.
"""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.types import ASGIApp

from services.common.events.broker import Broker
from services.common.events.consumer import AT_ONCE, Consumer, Handler, ServiceParts
from services.common.events.outbox import Outbox
from services.common.http import application, auth, client, middleware
from services.common.http.context import FindRoute
from services.common.http.discovery import Discovery
from services.common.http.faults import Faults, Kind
from services.common.http.health import Check, Ready
from services.common.http.transport import PlainTransport
from services.common.runtime import logs, secrets, telemetry
from services.common.runtime.metrics import Metrics
from services.common.runtime.settings import Settings
from services.common.surroundings import open_broker, open_consul, open_database

Job = Callable[[], Awaitable[None]]
_RESTART_PAUSE_SECONDS = 1.0  # so that a job that fails at once costs one log line a second
_PURGE_EVERY_SECONDS = 3600.0  # against a week that the inbox remembers
_READINESS_SECONDS = 0.5  # Consul and devctl ask every second: one query for both


@dataclass(frozen=True)
class Service:
    """One service of the shop: its name, how it is built, what it depends on."""

    name: str
    build: Callable[["Runtime"], ASGIApp]
    migrations: Path | None = None
    # Other services that it calls.
    calls: Sequence[str] = ()
    is_front: bool = False


class Runtime:
    """Everything that one service works with: settings, database, broker, peers, telemetry."""

    def __init__(
        self,
        service: Service,
        settings: Settings,
        *,
        broker: Broker | None = None,
        transport: client.Transport | None = None,
    ) -> None:
        self.service, self.settings = service, settings
        self.environment = settings.environment
        self.log = logs.Logger(service.name)
        self.metrics = Metrics()
        self.telemetry = telemetry.build(settings)
        self.token = secrets.service_token(settings)
        self.faults = Faults(self.metrics, is_allowed=settings.faults_allowed)
        self.database = open_database(settings, service.migrations, self.telemetry, self.metrics)
        self.database.query_delay = self.faults.query_delay
        self.broker = broker or open_broker(settings, self.metrics, self.log)
        self.consul = open_consul(settings, self.log)
        self.discovery = Discovery(settings.urls, self.consul)
        self.transport = transport or PlainTransport()
        self.peers = client.Peers(self.transport, self.discovery, self.token, self.telemetry.tracer, self.metrics)
        self.tokens = auth.Tokens(self._fetch_keys, settings.data_dir / "keys.json")
        self.outbox = Outbox(service.name, self.database, self.broker, self.metrics, self.log, self.telemetry.tracer)
        self.is_draining = False
        self.find_route: FindRoute = lambda _: ""
        self._on_start: list[Job] = []
        self._jobs: list[tuple[str, Job]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._consumers: list[Consumer] = []
        self._topics: set[str] = set()
        self._ready: tuple[float, Ready] | None = None
        self._has_database = service.migrations is not None

    # Called by a service's app.py.

    def application(self, title: str, description: str = "") -> FastAPI:
        """Make the application, with the routes that every service has."""
        self.app = application.build(self, title, description)
        self.app.router.lifespan_context = self._lifespan
        self.find_route = partial(application.find_route, self.app)
        return self.app

    def subscribe(
        self, topics: Sequence[str], group: str, handlers: Mapping[str, Handler], at_once: int = AT_ONCE
    ) -> None:
        """Take in the events of these topics by type, each once, in the transaction of its effect.

        So many share a transaction: one where the effect of an event locks rows that others lock in another order.
        """
        consumer = Consumer(
            topics,
            group,
            handlers,
            ServiceParts(self.database, self.broker, self.metrics, self.telemetry.tracer, self.log),
            before_delivery=self.faults.wait_while_paused,
        )
        self._consumers.append(consumer)
        self._topics.update(topics)
        self.broker.subscribe(topics, group, consumer.deliver, at_once)

    def on_start(self, job: Job) -> None:
        """Run something once after the migrations and before the first request."""
        self._on_start.append(job)

    def run_forever(self, name: str, job: Job) -> None:
        """Keep a job running from start to stop; if it fails it is logged and begun again."""
        self._jobs.append((name, job))

    def every(self, seconds: float, name: str, job: Job) -> None:
        """Run a job again and again with a pause."""

        async def again() -> None:
            while True:
                await asyncio.sleep(seconds * random.uniform(0.9, 1.1))  # noqa: S311
                await job()

        self.run_forever(name, again)

    # From start to stop.

    async def start(self) -> None:
        """Bring the database up to date and start everything; waits for nothing outside."""
        if self._has_database:
            await self.database.migrate()
            self.run_forever("outbox", self.outbox.relay)
        for job in self._on_start:
            await job()
        await self.broker.start()
        if self._consumers:
            self.every(_PURGE_EVERY_SECONDS, "purge the inbox", self._consumers[0].purge)
        self.run_forever("discovery", self._discover)
        self.run_forever("keys of tokens", self.tokens.keep_fresh)
        if self.consul is not None:
            consul, settings = self.consul, self.settings
            self.run_forever("consul", lambda: consul.keep_registered(settings, self.instance_id))
        self._tasks = [asyncio.create_task(self._restart_on_failure(name, job), name=name) for name, job in self._jobs]
        self.log.info("started", port=self.settings.port)

    async def drain(self) -> None:
        """Turn away new work: not ready any more, out of Consul."""
        self.is_draining = True
        if self.consul is not None:
            await self.consul.deregister(self.instance_id)

    async def stop(self) -> None:
        """Finish what is in progress and release everything."""
        self.is_draining = True
        await self.broker.stop_consuming()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.broker.close()
        if self.consul is not None:
            await self.consul.close()
        await self.transport.aclose()
        await self.database.close()
        await asyncio.to_thread(self.telemetry.close)
        self.log.info("stopped")

    @property
    def instance_id(self) -> str:
        """Name this copy of the service; the name is the same after a restart on the same port."""
        return f"{self.service.name}-{self.settings.advertised_host}-{self.settings.port}"

    async def readiness(self) -> Ready:
        """Say whether work may be sent here; looked up at most twice a second."""
        now = time.monotonic()
        if self._ready is None or now - self._ready[0] > _READINESS_SECONDS:
            self._ready = (now, await self._check_readiness())
        return self._ready[1]

    def metrics_page(self) -> bytes:
        """Return the metrics as text."""
        return self.metrics.page()

    async def apply_faults(self) -> None:
        """Start the faults that no request triggers."""
        if self.faults.exhausts_pool():
            self._tasks.append(asyncio.create_task(self._exhaust_pool()))
        if self.faults.hit(Kind.POISON):
            await self._publish_poison()

    # Internals.

    @asynccontextmanager
    async def _lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        await self.start()
        try:
            yield
        finally:
            await self.stop()

    async def _restart_on_failure(self, name: str, job: Job) -> None:
        while True:
            try:
                await job()
                return
            except Exception as error:
                self.log.error("background job failed; it begins again", job=name, exc_info=error)
            await asyncio.sleep(_RESTART_PAUSE_SECONDS)

    async def _discover(self) -> None:
        await self.discovery.watch(self.service.calls)

    async def _fetch_keys(self) -> dict[str, Any]:
        try:
            answer = await self.peers.call("user", "GET", "/.well-known/jwks.json", timeout_seconds=2.0)
        except client.UpstreamUnavailableError as error:
            raise OSError(str(error)) from error
        key_set: dict[str, Any] = answer.json()
        return key_set

    async def _check_readiness(self) -> Ready:
        has_database = not self._has_database or await self.database.answers()
        checks = {}
        if self._has_database:
            checks["database"] = Check(state="up" if has_database else "down", required=True)
            checks["broker"] = Check(state="up" if self.broker.is_up() else "down", required=False)
        if self.consul is not None:
            checks["consul"] = Check(state="up" if self.consul.is_up else "down", required=False)
        for name in self.service.calls:
            checks[name] = Check(state=self.peers.state(name), required=False)
        is_ready = has_database and not self.is_draining
        return Ready(status="ready" if is_ready else "not_ready", service=self.service.name, checks=checks)

    async def _exhaust_pool(self) -> None:
        """Take every connection of the pool and keep them while the fault is on."""
        async with contextlib.AsyncExitStack() as held:
            while self.faults.exhausts_pool():
                try:
                    async with asyncio.timeout(0.2):
                        await held.enter_async_context(self.database.reading())
                    self.faults.hit(Kind.POOL_EXHAUSTION)
                except (TimeoutError, PoolTimeoutError):
                    await asyncio.sleep(0.1)

    async def _publish_poison(self) -> None:
        """Send a message that no consumer can read to every topic that this service takes in."""
        from services.common.events.event import Message

        for topic in sorted(self._topics):
            await self.broker.publish(Message(topic, "poison", b"\x00 not JSON", {"ce_type": "poison"}))


def asgi(service: Service, runtime: Runtime) -> ASGIApp:
    """Build a service's application and wrap it in the middleware."""
    return middleware.RequestMiddleware(service.build(runtime), runtime, is_front=service.is_front)
