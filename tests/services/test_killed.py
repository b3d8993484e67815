"""Services as processes that are killed (kill -9) or hang (SIGSTOP): what goes on without them, and what is said."""

import contextlib
import secrets
import signal
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from services import FRONT, PORTS
from services.common.events.kafka import SESSION_SECONDS
from tests.e2e.shop import Shopper
from tests.services.processes import Running, free_port, kafka, running
from tests.soak import rounds
from tests.waiting import eventually

LONGEST_SECONDS = 5.0
TOPICS = {f"shop.{name}.v1{end}": 2 for name in ("order", "payment", "product", "user") for end in ("", ".dlq")}

pytestmark = pytest.mark.xdist_group("killed")


@dataclass
class Shop:
    """Seven processes and a broker."""

    folder: Path
    environment: dict[str, str]
    ports: dict[str, int]
    running: dict[str, Running] = field(default_factory=dict)
    _life: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def start(self, *names: str) -> None:
        """Start services that do not run, and wait until each is ready."""

        def start_service(name: str) -> Running:
            port = str(self.ports[name])
            return self._life.enter_context(running(f"services.{name}", self.folder, PORT=port, **self.environment))

        with ThreadPoolExecutor(3) as pool:  # all at once would each take the time of all
            self.running |= dict(zip(names, pool.map(start_service, names), strict=True))

    @contextlib.contextmanager
    def killed(self, *names: str) -> Iterator[None]:
        """Kill services, and start them again afterwards."""
        for name in names:
            self.running[name].process.kill()
            self.running[name].process.wait(10)
        try:
            yield
        finally:
            self.start(*names)

    @contextlib.contextmanager
    def hanging(self, *names: str) -> Iterator[None]:
        """Stop services where they stand, and let them go on afterwards."""
        for name in names:
            self.running[name].process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            for name in names:
                self.running[name].process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End every process."""
        self._life.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("killed")
    ports = {name: free_port() for name in PORTS}
    with kafka(folder / "kafka", TOPICS) as broker:
        urls = {f"{name.upper()}_SERVICE_URL": f"http://127.0.0.1:{port}" for name, port in ports.items()}
        environment = {"KAFKA_BOOTSTRAP_SERVERS": broker, "SHOP_SECRETS": str(folder / "secrets"), **urls}
        shop = Shop(folder, environment, ports)
        try:
            shop.start(*PORTS)
            yield shop
        finally:
            shop.close()


def _newcomer(shop: Shop) -> Shopper | None:
    """Return somebody new; None while the gateway still waits for what an earlier test took away."""
    try:
        return Shopper.register(shop.running[FRONT].url)
    except httpx.HTTPStatusError as refusal:
        if refusal.response.status_code != 503:
            raise
        return None


@pytest.fixture
def shopper(shop: Shop) -> Iterator[Shopper]:
    """Someone new whom every service has seen, so that each has the keys of tokens by now."""
    shopper = eventually(lambda: _newcomer(shop), within=30, every=0.2, what="the gateway takes somebody in")
    for resource in ("cart", "orders", "payments", "notifications"):
        shopper.client.get(f"/api/v1/{resource}").raise_for_status()
    yield shopper
    shopper.close()


def _ask(shopper: Shopper, method: str, path: str, **options: Any) -> httpx.Response:
    """Ask, and see that the answer comes in time."""
    began = time.monotonic()
    answer = shopper.client.request(method, path, **options)
    assert time.monotonic() - began < LONGEST_SECONDS, (path, answer.status_code)
    return answer


def _all_at_once(*asks: Callable[[], httpx.Response]) -> list[httpx.Response]:
    with ThreadPoolExecutor(len(asks)) as pool:
        return [call.result() for call in [pool.submit(ask) for ask in asks]]


def _is_away(answer: httpx.Response) -> bool:
    return answer.status_code == 503 and int(answer.headers["retry-after"]) >= 1 and "error" in answer.json()


def _is_the_contracts_500(answer: httpx.Response) -> bool:
    return (answer.status_code, answer.json()) == (500, {"error": "Order creation error"})


def test_without_payment_notification_and_user_people_browse_fill_carts_and_order(shop: Shop, shopper: Shopper) -> None:
    product = shopper.product()["id"]
    ask = partial(_ask, shopper)
    with shop.killed("payment", "notification", "user"):
        assert ask("GET", "/api/v1/products?query=desk").json()["items"]
        assert ask("PUT", f"/api/v1/cart/items/{product}", json={"quantity": 2}).status_code == 200
        bought = ask("POST", "/api/v1/cart/checkout")
        assert (bought.status_code, bought.json()["status"]) == (201, "awaiting_payment")
        second = ask("POST", "/orders", json={"items": [{"productId": product, "quantity": 1}]})
        assert second.status_code == 201
        cancelled = ask("POST", f"/api/v1/orders/{second.json()['id']}/cancel").json()
        assert (cancelled["status"], cancelled["cancelRequested"]) == ("awaiting_payment", True)
        assert len(ask("GET", "/api/v1/orders").json()["items"]) == 2
        for path in ("/api/v1/payments", "/api/v1/notifications", "/api/v1/users/me"):
            assert _is_away(ask("GET", path)), path
    assert shopper.settled(bought.json()["id"])["status"] == "confirmed"
    assert shopper.settled(second.json()["id"])["status"] in ("cancelled", "refunded")
    assert shopper.told(bought.json()["id"]) == ["order_confirmed"]
    charges = shopper.client.get("/api/v1/payments", params={"orderId": bought.json()["id"]}).json()["items"]
    assert [charge["status"] for charge in charges] == ["captured"]


@pytest.mark.parametrize("how", ["killed", "hanging"])
def test_without_the_catalog_nothing_hangs_and_nothing_is_half_created(shop: Shop, shopper: Shopper, how: str) -> None:
    product = shopper.product()
    path, body = f"/api/v1/products/{product['id']}", {"items": [{"productId": product["id"], "quantity": 3}]}
    in_cart = f"/api/v1/cart/items/{product['id']}"
    assert shopper.client.put(in_cart, json={"quantity": 2}).status_code == 200
    key = {"Idempotency-Key": secrets.token_hex(8)}
    away = shop.killed if how == "killed" else shop.hanging
    ask = partial(partial, _ask, shopper)
    with away("catalog"):
        orders = [ask("POST", "/orders", json=body, headers=key), ask("POST", "/api/v1/orders", json=body)]
        assert all(map(_is_the_contracts_500, _all_at_once(*orders, ask("POST", "/api/v1/cart/checkout"))))
        assert _is_the_contracts_500(orders[0]())
        gone = ("/api/v1/products", "/api/v1/products?query=desk", path, "/api/v1/categories")
        asks = (*(ask("GET", other) for other in gone), ask("PUT", in_cart, json={"quantity": 4}))
        assert all(map(_is_away, _all_at_once(*asks)))
        assert ask("GET", "/api/v1/cart")().json()["items"][0]["quantity"] == 2
        assert ask("GET", "/api/v1/orders")().json()["items"] == []
    answer = eventually(
        lambda: (got := orders[0]()).status_code == 201 and got, within=30, every=0.2, what="orders taken again"
    )
    assert shopper.settled(answer.json()["id"])["status"] == "confirmed"
    assert [order["id"] for order in shopper.client.get("/api/v1/orders").json()["items"]] == [answer.json()["id"]]
    assert len(shopper.client.get("/api/v1/payments").json()["items"]) == 1
    assert shopper.client.get(path).json()["available"] == product["available"] - 3


def test_an_order_service_that_hangs_is_a_503_in_time_and_no_order_is_doubled(shop: Shop, shopper: Shopper) -> None:
    product = shopper.product()["id"]
    key = {"Idempotency-Key": secrets.token_hex(8)}
    assert shopper.client.put(f"/api/v1/cart/items/{product}", json={"quantity": 1}).status_code == 200
    ask = partial(partial, _ask, shopper)
    order = ask("POST", "/orders", json={"items": [{"productId": product, "quantity": 1}]}, headers=key)
    checkout = ask("POST", "/api/v1/cart/checkout")
    with shop.hanging("order"):
        assert all(map(_is_away, _all_at_once(order, checkout, ask("GET", "/api/v1/orders"))))
        assert ask("PUT", f"/api/v1/cart/items/{product}", json={"quantity": 1})().status_code == 200
        assert ask("GET", "/api/v1/products")().status_code == 200
    for again in (order, checkout):
        eventually(lambda again=again: again().status_code == 201, within=30, every=0.2, what="orders taken again")
    assert len(shopper.client.get("/api/v1/orders").json()["items"]) == 2


CONSUMERS = ("order", "payment", "notification", "cart")


@pytest.mark.parametrize("frozen", rounds([CONSUMERS], [CONSUMERS, *((name,) for name in CONSUMERS)]), ids="+".join)
def test_consumers_frozen_past_their_session_with_events_in_hand_bring_every_order_home(
    shop: Shop, shopper: Shopper, frozen: tuple[str, ...]
) -> None:
    wish = {"items": [{"productId": shopper.product()["id"], "quantity": 1}]}
    orders = [shopper.client.post("/orders", json=wish).json()["id"] for _ in range(10)]
    thaws_at = time.monotonic() + SESSION_SECONDS + 1.5
    with shop.hanging(*frozen):
        eventually(lambda: time.monotonic() > thaws_at, within=20)
    for order in orders:
        eventually(lambda order=order: _status(shopper, order) == "confirmed", within=40, every=0.2, what=order)
        assert shopper.told(order) == ["order_confirmed"]
    later = shopper.client.post("/orders", json=wish).json()["id"]
    assert shopper.settled(later)["status"] == "confirmed"


def _status(shopper: Shopper, order: str) -> str:
    answer = shopper.client.get(f"/api/v1/orders/{order}")
    return str(answer.json()["status"]) if answer.status_code == 200 else ""
