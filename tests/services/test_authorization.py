"""Who may what: every route without a token, with another's, and with a user's where an admin's is due."""

from typing import Any

import pytest

from tests.services.harness import Member, TestShop

pytestmark = pytest.mark.asyncio(loop_scope="session")

# What anybody may call; everything else wants a token.
PUBLIC = {
    ("POST", "/api/v1/users"),
    ("POST", "/api/v1/sessions"),
    ("POST", "/api/v1/sessions/refresh"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/api/v1/products"),
    ("GET", "/api/v1/products/{product_id}"),
    ("GET", "/api/v1/categories"),
    ("GET", "/api/v1/cart"),
    ("DELETE", "/api/v1/cart"),
    ("PUT", "/api/v1/cart/items/{product_id}"),
    ("DELETE", "/api/v1/cart/items/{product_id}"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
}


async def operations(shop: TestShop) -> list[tuple[str, str, dict[str, Any]]]:
    document = (await shop.client().get("/openapi.json")).json()
    return [
        (method.upper(), path, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
    ]


async def test_every_route_that_is_not_public_wants_a_token(shop: TestShop) -> None:
    open_ = []
    client = shop.client()
    for method, path, _operation in await operations(shop):
        if (method, path) in PUBLIC:
            continue
        answer = await client.request(method, _filled(path, "x"), json=None if method in ("GET", "DELETE") else {})
        if answer.status_code != 401:
            open_.append(f"{method} {path}: {answer.status_code}")
    assert not open_


async def test_nobody_reaches_what_belongs_to_another(shop: TestShop) -> None:
    ada, eve = await shop.member(), await shop.member()
    product = await shop.product()
    items = {"items": [{"productId": product["id"], "quantity": 1}]}
    order = (await ada.post("/orders", items)).json()
    await shop.settled(ada, order["id"])
    leaks = []
    for method, path, _operation in await operations(shop):
        if "order" not in path or "{" not in path:
            continue
        answer = await eve.client.request(method, _filled(path, order["id"]), json=None if method == "GET" else {})
        if answer.status_code not in (403, 404):
            leaks.append(f"{method} {path}: {answer.status_code} {answer.text[:100]}")
    assert not leaks
    assert (await ada.get(f"/orders/{order['id']}")).json()["status"] == "confirmed"
    await _lists_are_ones_own(ada, eve, order["id"])


async def _lists_are_ones_own(ada: Member, eve: Member, order_id: str) -> None:
    for path in ("/api/v1/orders", "/api/v1/payments", f"/api/v1/payments?orderId={order_id}", "/api/v1/notifications"):
        assert order_id not in (await eve.get(path)).text, path
        assert order_id in (await ada.get(path)).text, path


async def test_an_order_for_another_user_is_refused(shop: TestShop) -> None:
    ada, eve = await shop.member(), await shop.member()
    product = await shop.product()
    body = {"userId": ada.id, "items": [{"productId": product["id"], "quantity": 1}]}
    assert (await eve.post("/orders", body)).status_code == 403
    assert (await ada.post("/orders", body)).status_code == 201


async def test_routes_of_administrators_refuse_users(shop: TestShop) -> None:
    member = await shop.member()
    product = await shop.product()
    order = (await member.post("/orders", {"items": [{"productId": product["id"], "quantity": 1}]})).json()
    tries = [
        ("POST", f"/api/v1/products/{product['id']}/stock", {"delta": 5}),
        ("POST", f"/api/v1/orders/{order['id']}/ship", None),
        ("PUT", "/api/v1/admin/traffic/catalog", {"weights": {"1": 1}}),
        ("GET", "/api/v1/admin/traffic", None),
    ]
    for method, path, body in tries:
        answer = await member.client.request(method, path, json=body)
        assert answer.status_code == 403, (method, path, answer.status_code)


async def test_services_check_tokens_themselves_too(shop: TestShop) -> None:
    """A call past the gateway gets no further than one through it."""
    for service, path in (("order", "/api/v1/orders"), ("payment", "/api/v1/payments"), ("user", "/api/v1/users/me")):
        assert (await shop.client(service).get(path)).status_code == 401
        forged = shop.client(service, authorization="Bearer a.b.c")
        assert (await forged.get(path)).status_code == 401
    check = await shop.client("catalog").post("/inventory/check", json={"items": [{"productId": "p", "quantity": 1}]})
    assert check.status_code in (401, 403)


def _filled(path: str, value: str) -> str:
    parts = path.split("/")
    return "/".join(value if part.startswith("{") else part for part in parts)
