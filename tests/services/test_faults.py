"""Every fault that can be asked for does what its name says, shows in a metric, and ends."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.services.harness import TestShop
from tests.waiting import eventually_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def switch(client: httpx.AsyncClient, kind: str, **more: object) -> None:
    answer = await client.put("/faults", json=[{"kind": kind, **more}])
    assert answer.status_code == 200, answer.text


async def hits(client: httpx.AsyncClient, kind: str) -> float:
    page = (await client.get("/metrics")).text
    lines = [line for line in page.splitlines() if line.startswith(f'shop_faults_injected_total{{kind="{kind}"}}')]
    return float(lines[0].split()[1]) if lines else 0.0


@pytest_asyncio.fixture(loop_scope="session")
async def catalog(shop: TestShop) -> AsyncIterator[httpx.AsyncClient]:
    client = shop.inside("catalog")
    yield client
    await client.delete("/faults")
    shop.heal()


async def test_a_slow_query_makes_reading_slow(catalog: httpx.AsyncClient) -> None:
    await switch(catalog, "slow_query", milliseconds=150)
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert (await catalog.get("/api/v1/products?limit=1")).status_code == 200
    assert loop.time() - began > 0.14
    assert await hits(catalog, "slow_query") >= 1


async def test_an_exhausted_pool_is_a_503_and_comes_back(catalog: httpx.AsyncClient) -> None:
    await switch(catalog, "pool_exhaustion", durationSeconds=60)

    async def is_held() -> bool:
        return (await catalog.get("/api/v1/products?limit=1")).status_code == 503

    await eventually_async(is_held, within=15)
    assert await hits(catalog, "pool_exhaustion") >= 6
    await catalog.delete("/faults")

    async def is_back() -> bool:
        return (await catalog.get("/api/v1/products?limit=1")).status_code == 200

    await eventually_async(is_back, within=15)


async def test_a_leak_keeps_memory_until_it_is_cleared(shop: TestShop, catalog: httpx.AsyncClient) -> None:
    await switch(catalog, "leak")
    for _ in range(3):
        await catalog.get("/api/v1/products?limit=1")
    faults = shop.shop.runtimes["catalog"].faults
    assert len(faults._leaked) == 3
    await catalog.delete("/faults")
    assert not faults._leaked


async def test_a_paused_consumer_holds_orders_up_and_declining_all_rejects_them(shop: TestShop) -> None:
    payment = shop.inside("payment")
    member, product = await shop.member(), await shop.product()
    body = {"items": [{"productId": product["id"], "quantity": 1}]}
    try:
        await switch(payment, "paused_consumer")
        order = (await member.post("/orders", body)).json()

        async def is_hit() -> bool:
            return await hits(payment, "paused_consumer") >= 2

        await eventually_async(is_hit)
        assert (await member.get(f"/orders/{order['id']}")).json()["status"] == "awaiting_payment"
        await switch(payment, "decline_all")
        assert (await shop.settled(member, order["id"], within=20))["status"] == "rejected"
        assert await hits(payment, "decline_all") >= 1
    finally:
        await payment.delete("/faults")


async def test_a_fault_ends_by_itself(catalog: httpx.AsyncClient) -> None:
    await switch(catalog, "error", status=500, durationSeconds=0.3)
    assert (await catalog.get("/api/v1/products?limit=1")).status_code == 500

    async def is_over() -> bool:
        return (await catalog.get("/api/v1/products?limit=1")).status_code == 200

    await eventually_async(is_over, within=5)
    assert 'shop_faults_active{kind="error"} 0.0' in (await catalog.get("/metrics")).text


async def test_faults_are_not_reachable_through_the_gateway(shop: TestShop) -> None:
    assert (await shop.client().get("/api/v1/products/faults")).status_code == 404
    answer = await shop.client("catalog", **{"forwarded-by-gateway": "1"}).get("/faults")
    assert answer.status_code == 404
