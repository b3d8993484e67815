"""Shoppers for the shop's own smoke checks: run with `devctl smoke`, which gives `http`, `stack`, `traces`, …"""

import secrets
from collections.abc import Callable
from typing import Any

import pytest

FINAL = frozenset({"confirmed", "rejected", "cancelled", "refunded"})
SETTLE_SECONDS = 30

# Without the plug-in of `devctl smoke` there is no stack to ask.
collect_ignore_glob: list[str] = []


def pytest_configure(config: pytest.Config) -> None:
    if not config.pluginmanager.has_plugin("devctl-smoke"):
        collect_ignore_glob.append("test_*.py")


class Shopper:
    """A client of the gateway, logged in unless a guest."""

    def __init__(self, client: Any, eventually: Callable[..., Any]) -> None:
        self.client = client
        self._eventually = eventually

    def register(self) -> "Shopper":
        """Become somebody new, and log in."""
        person = {
            "email": f"{secrets.token_hex(8)}@example.org",
            "password": secrets.token_urlsafe(16),
            "name": "Smoke",
        }
        self.client.post("/api/v1/users", json=person).raise_for_status()
        session = self.client.post("/api/v1/sessions", json={k: person[k] for k in ("email", "password")})
        self.client.headers["Authorization"] = f"Bearer {session.raise_for_status().json()['accessToken']}"
        return self

    def products(self, *, least: int = 50) -> list[dict[str, Any]]:
        """Return products of which there is plenty."""
        items = self.client.get("/api/v1/products", params={"limit": 100}).raise_for_status().json()["items"]
        plenty: list[dict[str, Any]] = [item for item in items if item["available"] >= least]
        assert plenty, "no product with plenty of stock"
        return plenty

    def available(self, product: str) -> int:
        """Return how much of a product can be ordered now."""
        return int(self.client.get(f"/api/v1/products/{product}").raise_for_status().json()["available"])

    def order(self, items: dict[str, int], *, key: str = "", **more: Any) -> Any:
        """Order, and return the answer."""
        lines = [{"productId": product, "quantity": quantity} for product, quantity in items.items()]
        headers = {"Idempotency-Key": key} if key else {}
        return self.client.post("/orders", json={"items": lines, **more}, headers=headers)

    def settled(self, order_id: str) -> dict[str, Any]:
        """Return an order once it is final."""

        def final() -> dict[str, Any] | None:
            order: dict[str, Any] = self.client.get(f"/api/v1/orders/{order_id}").raise_for_status().json()
            return order if order["status"] in FINAL else None

        order: dict[str, Any] = self._eventually(final, within=SETTLE_SECONDS, what=f"order {order_id} is settled")
        return order

    def payments(self, order_id: str) -> list[dict[str, Any]]:
        """Return the charges and refunds of an order."""
        answer = self.client.get("/api/v1/payments", params={"orderId": order_id})
        items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
        return items

    def messages(self, order_id: str) -> list[str]:
        """Return the types of the messages about an order once there are some."""

        def types() -> list[str]:
            items = self.client.get("/api/v1/notifications").raise_for_status().json()["items"]
            return [item["type"] for item in items if item.get("orderId") == order_id]

        kinds: list[str] = self._eventually(
            types, within=SETTLE_SECONDS, what=f"a message about order {order_id}", blames="notification"
        )
        return kinds


@pytest.fixture
def guest(http: Any, eventually: Callable[..., Any]) -> Shopper:
    return Shopper(http("gateway"), eventually)


@pytest.fixture
def shopper(http: Any, eventually: Callable[..., Any]) -> Shopper:
    return Shopper(http("gateway"), eventually).register()


@pytest.fixture
def another(http: Any, eventually: Callable[..., Any]) -> Shopper:
    return Shopper(http("gateway"), eventually).register()
