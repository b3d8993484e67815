"""What shoppers do: a file for Locust, which is the only one to import it.

Every request goes by a name that holds no id, so that the figures of one route stand in one line.
"""
# Locust is not installed where the types are checked, so its decorators and classes have none.
# mypy: disable-error-code="import-not-found,untyped-decorator,misc"

import random
import secrets
import time
from typing import Any

from locust import HttpUser, between, task

RNG = random.Random()  # noqa: S311
PRODUCTS = "/api/v1/products"
WORDS = ("coffee", "desk", "pan", "wool", "light", "steel", "oak", "pocket", "tea", "paper")
CATEGORIES = ("kitchen", "office", "electronics", "outdoor", "home")
# Answers that belong to the journey: too little stock, a limit that was met.
_EXPECTED = frozenset({400, 404, 409, 429})


class Shopper(HttpUser):
    """What guests and customers have in common: they look around."""

    abstract = True
    wait_time = between(0.5, 2.0)

    def on_start(self) -> None:
        """Come in."""
        self.seen: list[str] = []
        self.token = ""

    @task(5)
    def browse(self) -> None:
        """Look through a category, sometimes on to its second page."""
        params: dict[str, Any] = {"category": RNG.choice(CATEGORIES), "limit": 6}
        page = self.call("GET", PRODUCTS, params=params)
        if page and page.get("nextCursor") and RNG.random() < 0.4:
            page = self.call("GET", PRODUCTS, params={**params, "cursor": page["nextCursor"]})
        self.remember(page)

    @task(3)
    def search(self) -> None:
        """Look for something."""
        self.remember(self.call("GET", PRODUCTS, "search", params={"query": RNG.choice(WORDS)}))

    @task(4)
    def look(self) -> None:
        """Look at one product."""
        self.call("GET", f"{PRODUCTS}/{self.product()}", f"{PRODUCTS}/[id]")

    @task(2)
    def put_in_cart(self) -> None:
        """Put something into the cart."""
        body = {"quantity": RNG.randint(1, 3)}
        self.call("PUT", f"/api/v1/cart/items/{self.product()}", "/api/v1/cart/items/[id]", json=body)

    def product(self) -> str:
        """Name a product that was seen, or the one everybody knows."""
        return RNG.choice(self.seen) if self.seen else "moka-pot"

    def remember(self, page: dict[str, Any] | None) -> None:
        """Keep in mind what was seen."""
        self.seen = ([item["id"] for item in page["items"]] if page else []) + self.seen[:20]

    def call(self, method: str, path: str, name: str = "", **options: Any) -> dict[str, Any] | None:
        """Make a request and return its answer if it was a good one."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        headers |= options.pop("headers", {})
        with self.client.request(
            method, path, name=name or path, headers=headers, catch_response=True, timeout=10, **options
        ) as answer:
            if answer.status_code in _EXPECTED:
                answer.success()
            if answer.status_code == 401:
                self.come_back()
            body: dict[str, Any] | None = answer.json() if answer.ok and answer.content else None
        return body

    def come_back(self) -> None:
        """Do something about a token that is too old."""


class Guest(Shopper):
    """Looks, fills a cart, and leaves."""

    weight = 3


class Customer(Shopper):
    """Has an account and buys."""

    weight = 2

    def on_start(self) -> None:
        """Open an account."""
        super().on_start()
        self.email = f"shopper-{secrets.token_hex(6)}@example.org"
        self.password = secrets.token_urlsafe(16)
        self.call("POST", "/api/v1/users", json={"email": self.email, "password": self.password, "name": "Sam"})
        self.come_back()

    def come_back(self) -> None:
        """Log in, or in again; a shop that is busy is asked a few times."""
        self.token = ""
        for _ in range(5):
            session = self.client.post("/api/v1/sessions", json={"email": self.email, "password": self.password})
            if session.ok:
                self.token = session.json()["accessToken"]
                return
            time.sleep(1)

    @task(3)
    def check_out(self) -> None:
        """Buy what is in the cart."""
        self.put_in_cart()
        self.call("POST", "/api/v1/cart/checkout", json={}, headers={"Idempotency-Key": secrets.token_hex(12)})

    @task(3)
    def buy_at_once(self) -> None:
        """Buy one thing without a cart, and look what became of it."""
        order = self.order()
        if order:
            path = f"/api/v1/orders/{order['id']}"
            self.call("GET", path, "/api/v1/orders/[id]")
            self.call("GET", f"{path}/timeline", "/api/v1/orders/[id]/timeline")

    @task(1)
    def change_mind(self) -> None:
        """Buy something and cancel it."""
        order = self.order()
        if order:
            self.call("POST", f"/api/v1/orders/{order['id']}/cancel", "/api/v1/orders/[id]/cancel")

    @task(1)
    def pay_in_vain(self) -> None:
        """Buy with a card that is declined."""
        self.order("tok_declined")

    @task(2)
    def look_back(self) -> None:
        """Look at one's orders and messages."""
        self.call("GET", "/api/v1/orders", params={"limit": 10})
        self.call("GET", "/api/v1/notifications", params={"limit": 10})

    def order(self, method: str = "tok_visa") -> dict[str, Any] | None:
        """Order one thing."""
        items = [{"productId": self.product(), "quantity": RNG.randint(1, 2)}]
        name = "/orders (declined card)" if method == "tok_declined" else "/orders"
        return self.call("POST", "/orders", name, json={"items": items, "paymentMethod": method})
