"""Who may what: every route without a token, with another's, and with a user's where an admin's is due."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.services.harness import PASSWORD, Member, TestShop
from tests.waiting import eventually_async

pytestmark = pytest.mark.asyncio(loop_scope="session")

ADDRESS = {"name": "Ada", "street": "1 Secret Lane", "city": "Berlin", "postalCode": "10115", "country": "DE"}

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


# What a route is sent that wants a body: good enough to get past the check of its shape.
_ADDRESS = {"name": "Eve", "street": "2 Side St", "city": "Bonn", "postalCode": "53111", "country": "DE"}
_ITEMS = [{"productId": "moka-pot", "quantity": 1}]
BODIES: dict[str, object] = {
    "POST /api/v1/cart/checkout": {},
    "PUT /api/v1/cart/items/{product_id}": {"quantity": 2},
    "PUT /api/v1/products/{product_id}/price": {"price": {"amount": 1, "currency": "EUR"}},
    "POST /api/v1/products/{product_id}/stock": {"delta": 5},
    "POST /inventory/check": {"items": _ITEMS},
    "PUT /inventory/reservations/{order_id}": {"items": _ITEMS},
    "PUT /api/v1/admin/traffic/{service}": {"weights": {"1": 1}},
    "PUT /api/v1/notifications/preferences": {"muted": ["order_confirmed"]},
    "POST /api/v1/orders": {"items": _ITEMS},
    "POST /orders": {"items": _ITEMS},
    "POST /api/v1/sessions": {"email": "eve@example.org", "password": "not the password"},
    "POST /api/v1/sessions/refresh": {"refreshToken": "not a token"},
    "POST /api/v1/users": {"email": "", "password": "", "name": ""},
    "PATCH /api/v1/users/me": {"name": "Eve"},
    "POST /api/v1/users/me/addresses": _ADDRESS,
    "PUT /api/v1/users/me/addresses/{address_id}": _ADDRESS,
    "PUT /api/v1/users/me/password": {"currentPassword": PASSWORD, "newPassword": "another password"},
}
# Ada's own view: none of it may change by anything that another does.
VIEWS = (
    "/api/v1/users/me",
    "/api/v1/users/me/addresses",
    "/api/v1/users/me/export",
    "/api/v1/cart",
    "/api/v1/orders",
    "/api/v1/payments",
    "/api/v1/notifications",
    "/api/v1/notifications/preferences",
)


@dataclass(frozen=True)
class Operation:
    """One route of one service, as its document has it."""

    service: str
    method: str
    path: str
    wants_body: bool

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    async def ask(self, client: httpx.AsyncClient, path: str, **params: str) -> httpx.Response:
        """Call the route under a path that is filled in."""
        body = BODIES[self.name] if self.wants_body else None
        return await client.request(self.method, path, json=body, params=params)


async def operations(shop: TestShop, *services: str) -> list[Operation]:
    """Return every route of the services' documents; what ends an account or a session comes last."""
    listed = []
    for service in services:
        document = (await shop.client(service).get("/openapi.json")).json()
        for path, item in document["paths"].items():
            for method, operation in item.items():
                listed.append(Operation(service, method.upper(), path, "requestBody" in operation))
    return sorted(listed, key=lambda operation: operation.path.endswith(("/me", "/password", "/sessions")))


async def test_every_route_that_is_not_public_wants_a_token_or_the_credential(shop: TestShop) -> None:
    open_ = []
    for operation in await operations(shop, *shop.shop.runtimes):
        if (operation.method, operation.path) in PUBLIC:
            continue
        answer = await operation.ask(shop.client(operation.service), _filled(operation.path, "x"))
        if answer.status_code not in (401, 403):
            open_.append(f"{operation.service}: {operation.name}: {answer.status_code}")
    assert not open_


async def test_nobody_reaches_what_belongs_to_another(shop: TestShop) -> None:
    ada, eve = await shop.member(), await shop.member()
    belongings = await _belongings(shop, ada)
    before = [(await ada.get(path)).text for path in VIEWS]
    names = [*belongings.values(), ada.id]
    leaks: list[str] = []
    for operation in await operations(shop, *shop.shop.runtimes):
        client = shop.client(operation.service, authorization=f"Bearer {eve.token}")
        for name in names:
            path = _filled(operation.path, name)
            answer = await operation.ask(client, path, orderId=belongings["order"], userId=ada.id, cursor=name)
            body_text = answer.text.replace(name, "")
            leaked = [secret for secret in (*names, ada.email, ADDRESS["street"]) if secret in body_text]
            is_refused = "{" not in operation.path or answer.status_code in (401, 403, 404)
            if leaked or not (is_refused or "{product_id}" in operation.path):
                leaks.append(f"{operation.service}: {operation.name}: {answer.status_code} {leaked} {body_text[:200]}")
            if "{" not in operation.path:
                break
    assert not leaks
    assert [(await ada.get(path)).text for path in VIEWS] == before


async def _belongings(shop: TestShop, ada: Member) -> dict[str, str]:
    """Have a user own one of everything; return the ids."""
    body = {"items": [{"productId": (await shop.product())["id"], "quantity": 1}]}
    order = (await ada.post("/orders", body)).json()
    await shop.settled(ada, order["id"])
    address = (await ada.post("/api/v1/users/me/addresses", ADDRESS)).json()
    assert (await ada.client.put("/api/v1/cart/items/moka-pot", json={"quantity": 1})).status_code == 200

    async def has_heard() -> list[dict[str, Any]]:
        items = (await ada.get("/api/v1/notifications")).json()["items"]
        return items if len(items) == 2 and all(item["state"] == "sent" for item in items) else []

    (message, _) = await eventually_async(has_heard, what="both messages")
    (charge,) = (await ada.get("/api/v1/payments")).json()["items"]
    session = (await ada.get("/api/v1/users/me/export")).json()["sessions"][0]
    owned = {"order": order, "address": address, "message": message, "charge": charge, "session": session}
    return {name: str(item["id"]) for name, item in owned.items()}


async def test_an_idempotency_key_is_its_users_own(shop: TestShop) -> None:
    ada, eve = await shop.member(), await shop.member()
    key = {"idempotency-key": "the-key-of-both"}
    first, second, again = [await member.post("/orders", {"items": _ITEMS}, headers=key) for member in (ada, eve, ada)]
    assert first.json()["id"] == again.json()["id"]
    assert (second.json()["userId"], second.json()["id"] == first.json()["id"]) == (eve.id, False)


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
