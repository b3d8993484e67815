"""The routes of cart, through the gateway."""

import pytest

from services.common.events.event import Event
from tests.services.harness import TestShop
from tests.waiting import eventually_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_guests_cart_hangs_on_a_cookie_that_no_script_can_read(shop: TestShop) -> None:
    guest, other = shop.client(), shop.client()
    put = await guest.put("/api/v1/cart/items/moka-pot", json={"quantity": 2})
    assert put.json()["total"] == {"amount": 2 * put.json()["items"][0]["unitPrice"]["amount"], "currency": "EUR"}
    cookie = put.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert len((await guest.get("/api/v1/cart")).json()["items"]) == 1
    assert (await other.get("/api/v1/cart")).json()["items"] == []


async def test_a_guest_who_logs_in_brings_the_cart_along_and_orders_it(shop: TestShop) -> None:
    member, guest = await shop.member(), shop.client()
    await guest.put("/api/v1/cart/items/tea-kettle", json={"quantity": 2})
    assert (await guest.post("/api/v1/cart/checkout")).status_code == 401
    guest.headers["authorization"] = f"Bearer {member.token}"
    cart = await guest.get("/api/v1/cart")
    assert [(item["productId"], item["quantity"]) for item in cart.json()["items"]] == [("tea-kettle", 2)]
    placed = await guest.post("/api/v1/cart/checkout", json={"paymentMethod": "tok_visa"})
    assert (placed.status_code, placed.json()["userId"]) == (201, member.id)
    assert (await member.get("/api/v1/cart")).json()["items"] == []
    assert (await shop.settled(member, placed.json()["id"]))["status"] == "confirmed"


async def test_a_checkout_answers_as_an_order_does(shop: TestShop) -> None:
    member = await shop.member()
    put, check_out = member.client.put, "/api/v1/cart/checkout"
    assert (await member.post(check_out)).status_code == 422
    await put("/api/v1/cart/items/vintage-typewriter", json={"quantity": 900})
    short = await member.post(check_out)
    assert (short.status_code, short.json()) == (400, {"error": "Insufficient stock"})
    await member.client.delete("/api/v1/cart/items/vintage-typewriter")
    await put("/api/v1/cart/items/moka-pot", json={"quantity": 1})
    with shop.away("catalog"):
        broken = await member.post(check_out)
        assert (broken.status_code, broken.json()) == (500, {"error": "Order creation error"})
    with shop.away("order"):
        away = await member.post(check_out)
        assert away.status_code == 503
        assert "retry-after" in away.headers
    assert (await member.post(check_out, headers={"Idempotency-Key": "mine"})).status_code == 201
    again = await member.post(check_out, headers={"Idempotency-Key": "mine"})
    assert again.status_code == 201
    assert len((await member.get("/api/v1/orders")).json()["items"]) == 1


async def test_one_key_is_one_key_over_checkout_and_orders(shop: TestShop) -> None:
    member, key = await shop.member(), {"Idempotency-Key": "shared"}
    body = {"items": [{"productId": "moka-pot", "quantity": 2}]}
    order = (await member.post("/orders", body, headers=key)).json()
    await member.client.put("/api/v1/cart/items/moka-pot", json={"quantity": 2})
    assert (await member.post("/api/v1/cart/checkout", headers=key)).json() == order
    await member.client.put("/api/v1/cart/items/moka-pot", json={"quantity": 3})
    other_body = await member.post("/orders", {"items": [{"productId": "moka-pot", "quantity": 3}]}, headers=key)
    assert other_body.status_code == 422


@pytest.mark.parametrize("quantity", [-1, 1001, 1.5, "2", None, True])
async def test_what_is_no_quantity_is_422(shop: TestShop, quantity: object) -> None:
    answer = await shop.client().put("/api/v1/cart/items/moka-pot", json={"quantity": quantity})
    assert answer.status_code == 422


async def test_what_is_no_product_is_404_and_without_catalog_503(shop: TestShop) -> None:
    assert (await shop.client().put("/api/v1/cart/items/unicorn", json={"quantity": 1})).status_code == 404
    with shop.away("catalog"):
        away = await shop.client().put("/api/v1/cart/items/moka-pot", json={"quantity": 1})
        assert away.status_code == 503
        assert "retry-after" in away.headers


async def test_a_price_that_changes_shows_in_the_cart(shop: TestShop) -> None:
    admin, member = await shop.member(is_admin=True), await shop.member()
    await member.client.put("/api/v1/cart/items/plant-pot", json={"quantity": 2})
    await admin.client.put("/api/v1/products/plant-pot/price", json={"amount": 1500})

    async def is_new() -> bool:
        return bool((await member.get("/api/v1/cart")).json()["total"]["amount"] == 3000)

    await eventually_async(is_new)


async def test_the_cart_of_a_user_who_left_is_gone(shop: TestShop) -> None:
    member = await shop.member()
    await member.client.put("/api/v1/cart/items/moka-pot", json={"quantity": 2})
    runtime = shop.shop.runtimes["user"]
    async with runtime.database.transaction() as connection:
        event = Event("user.deleted", "shop.user.v1", member.id, {"userId": member.id})
        await runtime.outbox.add(connection, event)

    async def is_gone() -> bool:
        return (await member.get("/api/v1/cart")).json()["items"] == []

    await eventually_async(is_gone)
