"""The routes of payment, and what can be switched on to see it fail."""

import pytest

from tests.services.harness import Member, TestShop

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def _order(member: Member, **more: str) -> str:
    body = {"items": [{"productId": "usb-hub", "quantity": 1}], **more}
    return str((await member.post("/orders", body)).json()["id"])


async def test_a_user_sees_all_own_payments_and_those_of_one_order(shop: TestShop) -> None:
    member, other = await shop.member(), await shop.member()
    paid, declined = await _order(member), await _order(member, paymentMethod="tok_declined")
    for order_id in (paid, declined):
        await shop.settled(member, order_id)
    every = (await member.get("/api/v1/payments")).json()["items"]
    assert {(payment["orderId"], payment["status"]) for payment in every} == {
        (paid, "captured"),
        (declined, "declined"),
    }
    payment = (await member.get(f"/api/v1/payments?orderId={paid}")).json()["items"]
    assert [item["orderId"] for item in payment] == [paid]
    assert (await other.get("/api/v1/payments")).json()["items"] == []
    assert (await member.get("/api/v1/payments?orderId=no%20id")).status_code == 422


async def test_charges_and_the_balance_are_for_services_alone(shop: TestShop) -> None:
    member = await shop.member()
    order_id = await _order(member)
    await shop.settled(member, order_id)
    client = shop.client("payment", authorization=f"Bearer {member.token}")
    assert (await client.get(f"/charges/{order_id}")).status_code == 403
    assert (await client.get("/ledger/balance")).status_code == 403
    inside = shop.inside("payment")
    assert (await inside.get(f"/charges/{order_id}")).json()["status"] == "captured"
    assert (await inside.get("/charges/unknown")).status_code == 404
    assert (await inside.get("/ledger/balance")).json()["total"] == 0


async def test_while_everything_is_declined_orders_are_rejected_and_the_fault_shows_that_it_struck(
    shop: TestShop,
) -> None:
    member, payment = await shop.member(), shop.client("payment")
    await payment.put("/faults", json=[{"kind": "decline_all"}])
    try:
        assert (await shop.settled(member, await _order(member)))["status"] == "rejected"
        assert (await payment.get("/faults")).json()["items"][0]["hits"] >= 1
        assert 'shop_faults_injected_total{kind="decline_all"}' in (await payment.get("/metrics")).text
    finally:
        await payment.delete("/faults")
    assert (await shop.settled(member, await _order(member)))["status"] == "confirmed"


async def test_what_the_business_wants_to_see_is_measured(shop: TestShop) -> None:
    member = await shop.member()
    for method in ("tok_visa", "tok_declined"):
        await shop.settled(member, await _order(member, paymentMethod=method))
    expected = {
        "catalog": ["shop_stock_units", "shop_reservations_total"],
        "order": ["shop_orders_total", "shop_orders_current", "shop_order_amount_minor_units_total"],
        "payment": ["shop_payments_total", "shop_payment_declines_total", "shop_ledger_balance_minor_units"],
        "notification": ["shop_notifications_current", "shop_notifications_total"],
    }
    for service, names in expected.items():
        page = (await shop.client(service).get("/metrics")).text
        missing = [name for name in [*names, "shop_outbox_oldest_age_seconds"] if f"\n{name}" not in page]
        assert not missing, f"{service}: {missing}"
