"""The routes of catalog, through the gateway where they are public."""

from typing import Any

import httpx
import pytest

from tests.services.harness import TestShop

pytestmark = pytest.mark.asyncio(loop_scope="session")
PATH = "/api/v1/products/wool-blanket"


async def test_a_page_that_did_not_change_is_not_sent_again(shop: TestShop) -> None:
    for path in (PATH, "/api/v1/products?category=office&limit=3", "/api/v1/categories"):
        first = await shop.client().get(path)
        tag = first.headers["etag"]
        for seen in (tag, f'"other", {tag}', f"W/{tag}", "*"):
            again = await shop.client().get(path, headers={"If-None-Match": seen})
            assert (first.status_code, again.status_code, again.content) == (200, 304, b"")
            assert again.headers["etag"] == tag
        assert (await shop.client().get(path, headers={"If-None-Match": '"other"'})).content == first.content


async def test_a_price_is_set_only_on_the_state_that_was_seen(shop: TestShop) -> None:
    admin, path = await shop.member(is_admin=True), "/api/v1/products/door-mat"
    seen = await shop.client().get(path)
    tag, price = seen.headers["etag"], seen.json()["price"]["amount"]

    async def change(more: int, if_match: str) -> httpx.Response:
        return await admin.client.put(f"{path}/price", json={"amount": price + more}, headers={"If-Match": if_match})

    assert (await change(1, f"W/{tag}")).status_code == 412
    changed = await change(2, tag)
    assert (changed.status_code, changed.json()["price"]["amount"]) == (200, price + 2)
    assert (await change(3, tag)).status_code == 412
    assert (await change(4, f'"other", {changed.headers["etag"]}')).status_code == 200
    assert (await change(0, "*")).json()["price"]["amount"] == price


async def test_a_new_price_changes_the_tag_and_only_an_administrator_sets_it(shop: TestShop) -> None:
    admin, member = await shop.member(is_admin=True), await shop.member()
    before = await shop.client().get(PATH)
    assert (await member.client.put(f"{PATH}/price", json={"amount": 1})).status_code == 403
    price = before.json()["price"]["amount"] + 1
    assert (await admin.client.put(f"{PATH}/price", json={"amount": price})).json()["price"]["amount"] == price
    after = await shop.client().get(PATH, headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.json()["price"]["amount"]) == (200, price)


async def test_stock_is_added_set_and_guarded_by_the_tag_that_was_seen(shop: TestShop) -> None:
    admin = await shop.member(is_admin=True)
    path = "/api/v1/products/wall-hook"
    seen = await shop.client().get(path)
    available = seen.json()["available"]

    async def change(body: dict[str, Any], **headers: str) -> httpx.Response:
        return await admin.post(f"{path}/stock", body, headers=headers)

    added = await change({"quantity": 7}, **{"If-Match": seen.headers["etag"]})
    assert added.json()["available"] == available + 7
    assert (await change({"quantity": 7}, **{"If-Match": seen.headers["etag"]})).status_code == 412
    assert (await change({"onHand": 900})).json()["onHand"] == 900
    assert (await change({"quantity": -901})).status_code == 409
    assert (await change({"quantity": 1, "onHand": 1})).status_code == 422
    assert (await change({})).status_code == 422
    assert (await admin.post("/api/v1/products/unicorn/stock", {"quantity": 1})).status_code == 404
    member = await shop.member()
    assert (await member.post(f"{path}/stock", {"quantity": 1})).status_code == 403


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=nonsense", "cursor=" + "A" * 700])
async def test_what_is_no_page_is_422(shop: TestShop, query: str) -> None:
    assert (await shop.client().get(f"/api/v1/products?{query}")).status_code == 422


async def test_the_shop_begins_with_forty_products_and_two_scarce_ones(shop: TestShop) -> None:
    items: list[Any] = []
    cursor = ""
    while True:
        page = (await shop.client().get(f"/api/v1/products?limit=20{cursor}")).json()
        items += page["items"]
        if page["nextCursor"] is None:
            break
        cursor = f"&cursor={page['nextCursor']}"
    assert len({item["id"] for item in items}) == len(items) >= 40
    assert sum(item["available"] <= 15 for item in items) == 2
    categories = (await shop.client().get("/api/v1/categories")).json()["items"]
    assert sum(category["products"] for category in categories) == len(items)


async def test_the_stock_is_moved_by_services_alone(shop: TestShop) -> None:
    body = {"items": [{"productId": "head-torch", "quantity": 2}]}
    outside, inside = shop.client("catalog"), shop.inside("catalog")
    assert (await outside.post("/inventory/check", json=body)).status_code == 403
    assert (await outside.put("/inventory/reservations/o", json=body)).status_code == 403
    assert (await shop.client().post("/inventory/check", json=body)).status_code == 404
    answer = await inside.post("/inventory/check", json=body)
    assert (answer.status_code, answer.json()["available"]) == (200, True)
    unknown = await inside.post("/inventory/check", json={"items": [{"productId": "unicorn", "quantity": 1}]})
    assert (unknown.status_code, unknown.json()["available"]) == (200, False)


async def test_a_reservation_is_held_confirmed_and_given_back(shop: TestShop) -> None:
    inside, path = shop.inside("catalog"), "/inventory/reservations/some-order"
    body = {"items": [{"productId": "head-torch", "quantity": 2}]}
    held = await inside.put(path, json=body)
    assert (held.json()["state"], held.json()["items"][0]["price"]["amount"]) == ("held", 3490)
    assert (await inside.post(f"{path}/confirm")).json()["state"] == "confirmed"
    assert (await inside.put(path, json=body)).json()["state"] == "confirmed"
    assert (await inside.post(f"{path}/release")).json()["state"] == "returned"
    assert (await inside.post(f"{path}/confirm")).status_code == 409
    assert (await inside.post("/inventory/reservations/never/confirm")).status_code == 404
    assert (
        await inside.put(
            "/inventory/reservations/more", json={"items": [{"productId": "head-torch", "quantity": 1000}]}
        )
    ).status_code == 409
