"""The gateway as its clients see it, with the shop behind it."""

import asyncio
import itertools
import re
from pathlib import Path

import pytest

from services.common.runtime import secrets
from services.gateway.adapters import FileSplits
from services.gateway.domain import Split
from tests.services.harness import TestShop, running_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_what_is_inside_stays_inside(shop: TestShop) -> None:
    token = shop.shop.runtimes["catalog"].token
    body = {"items": [{"productId": "p", "quantity": 1}]}
    for path in (
        "/inventory/check",
        "/api/v1/products/../../../inventory/check",
        "/api/v1/products/%2e%2e/inventory/check",
    ):
        answer = await shop.client(**{secrets.HEADER: token}).post(path, json=body)
        assert answer.status_code in (404, 405), path


async def test_a_visitor_cannot_pass_for_a_service(shop: TestShop) -> None:
    member = await shop.member()
    stolen = {secrets.HEADER: shop.shop.runtimes["catalog"].token}
    product = await shop.product()
    answer = await member.client.post(
        f"/api/v1/products/{product['id']}/stock", json={"quantity": 5, "delta": 5}, headers=stolen
    )
    assert answer.status_code == 403


@pytest.mark.parametrize("token", ["Bearer nonsense", "Basic dTpw", "Bearer "])
async def test_a_bad_token_is_refused_at_the_front_even_where_none_is_needed(shop: TestShop, token: str) -> None:
    answer = await shop.client(authorization=token).get("/api/v1/products")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_the_common_document_has_every_public_route_and_no_other(shop: TestShop) -> None:
    document = (await shop.client().get("/openapi.json")).json()
    paths = document["paths"]
    for path in ("/orders", "/api/v1/orders", "/api/v1/products", "/api/v1/sessions", "/api/v1/cart/checkout"):
        assert path in paths
    assert not [path for path in paths if path.startswith(("/inventory", "/messages", "/metrics"))]
    ids = [op["operationId"] for item in paths.values() for op in item.values() if "operationId" in op]
    assert len(ids) == len(set(ids))


async def test_the_page_of_links_leads_on(shop: TestShop) -> None:
    page = (await shop.client().get("/")).text
    assert "/docs" in page
    assert "make demo" in page


@pytest.mark.parametrize("path", ["/", "/docs"])
async def test_a_page_needs_nothing_from_elsewhere(shop: TestShop, path: str) -> None:
    answer = await shop.client().get(path)
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; ")
    elsewhere = re.findall(
        r"""(?:src=|<link[^>]*href=|url\(|@import|import\()\s*["']?(?!data:)[^\s"')>]+""", answer.text
    )
    assert not elsewhere


async def test_the_page_of_links_names_what_else_runs_and_escapes_it(tmp_path: Path) -> None:
    async with running_shop(tmp_path, JAEGER_URL='127.0.0.1:9/"><script>', GRAFANA_URL="") as shop:
        page = (await shop.client().get("/")).text
    assert 'href="http://127.0.0.1:9/&quot;&gt;&lt;script&gt;"' in page
    assert "Grafana" not in page


async def test_too_many_calls_are_told_when_to_come_again(tmp_path: Path) -> None:
    async with running_shop(tmp_path, RATE_LIMIT_PER_ADDRESS="1") as shop:
        client = shop.client()
        answers = await asyncio.gather(*(client.get("/api/v1/products?limit=1") for _ in range(12)))
        refused = [answer for answer in answers if answer.status_code == 429]
        assert len(refused) >= 6
        assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
        assert all(answer.headers["content-type"] == "application/problem+json" for answer in refused)
        assert (await client.get("/health/ready")).status_code == 200
        assert {(await client.get("/docs")).status_code for _ in range(12)} >= {429}


async def test_one_user_does_not_use_up_the_calls_of_another(tmp_path: Path) -> None:
    async with running_shop(tmp_path, RATE_LIMIT_PER_USER="5") as shop:
        ada, eve = await shop.member(), await shop.member()
        refused = {(await ada.get("/api/v1/orders")).status_code for _ in range(12)}
        assert refused == {200, 429}
        assert (await eve.get("/api/v1/orders")).status_code == 200
        assert 'shop_gateway_rate_limited_total{scope="user"}' in (await shop.client().get("/metrics")).text


async def test_an_administrator_divides_traffic_and_nobody_else_does(shop: TestShop) -> None:
    body = {"weights": {"1": 90, "2": 10}, "header": "x-version", "sticky": True}
    path = "/api/v1/admin/traffic/catalog"
    assert (await shop.client().put(path, json=body)).status_code == 401
    member = await shop.member()
    assert (await member.client.put(path, json=body)).status_code == 403
    admin = await shop.member(is_admin=True)
    assert (await admin.client.put(path, json=body)).json() == {"service": "catalog", **body}
    assert (await admin.client.get("/api/v1/admin/traffic")).json()["items"] == [{"service": "catalog", **body}]
    assert (await shop.client().get("/api/v1/products")).status_code == 200
    assert (await admin.client.put("/api/v1/admin/traffic/bank", json=body)).status_code == 404
    assert (await admin.client.put(path, json={"weights": {"1": 0}})).status_code == 422
    assert (await admin.client.delete(path)).status_code == 204


async def test_a_split_outlives_the_gateway_and_is_shared_by_all_its_instances(tmp_path: Path) -> None:
    path, clock = tmp_path / "splits.json", itertools.count()
    first, second = (FileSplits(path, now=lambda: float(next(clock))) for _ in range(2))
    canary = Split({"1": 90, "2": 10}, "x-version", is_sticky=True)
    first.put("catalog", canary)
    assert second.get("catalog") == canary
    second.put("order", Split({"2": 1}))
    assert set(first.all()) == {"catalog", "order"}
    assert FileSplits(path).get("catalog") == canary
    second.put("catalog", None)
    assert first.get("catalog") is None


async def test_an_upstream_that_is_away_is_a_503_with_a_time_to_come_again(shop: TestShop) -> None:
    with shop.away("catalog"):
        answer = await shop.client().get("/api/v1/products")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) >= 1
        for _ in range(10):
            await shop.client().get("/api/v1/products")
        assert 'shop_breaker_state{upstream="catalog"} 2.0' in (await shop.client().get("/metrics")).text
        ready = await shop.client().get("/health/ready")
        assert (ready.status_code, ready.json()["checks"]["catalog"]["state"]) == (200, "down")
    page = (await shop.client().get("/metrics")).text
    assert 'shop_breaker_state{upstream="catalog"} 0.0' in page
    assert 'shop_breaker_state{upstream="user"} 0.0' in page
    assert (await shop.client().get("/api/v1/products")).status_code == 200
