"""Shoppers for the shop's own smoke checks: run with `devctl smoke`, which gives `http`, `stack`, `traces`, …"""

import secrets
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
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

    def all_payments(self) -> list[dict[str, Any]]:
        """Return the charges and refunds of all its orders."""
        items: list[dict[str, Any]] = self.client.get("/api/v1/payments").raise_for_status().json()["items"]
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


class BlamedError(AssertionError):
    """Something does not hold, and `service` owes it."""

    def __init__(self, message: str, service: str) -> None:
        super().__init__(message)
        self.service = service


class Pace:
    """How long routes take, each by its quick answers: those of a busy machine come late too, but not all of them."""

    def __init__(self) -> None:
        self._seconds: defaultdict[tuple[str, str], list[float]] = defaultdict(list)

    def add(self, service: str, route: str, answer: Any) -> None:
        """Remember how long an answer took, of the service that gives it."""
        self._seconds[service, route].append(answer.elapsed.total_seconds())

    def check(self) -> None:
        """Raise BlamedError when one route takes far longer than the others do on this machine now."""
        quick = {route: sorted(seconds)[len(seconds) // 10] for route, seconds in self._seconds.items()}
        usual = sorted(quick.values())[(len(quick) - 1) // 2]
        for (service, route), seconds in quick.items():
            if seconds > max(SLOW_SECONDS, SLOW_FACTOR * usual) * WORK.get(route, 1):
                raise BlamedError(f"{route} takes {seconds:.2f} s where others take {usual:.2f} s", service)


SLOW_SECONDS, SLOW_FACTOR = 0.25, 6  # the slowest route of a healthy shop takes 20 ms, and three times the usual
WORK = {"POST /orders": 3}  # it asks three services, and writes
PACE_SECONDS = 0.021  # the gateway lets a user send 50 requests a second
CROWD = 4


class Crowd:
    """Shoppers who do the same at the same time; `pace` is how long their requests take."""

    def __init__(self, shoppers: list[Shopper]) -> None:
        self.shoppers = shoppers
        self.pace = Pace()

    def all_do(self, act: Callable[[Shopper], Any], times: int, *, at_once: int = CROWD) -> list[Any]:
        """Have each act so often, some of them at once; return what came of it."""

        def one_does(shopper: Shopper) -> list[Any]:
            return [act(shopper) for _ in range(times)]

        with ThreadPoolExecutor(at_once) as pool:
            return [result for results in pool.map(one_does, self.shoppers) for result in results]

    def get(self, shopper: Shopper, service: str, route: str, path: str) -> None:
        """Have one of them ask for something that a service owes."""
        self.take(shopper.client.get(path), 200, service, f"GET {route}")

    def take(self, answer: Any, status: int, service: str, route: str) -> Any:
        """Return an answer of a service; BlamedError when it is not as it should be."""
        time.sleep(max(PACE_SECONDS - answer.elapsed.total_seconds(), 0.0))
        if answer.status_code != status:
            owing = "" if answer.status_code >= 500 else service  # whose fault it was the trace tells
            raise BlamedError(f"{route}: {answer.status_code}, expected {status}: {answer.text}", owing)
        self.pace.add(service, route, answer)
        return answer


@pytest.fixture
def crowd(http: Any, eventually: Callable[..., Any]) -> Crowd:
    return Crowd([Shopper(http("gateway"), eventually).register() for _ in range(CROWD)])


@pytest.fixture
def another(http: Any, eventually: Callable[..., Any]) -> Shopper:
    return Shopper(http("gateway"), eventually).register()
