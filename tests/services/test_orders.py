"""The shop as a whole, from an order to its end."""

import pytest

from tests.services.harness import TestShop

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_an_order_is_paid_confirmed_and_told_of(shop: TestShop) -> None:
    member, product = await shop.member(), await shop.product()
    answer = await member.post("/orders", {"items": [{"productId": product["id"], "quantity": 2}]})
    assert answer.status_code == 201, answer.text
    order = answer.json()
    assert order["userId"] == member.id
    assert order["total"] == {"amount": 2 * product["price"]["amount"], "currency": product["price"]["currency"]}
    settled = await shop.settled(member, order["id"])
    assert settled["status"] == "confirmed"
    charges = (await member.get(f"/api/v1/payments?orderId={order['id']}")).json()["items"]
    assert [(one["type"], one["status"], one["amount"]) for one in charges] == [
        ("charge", "captured", order["total"]["amount"])
    ]
