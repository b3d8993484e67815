"""The main job: the whole shop natively, an order all the way through it, and what devctl tells of it."""

import json
import subprocess
import time
from typing import Any

import httpx
import psutil
import pytest

from tests.e2e.shop import Shopper, Stack
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
SERVICES = ("gateway", "catalog", "cart", "order", "payment", "user", "notification")


def test_the_shop_is_healthy_on_a_real_kafka_and_a_real_prometheus(stack: Stack) -> None:
    eventually(lambda: stack.service("prometheus")["status"] == "healthy", within=120, every=0.5)
    services = {service["name"]: service for service in stack.status()["services"]}
    assert [services[name]["status"] for name in SERVICES] == ["healthy"] * 7
    assert [services[name]["variant"] for name in ("kafka", "prometheus")] == ["native", "native"]
    assert stack.devctl("status").returncode == 0


def test_an_order_is_paid_and_told_by_way_of_kafka(stack: Stack, shopper: Shopper) -> None:
    answer = shopper.order(2)
    assert answer.status_code == 201
    order = answer.json()
    assert shopper.settled(order["id"])["status"] == "confirmed"
    assert shopper.told(order["id"]) == ["order_confirmed"]
    (charge,) = shopper.client.get("/api/v1/payments", params={"orderId": order["id"]}).json()["items"]
    assert (charge["status"], charge["amount"]) == ("captured", order["total"]["amount"])
    event = _consumed(stack, order["id"])
    assert event["orderId"] == order["id"]
    assert event["amount"] == order["total"]["amount"]


def _consumed(stack: Stack, order_id: str) -> dict[str, Any]:
    """Read `order.created` with Kafka's own console consumer, which shares nothing with ours."""
    from devctl.products import toolbox

    java, jars = toolbox.find("java"), toolbox.find("kafka")
    assert java
    assert jars
    command = [str(java.path), "-cp", f"{jars.path}/*", "org.apache.kafka.tools.consumer.ConsoleConsumer"]
    command += ["--bootstrap-server", stack.address("kafka", "broker"), "--topic", "shop.order.v1", "--from-beginning"]
    command += ["--property", "print.headers=true", "--property", "print.key=true", "--timeout-ms", "8000"]
    printed = subprocess.run(command, text=True, capture_output=True, timeout=60).stdout
    created = [line for line in printed.splitlines() if "ce_type:order.created" in line and f"\t{order_id}\t" in line]
    assert len(created) == 1, printed
    assert "traceparent:" in created[0]
    event: dict[str, Any] = json.loads(created[0].rpartition("\t")[2])
    return event


def test_too_little_stock_and_unknown_products_are_the_contracts_400(shopper: Shopper) -> None:
    product = shopper.product()
    for answer in (shopper.order(1000, product=product["id"]), shopper.order(1, product="no-such-product")):
        if product["available"] >= 1000 and answer.status_code == 201:
            continue
        assert (answer.status_code, answer.json()) == (400, {"error": "Insufficient stock"})


def test_a_killed_payment_service_comes_back_and_the_waiting_order_is_paid(stack: Stack, shopper: Shopper) -> None:
    before = stack.service("payment")["instances"][0]["pid"]
    stack.devctl("kill", "payment")
    order = shopper.order().json()
    assert shopper.settled(order["id"])["status"] == "confirmed"
    payment = eventually(lambda: (s := stack.service("payment"))["status"] == "healthy" and s, within=30, every=0.2)
    assert payment["instances"][0]["pid"] != before


def test_a_stopped_catalog_is_the_contracts_500_and_elsewhere_503_until_it_is_back(
    stack: Stack, shopper: Shopper
) -> None:
    product = shopper.product()["id"]
    stack.devctl("stop", "catalog")
    try:
        began = time.monotonic()
        answer = shopper.order(product=product)
        assert (answer.status_code, answer.json()) == (500, {"error": "Order creation error"})
        missing = shopper.client.get("/api/v1/products")
        assert (missing.status_code, "retry-after" in missing.headers) == (503, True)
        assert time.monotonic() - began < 10.5
    finally:
        stack.devctl("start", "catalog")
    eventually(lambda: shopper.order(product=product).status_code == 201, within=30, every=0.3)


def test_prometheus_scrapes_every_service_and_the_hub(stack: Stack) -> None:
    eventually(lambda: stack.service("prometheus")["status"] == "healthy", within=120, every=0.5)

    def up() -> set[str]:
        answer = httpx.get(f"http://{stack.address('prometheus')}/api/v1/query", params={"query": "up == 1"}).json()
        return {series["metric"]["job"] for series in answer["data"]["result"]}

    eventually(lambda: up() >= {*SERVICES, "hub"}, within=60, every=0.5, what="all targets up")


def test_one_order_is_one_trace_over_http_and_kafka_with_its_log_lines(stack: Stack, shopper: Shopper) -> None:
    order = shopper.order().json()
    shopper.told(order["id"])

    def journey() -> list[dict[str, Any]]:
        done = stack.devctl("journey", order["id"], "--json", check=False)
        return [json.loads(line) for line in done.stdout.splitlines()]

    needed = {"gateway", "order", "catalog", "payment", "notification"}
    kinds = {"request", "published", "consumed", "database", "log"}

    def whole() -> list[dict[str, Any]]:
        """The journey once every service's spans are in: they arrive up to a second late."""
        steps = journey()
        has_all = {e["service"] for e in steps} >= needed and {e["kind"] for e in steps} >= kinds
        return steps if has_all else []

    entries = eventually(whole, within=20, every=0.3, what="all spans of the order")
    placed = next(e for e in entries if e["service"] == "gateway" and e["what"].startswith("POST /api/v1/orders"))

    def touched() -> set[str]:
        """The services of the order's trace."""
        listed = stack.lines("traces", "-n", "100", "--json")
        return {name for t in listed if t["trace_id"] == placed["trace_id"] for name in t["services"]}

    eventually(lambda: touched() >= needed, within=20, every=0.3, what="one trace over all services")
    lines = stack.lines("logs", "--trace", placed["trace_id"], "--json")
    assert {"order", "payment"} <= {line["service"] for line in lines}


def test_nothing_listens_beyond_loopback(stack: Stack) -> None:
    pids = {instance["pid"] for service in stack.status()["services"] for instance in service["instances"]}
    processes = [psutil.Process(pid) for pid in pids if pid]
    family = {child for process in processes for child in (process, *process.children(recursive=True))}
    listening = [
        connection.laddr.ip
        for process in family
        for connection in process.net_connections(kind="inet")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 9
    assert {ip for ip in listening if ip.removeprefix("::ffff:") not in ("127.0.0.1", "::1")} == set()


def test_folders_and_files_of_a_stack_are_the_users_alone(stack: Stack) -> None:
    open_to_others = [
        path for path in (stack.state, *stack.state.rglob("*")) if not path.is_symlink() and path.stat().st_mode & 0o077
    ]
    private = [path for path in open_to_others if (stack.state / "volumes") not in path.parents]
    assert private == []
    assert (stack.runtime / "devctl").stat().st_mode & 0o077 == 0
