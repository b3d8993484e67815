"""All seven services as one process under devctl: what a shopper does and an engineer looks at is the same."""

import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from services import PORTS
from tests.e2e.shop import Stack
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(200)]


@pytest.fixture(scope="module", params=[(), ("stack.postgres.yaml",)], ids=["sqlite", "postgres"])
def monolith(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """What `devctl up monolith` starts, with a file for each database and on one PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="dv") as runtime:
        stack = Stack(f"mono{secrets.token_hex(3)}", Path(runtime), door="monolith", overlays=request.param)
        try:
            stack.up("monolith")
            yield stack
        finally:
            stack.down()


def test_the_monolith_needs_nothing_beside_it_and_answers_for_all_of_itself(monolith: Stack) -> None:
    services = {service["name"]: service["status"] for service in monolith.status()["services"]}
    database = {"postgres"} if monolith.overlays else set()
    assert services == dict.fromkeys({"monolith", "hub"} | database, "healthy")
    assert bool(list((monolith.state / "volumes" / "monolith").rglob("*.db"))) == (not database)
    base = f"http://{monolith.address('monolith')}"
    checks = httpx.get(f"{base}/health/ready").json()["checks"]
    assert {name: check["state"] for name, check in checks.items()} == {
        f"{name}.database": "up" for name in PORTS if name != "gateway"
    }
    page = httpx.get(f"{base}/metrics").text
    assert all(f'service="{name}"' in page for name in PORTS)


def test_a_shopper_finds_the_same_shop_in_one_process(monolith: Stack) -> None:
    shopper = monolith.shopper()
    product = shopper.product(least=100)
    assert shopper.order(1000, product="no-such-product").json() == {"error": "Insufficient stock"}
    bought = shopper.order(2, product=product["id"], key="k")
    assert bought.status_code == 201
    order_id = bought.json()["id"]
    assert shopper.order(2, product=product["id"], key="k").json() == bought.json()
    assert shopper.order(3, product=product["id"], key="k").status_code == 422
    assert shopper.settled(order_id)["status"] == "confirmed"
    assert shopper.told(order_id) == ["order_confirmed"]
    declined = shopper.order(2, product=product["id"], paymentMethod="tok_declined").json()["id"]
    assert shopper.settled(declined)["status"] == "rejected"
    assert shopper.client.post(f"/api/v1/orders/{order_id}/cancel").status_code == 200
    path = f"/api/v1/orders/{order_id}"
    eventually(lambda: shopper.client.get(path).json()["status"] == "refunded", within=20, what="the money back")
    where = f"/api/v1/products/{product['id']}"
    back = product["available"]
    eventually(lambda: shopper.client.get(where).json()["available"] == back, within=20, what="the stock back")
    put = shopper.client.put(f"/api/v1/cart/items/{product['id']}", json={"quantity": 1})
    assert (put.status_code, shopper.client.post("/api/v1/cart/checkout").status_code) == (200, 201)
    shopper.close()


def test_an_order_is_followed_from_request_to_message_in_one_process(monolith: Stack) -> None:
    shopper = monolith.shopper()
    order_id = shopper.order().json()["id"]
    shopper.told(order_id)
    needed = {"request", "database", "published", "consumed", "log"}

    def kinds() -> set[str]:
        listed = monolith.lines("journey", order_id, "--json") if monolith.lines("traces", "--json") else []
        return {entry["kind"] for entry in listed}

    eventually(lambda: kinds() >= needed, within=20, every=0.3, what="the whole journey of the order")
    shopper.close()


def test_the_demo_shows_the_monolith_too(monolith: Stack) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "services.ops.demo"],
        env={"GATEWAY_URL": f"http://{monolith.address('monolith')}"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "order_confirmed" in done.stdout
