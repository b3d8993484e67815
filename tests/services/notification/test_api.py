"""The routes of notification."""

from typing import Any

import pytest

from tests.services.harness import Member, TestShop
from tests.waiting import eventually_async

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _messages(member: Member, kind: str) -> list[dict[str, Any]]:
    async def of_kind() -> list[dict[str, Any]]:
        items = (await member.get("/api/v1/notifications")).json()["items"]
        return [item for item in items if item["type"] == kind]

    return await eventually_async(of_kind, what=f"a message {kind}")


async def _order(shop: TestShop, member: Member, **more: Any) -> str:
    body = {"items": [{"productId": "moka-pot", "quantity": 1}], **more}
    order_id = str((await member.post("/orders", body)).json()["id"])
    await shop.settled(member, order_id)
    return order_id


async def test_a_user_hears_of_the_account_and_of_orders_and_of_nobody_elses(shop: TestShop) -> None:
    member, other = await shop.member(), await shop.member()
    order_id = await _order(shop, member)
    (welcome,) = await _messages(member, "user_registered")
    assert welcome["orderId"] is None
    (confirmed,) = await _messages(member, "order_confirmed")
    assert confirmed["orderId"] == order_id
    assert all(item["orderId"] != order_id for item in (await other.get("/api/v1/notifications")).json()["items"])
    assert (await shop.client().get("/api/v1/notifications")).status_code == 401


async def test_what_went_out_is_read_by_administrators_and_services_only(shop: TestShop) -> None:
    member, admin = await shop.member(), await shop.member(is_admin=True)
    await _messages(member, "user_registered")
    assert (await shop.client("notification").get("/messages")).status_code == 401
    client = shop.client("notification", authorization=f"Bearer {member.token}")
    assert (await client.get("/messages")).status_code == 403
    for reader in (
        shop.inside("notification"),
        shop.client("notification", authorization=f"Bearer {admin.token}"),
    ):
        items = (await reader.get("/messages?limit=500")).json()["items"]
        assert any(item["to"] == member.email and "Ada" in item["text"] for item in items)
    assert (await shop.client().get("/messages")).status_code == 404


async def test_messages_come_in_pages_the_newest_first(shop: TestShop) -> None:
    member = await shop.member()
    for method in ("tok_declined", "tok_visa"):
        await _order(shop, member, paymentMethod=method)
    await _messages(member, "order_confirmed")
    first = (await member.get("/api/v1/notifications?limit=2")).json()
    rest = (await member.get(f"/api/v1/notifications?limit=2&cursor={first['nextCursor']}")).json()
    kinds = [item["type"] for item in [*first["items"], *rest["items"]]]
    assert kinds == ["order_confirmed", "order_rejected", "user_registered"]
    assert rest["nextCursor"] is None


async def test_a_message_that_is_not_wanted_does_not_come(shop: TestShop) -> None:
    member = await shop.member()
    path = "/api/v1/notifications/preferences"
    put = await member.client.put(path, json={"muted": ["order_rejected", "user_locked"]})
    assert put.json() == {"muted": ["order_rejected"]}
    assert (await member.get(path)).json() == {"muted": ["order_rejected"]}
    assert (await member.client.put(path, json={"muted": ["nonsense"]})).status_code == 422
    await _order(shop, member, paymentMethod="tok_declined")
    await _order(shop, member)
    await _messages(member, "order_confirmed")
    kinds = [item["type"] for item in (await member.get("/api/v1/notifications")).json()["items"]]
    assert "order_rejected" not in kinds


async def test_dead_messages_are_listed_and_replayed(shop: TestShop) -> None:
    from sqlalchemy import update

    from services.notification.tables import messages

    member = await shop.member()
    (welcome,) = await _messages(member, "user_registered")
    database = shop.shop.runtimes["notification"].database
    async with database.transaction() as connection:
        dead = update(messages).where(messages.c.id == welcome["id"]).values(state="dead", error="no route")
        await connection.execute(dead)
    inside = shop.inside("notification")
    listed = (await inside.get("/messages/dead")).json()["items"]
    assert [item["error"] for item in listed if item["id"] == welcome["id"]] == ["no route"]
    assert (await inside.post(f"/messages/{welcome['id']}/replay")).status_code == 202
    assert (await inside.post("/messages/unknown/replay")).status_code == 404

    async def is_sent() -> bool:
        (again,) = await _messages(member, "user_registered")
        return bool(again["state"] == "sent")

    await eventually_async(is_sent)


async def test_a_refund_is_told_once_when_the_money_goes_back(shop: TestShop) -> None:
    member = await shop.member()
    order_id = await _order(shop, member)
    assert (await member.post(f"/api/v1/orders/{order_id}/cancel")).json()["status"] == "refunded"
    (refunded,) = await _messages(member, "order_refunded")
    assert refunded["orderId"] == order_id
    assert "EUR" in refunded["text"]
