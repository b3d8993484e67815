"""The shop as a whole, from an order to its end."""

from pathlib import Path

import pytest
from sqlalchemy import text

from services import PORTS
from tests.services.harness import TestShop, running_shop
from tests.services.stores import postgres

__all__ = ["postgres"]

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
    assert [(charge["type"], charge["status"], charge["amount"]) for charge in charges] == [
        ("charge", "captured", order["total"]["amount"])
    ]


async def test_the_whole_shop_runs_on_one_postgresql_with_a_schema_for_each_service(
    tmp_path: Path, postgres: str
) -> None:
    async with running_shop(tmp_path, DATABASE_URL=postgres.format("postgres")) as shop:
        member, product = await shop.member(), await shop.product()
        answer = await member.post("/orders", {"items": [{"productId": product["id"], "quantity": 1}]})
        assert answer.status_code == 201, answer.text
        assert (await shop.settled(member, answer.json()["id"]))["status"] == "confirmed"
        assert (await member.get("/api/v1/products?query=a&limit=3")).status_code == 200
        async with shop.shop.runtimes["order"].database.reading() as connection:
            schemas = await connection.execute(text("SELECT DISTINCT table_schema FROM information_schema.tables"))
            assert set(PORTS) - {"gateway"} <= {row[0] for row in schemas}
    assert not list(tmp_path.rglob("*.db"))


async def test_orders_that_are_stuck_are_counted_and_go_on_when_payment_is_back(tmp_path: Path) -> None:
    async with running_shop(tmp_path) as shop:
        with shop.away("payment"):
            member, product = await shop.member(), await shop.product()
            answer = await member.post("/orders", {"items": [{"productId": product["id"], "quantity": 1}]})
            assert answer.status_code == 201
            await shop.shop.stop()  # before payment can take the event in, which waits in the outbox
    async with running_shop(tmp_path, ORDER_STUCK_SECONDS="0") as shop:
        metrics = (await shop.client("order").get("/metrics")).text
        assert "shop_orders_stuck 1.0" in metrics
        member = await shop.log_in(member.email)
        assert (await shop.settled(member, answer.json()["id"]))["status"] == "confirmed"
