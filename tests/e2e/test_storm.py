"""Orders under fire: services and broker are killed at random, and afterwards every book must balance."""

import asyncio
import os
import random
import secrets
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from services.ops import reconciliation
from tests.e2e.shop import Shopper, Stack
from tests.soak import rounds
from tests.waiting import eventually

ORDERS, KILLS = rounds((500, 20), (10_000, 200))
BUYERS = 6
TARGETS = ("order", "payment", "catalog", "kafka")

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(rounds(400, 3600))]


@pytest.fixture
def seed() -> Iterator[int]:
    seed = int(os.environ.get("DEVCTL_STORM_SEED", secrets.randbelow(1 << 32)))
    print(f"DEVCTL_STORM_SEED={seed}")  # pytest shows it when the test fails
    return seed


def _place_order(shopper: Shopper, products: list[str], chance: random.Random) -> str:
    """Order once, asking again under the same key until there is a clear answer; return the id, empty if refused."""
    key = secrets.token_hex(16)
    card = "tok_declined" if chance.random() < 0.1 else "tok_visa"
    product, quantity = chance.choice(products), chance.randint(1, 2)

    def answered() -> httpx.Response | None:
        try:
            answer = shopper.order(quantity, product=product, key=key, paymentMethod=card)
        except httpx.TransportError:
            return None
        return answer if answer.status_code in (201, 400) else None

    answer = eventually(answered, within=90, every=0.1, what="a clear answer to an order")
    assert answer is not None
    return str(answer.json()["id"]) if answer.status_code == 201 else ""


def test_no_order_unit_or_cent_is_lost_or_doubled_while_services_and_broker_are_killed(stack: Stack, seed: int) -> None:
    _storm(stack, seed, ORDERS, KILLS, TARGETS)


def test_the_same_holds_while_the_embedded_broker_is_killed(embedded_stack: Stack, seed: int) -> None:
    _storm(embedded_stack, seed, ORDERS // 2, KILLS // 2, ("kafka",))


def _storm(stack: Stack, seed: int, orders: int, kills: int, targets: Sequence[str]) -> None:
    """Order from several buyers at once while targets are killed, then check the books."""
    chance = random.Random(seed)
    shoppers = [stack.shopper() for _ in range(BUYERS)]
    listed = shoppers[0].client.get("/api/v1/products", params={"limit": 100}).json()["items"]
    products = [item["id"] for item in sorted(listed, key=lambda item: item["available"])[:8]]
    acknowledged: list[str] = []
    is_over = threading.Event()

    def buy(number: int) -> None:
        chance = random.Random(seed + number)
        for _ in range(orders // BUYERS + 1):
            acknowledged.append(_place_order(shoppers[number], products, chance))

    def kill() -> int:
        done = 0
        while done < kills:
            stack.devctl("kill", chance.choice(targets), check=False)
            done += 1
            is_over.wait(chance.uniform(0.3, 2.0))
        return done

    with ThreadPoolExecutor(BUYERS + 1) as pool:
        killer = pool.submit(kill)
        for buyer in [pool.submit(buy, number) for number in range(BUYERS)]:
            buyer.result()
        is_over.set()
        assert killer.result() == kills
    for shopper in shoppers:
        shopper.close()
    ids = [order_id for order_id in acknowledged if order_id]
    assert len(acknowledged) >= orders
    assert len(ids) == len(set(ids))
    report = settled_report(stack, ids)
    assert report.violations == []
    assert report.unsettled == []
    stack.devctl("exec", "payment", "--", sys.executable, "-m", "services.payment.reconcile")


def settled_report(stack: Stack, ids: list[str]) -> reconciliation.Report:
    """Wait until everything is settled (or a rule is broken for good) and return what the checker found."""
    volumes = stack.state / "volumes"
    urls = reconciliation.urls_below(volumes)
    if stack.overlays:  # on one PostgreSQL, a schema for each service
        address = stack.address("postgres", "postgres")
        url = f"postgresql://postgres@{address}/shop?passfile={volumes / 'postgres' / 'pgpass'}"
        urls = dict.fromkeys(("catalog", "order", "payment"), url)

    def report() -> reconciliation.Report:
        return reconciliation.check(asyncio.run(reconciliation.read(urls)), ids)

    try:
        eventually(lambda: report().is_clean, within=120, every=1.0, what="all orders settled")
    except AssertionError:
        return report()
    return report()
