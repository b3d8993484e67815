"""The shop with several instances of its services: each is replaced in turn while people shop, and nothing is lost."""

import os
import random
import secrets
import signal
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.e2e.shop import Shopper, Stack
from tests.e2e.test_storm import settled_report
from tests.soak import rounds
from tests.waiting import eventually

SERVICES = ("catalog", "cart", "order", "payment", "user", "notification", "gateway")
ROUNDS = rounds(1, 20)
BUYERS = 3
ORDERS = rounds(30, 500)
PAUSE_SECONDS = 0.2  # at a rate that two cores carry undisturbed while instances start

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(rounds(400, 7200))]


class Shopping:
    """Shoppers who browse, fill carts, order and look their orders up, until told to stop."""

    def __init__(self, shoppers: list[Shopper]) -> None:
        self.failures: list[str] = []
        self.orders: list[str] = []
        self.requests = 0
        self._shoppers = shoppers
        self._over = threading.Event()

    def run(self, number: int) -> None:
        """Shop as one of them."""
        shopper, chance = self._shoppers[number], random.Random(number)
        items = shopper.client.get("/api/v1/products", params={"limit": 40}).json()["items"]
        products = [item["id"] for item in items if item["available"] > 200]
        while not self._over.wait(PAUSE_SECONDS):
            product = chance.choice(products)
            self._ask(shopper, "GET", "/api/v1/products")
            self._ask(shopper, "PUT", f"/api/v1/cart/items/{product}", {"quantity": 1})
            placed = self._ask(shopper, "POST", "/orders", {"items": [{"productId": product, "quantity": 1}]})
            if placed is not None and placed.status_code == 201:
                self.orders.append(placed.json()["id"])
                self._ask(shopper, "GET", f"/api/v1/orders/{placed.json()['id']}")
                self._ask(shopper, "GET", f"/api/v1/payments?orderId={placed.json()['id']}")
            self._ask(shopper, "GET", "/api/v1/notifications")
            self._ask(shopper, "GET", "/api/v1/users/me")

    def stop(self) -> None:
        self._over.set()

    def _ask(self, shopper: Shopper, method: str, path: str, body: object = None) -> httpx.Response | None:
        self.requests += 1
        try:
            answer = shopper.client.request(method, path, json=body)
        except httpx.TransportError as error:
            self.failures.append(f"{method} {path}: {error!r}")
            return None
        if answer.status_code >= 500:
            self.failures.append(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer


def test_every_service_is_replaced_in_turn_while_people_shop_and_no_request_is_lost(embedded_stack: Stack) -> None:
    stack = embedded_stack
    stack.up(*(word for name in SERVICES for word in ("--scale", f"{name}=2")))
    shoppers = [stack.shopper() for _ in range(BUYERS)]
    shopping = Shopping(shoppers)
    with ThreadPoolExecutor(BUYERS) as pool:
        running = [pool.submit(shopping.run, number) for number in range(BUYERS)]
        try:
            for name in SERVICES * ROUNDS:
                stack.devctl("restart", name)
                assert shopping.failures == [], f"when {name} was replaced"
        finally:
            shopping.stop()
        for each in running:
            each.result()
    for shopper in shoppers:
        shopper.close()
    assert shopping.failures == []
    assert shopping.requests > 100
    report = settled_report(stack, shopping.orders)
    assert report.violations == []
    assert report.unsettled == []
    assert all(len(stack.service(name)["instances"]) == 2 for name in SERVICES)


def test_calls_are_spread_over_the_instances_of_a_service(embedded_stack: Stack) -> None:
    stack = embedded_stack
    stack.devctl("scale", "catalog=2")
    shopper = stack.shopper()

    def checks() -> list[bool]:
        """Whether each catalog was asked for stock."""
        pages = [httpx.get(f"http://{address}/metrics").text for address in instance_addresses(stack, "catalog")]
        return ["/inventory/check" in page for page in pages]

    def both_were_asked() -> bool:
        assert shopper.order().status_code == 201
        return all(checks())

    eventually(both_were_asked, within=60, every=0.1, what="both catalogs are asked for stock")
    shopper.close()


@pytest.fixture(scope="module")
def scaled_on_postgres() -> Iterator[Stack]:
    """The shop on one PostgreSQL, with three instances of order and two of catalog."""
    with tempfile.TemporaryDirectory(prefix="dv") as runtime:
        stack = Stack(
            f"pg{secrets.token_hex(3)}", Path(runtime), {"DEVCTL_RUN_AS": "auto"}, overlays=("stack.postgres.yaml",)
        )
        try:
            stack.up("--scale", "order=3", "--scale", "catalog=2")
            yield stack
        finally:
            stack.down()


def test_on_postgres_several_instances_share_the_work_and_the_books_balance(scaled_on_postgres: Stack) -> None:
    stack = scaled_on_postgres
    assert len(stack.service("order")["instances"]) == 3
    shoppers = [stack.shopper() for _ in range(BUYERS)]
    shopping = Shopping(shoppers)
    with ThreadPoolExecutor(BUYERS) as pool:
        running = [pool.submit(shopping.run, number) for number in range(BUYERS)]
        try:
            eventually(lambda: len(shopping.orders) >= ORDERS or shopping.failures, within=120, every=0.2)
        finally:
            shopping.stop()
        for each in running:
            each.result()
    for shopper in shoppers:
        shopper.close()
    assert shopping.failures == []
    report = settled_report(stack, shopping.orders)
    assert report.violations == []
    assert report.unsettled == []
    pages = [httpx.get(f"http://{address}/metrics").text for address in instance_addresses(stack, "order")]
    assert all("shop_events_consumed_total{" in page for page in pages), "an instance consumed no event"


def test_no_order_fails_once_the_health_check_has_noticed_that_one_of_two_catalogs_is_frozen(
    scaled_on_postgres: Stack,
) -> None:
    stack = scaled_on_postgres
    shopper = stack.shopper()
    product = shopper.product()["id"]
    frozen = stack.service("catalog")["instances"][0]

    def status() -> str:
        return str(stack.service("catalog")["instances"][0]["status"])

    os.kill(frozen["pid"], signal.SIGSTOP)
    try:
        eventually(lambda: status() == "unhealthy", within=60, every=0.2, what="the health check notices")
        answers = [shopper.order(product=product) for _ in range(ORDERS)]
        assert {answer.status_code for answer in answers} == {201}
    finally:
        os.kill(frozen["pid"], signal.SIGCONT)
        shopper.close()
    eventually(lambda: status() == "healthy", within=60, every=0.2)


def instance_addresses(stack: Stack, service: str) -> list[str]:
    return [each["ports"]["http"] for each in stack.service(service)["instances"]]
