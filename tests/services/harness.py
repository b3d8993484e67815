"""The whole shop in the process of the tests: calls over ASGI, events in process, databases in a temporary folder."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from services.common.runtime import secrets
from services.common.runtime.settings import Environment
from services.gateway.proxy import Proxy
from services.monolith import Shop, compose
from tests.waiting import eventually_async

PASSWORD = "correct horse battery"
SETTLED = frozenset({"confirmed", "shipped", "rejected", "cancelled", "refunded"})
# Limits out of the way and passwords cheap: each has tests of its own.
ENVIRONMENT = {
    "RATE_LIMIT_PER_ADDRESS": "100000",
    "RATE_LIMIT_PER_USER": "100000",
    "ARGON2_MEMORY_KIB": "8",
    "ARGON2_PASSES": "1",
    "FAULTS": "on",
}
_numbers = itertools.count(1)


@dataclass(frozen=True)
class Member:
    """A logged-in user and a client that speaks for it through the gateway."""

    id: str
    email: str
    token: str
    refresh_token: str
    client: httpx.AsyncClient

    async def get(self, path: str, **options: Any) -> httpx.Response:
        """GET a path as this user."""
        return await self.client.get(path, **options)

    async def post(self, path: str, json: Any = None, **options: Any) -> httpx.Response:
        """POST to a path as this user."""
        return await self.client.post(path, json=json, **options)


@dataclass
class TestShop:
    """A running shop, and what tests do with it."""

    __test__ = False

    shop: Shop
    _clients: list[httpx.AsyncClient] = field(default_factory=list)

    def client(self, service: str = "gateway", **headers: str) -> httpx.AsyncClient:
        """Return a client of one service; of the gateway unless another is named."""
        client = httpx.AsyncClient(
            transport=self.shop.transport, base_url=f"http://{service}", headers=headers, timeout=10
        )
        self._clients.append(client)
        return client

    def inside(self, service: str) -> httpx.AsyncClient:
        """Return a client that calls a service as the other services do, with their credential."""
        return self.client(service, **{secrets.HEADER: self.shop.runtimes[service].token})

    async def member(self, *, is_admin: bool = False) -> Member:
        """Register a user that nobody else has, log in, and return it."""
        email = f"user{next(_numbers)}@example.org"
        guest = self.client()
        body = {"email": email, "password": PASSWORD, "name": "Ada"}
        registered = await guest.post("/api/v1/users", json=body)
        assert registered.status_code == 201, registered.text
        if is_admin:
            await self._appoint(email)
        return await self.log_in(email)

    async def log_in(self, email: str, password: str = PASSWORD) -> Member:
        """Log a user in."""
        answer = await self.client().post("/api/v1/sessions", json={"email": email, "password": password})
        assert answer.status_code == 201, answer.text
        tokens = answer.json()
        client = self.client(authorization=f"Bearer {tokens['accessToken']}")
        me = (await client.get("/api/v1/users/me")).json()
        return Member(me["id"], email, tokens["accessToken"], tokens["refreshToken"], client)

    async def product(self, *, at_least: int = 50) -> dict[str, Any]:
        """Return a product of which there is plenty."""
        items = (await self.client().get("/api/v1/products?limit=100")).json()["items"]
        product: dict[str, Any] = next(item for item in items if item["available"] >= at_least)
        return product

    async def settled(self, member: Member, order_id: str, *, within: float = 10) -> dict[str, Any]:
        """Wait until an order is in a final state, and return it."""

        async def final() -> dict[str, Any] | None:
            order: dict[str, Any] = (await member.get(f"/api/v1/orders/{order_id}")).json()
            return order if order.get("status") in SETTLED else None

        order = await eventually_async(final, within=within, what=f"order {order_id} settled")
        assert order is not None
        return order

    @contextlib.contextmanager
    def away(self, *services: str) -> Iterator[None]:
        """Have services refuse connections and take no events, as if their processes were dead."""
        runtimes = [self.shop.runtimes[name] for name in services]
        for runtime in runtimes:
            self.shop.transport.take_away(runtime.settings.service)
            self.shop.broker.pause(runtime.settings.service)
        try:
            yield
        finally:
            for runtime in runtimes:
                self.shop.transport.bring_back(runtime.settings.service)
                self.shop.broker.resume(runtime.settings.service)
            self.heal()

    def heal(self) -> None:
        """Close every circuit breaker, so that one test's outage is no other's."""
        for runtime in self.shop.runtimes.values():
            runtime.peers.heal()
        gateway(self.shop).forwarding.heal()

    async def close(self) -> None:
        """Stop everything."""
        for client in self._clients:
            await client.aclose()
        await self.shop.stop()

    async def _appoint(self, email: str) -> None:
        from sqlalchemy import update

        from services.user.tables import accounts

        async with self.shop.runtimes["user"].database.transaction() as connection:
            await connection.execute(update(accounts).where(accounts.c.email == email).values(roles="admin"))


def gateway(shop: Shop) -> Proxy:
    """Return the gateway's proxy from inside its middleware."""
    proxy = shop.applications["gateway"].inner  # type: ignore[attr-defined]
    assert isinstance(proxy, Proxy)
    return proxy


@contextlib.asynccontextmanager
async def running_shop(folder: Path, **environment: str) -> AsyncIterator[TestShop]:
    """Start a shop in a folder, and stop it."""
    shop = compose(Environment({**ENVIRONMENT, "DATA_DIR": str(folder), **environment}))
    await shop.start()
    running = TestShop(shop)
    try:
        yield running
    finally:
        await running.close()
