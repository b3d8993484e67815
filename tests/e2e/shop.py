"""The shop under devctl, as a person would run it: commands of `devctl`, requests to the gateway."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
FINAL = frozenset({"confirmed", "rejected", "cancelled", "refunded"})
UP_SECONDS = 300
FILES = ("-f", str(ROOT / "stack.yaml"), "-f", str(ROOT / "tests" / "e2e" / "patient.yaml"))


@dataclass
class Stack:
    """One isolated copy of the shop, with ports and data of its own."""

    project: str
    runtime: Path
    environment: dict[str, str] = field(default_factory=dict)
    door: str = "gateway"
    overlays: tuple[str, ...] = ()

    def devctl(self, *arguments: str, check: bool = True, seconds: float = 120) -> "subprocess.CompletedProcess[str]":
        """Run a devctl command and return what it printed; AssertionError with all of it when it fails."""
        files = (*FILES, *(word for name in self.overlays for word in ("-f", str(ROOT / name))))
        done = subprocess.run(
            [sys.executable, "-m", "devctl", *files, "-p", self.project, *arguments],
            cwd=ROOT,
            env={**os.environ, "XDG_RUNTIME_DIR": str(self.runtime), **self.environment},
            text=True,
            capture_output=True,
            timeout=seconds,
        )
        if check:
            assert done.returncode == 0, (
                f"devctl {' '.join(arguments)}: {done.returncode}\n{done.stdout}\n{done.stderr}"
            )
        return done

    def up(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        return self.devctl("up", "-d", "--isolated", "--no-watch", *arguments, check=check, seconds=UP_SECONDS)

    def status(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.devctl("status", "--json", check=False).stdout)
        return answer

    def service(self, name: str) -> dict[str, Any]:
        return next(service for service in self.status()["services"] if service["name"] == name)

    def address(self, service: str, port: str = "http") -> str:
        return str(self.service(service)["ports"][port])

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        """Return the JSON lines that a command printed."""
        return [json.loads(line) for line in self.devctl(*arguments).stdout.splitlines()]

    def shopper(self) -> "Shopper":
        """Register and log in someone new."""
        return Shopper.register(f"http://{self.address(self.door)}")

    @property
    def state(self) -> Path:
        return ROOT / ".devctl" / "projects" / self.project

    def down(self) -> None:
        self.devctl("down", "--volumes", "--yes", check=False, seconds=120)


def _registered(client: httpx.Client) -> str:
    """Make an account, log in, and return the token."""
    person = {"email": f"{secrets.token_hex(8)}@example.org", "password": secrets.token_urlsafe(16), "name": "Ada"}
    client.post("/api/v1/users", json=person).raise_for_status()
    session = client.post("/api/v1/sessions", json={"email": person["email"], "password": person["password"]})
    return str(session.raise_for_status().json()["accessToken"])


@dataclass
class Shopper:
    """A logged-in user of the shop."""

    client: httpx.Client

    @classmethod
    def register(cls, base: str) -> "Shopper":
        client = httpx.Client(base_url=base, timeout=15)
        try:
            client.headers["Authorization"] = f"Bearer {_registered(client)}"
        except BaseException:
            client.close()
            raise
        return cls(client)

    def product(self, *, least: int = 100) -> dict[str, Any]:
        """Return a product of which at least so many can be ordered."""
        items = self.client.get("/api/v1/products", params={"limit": 100}).raise_for_status().json()["items"]
        product: dict[str, Any] = next(item for item in items if item["available"] >= least)
        return product

    def order(self, quantity: int = 1, *, product: str = "", key: str = "", **more: Any) -> httpx.Response:
        items = [{"productId": product or self.product()["id"], "quantity": quantity}]
        headers = {"Idempotency-Key": key} if key else {}
        return self.client.post("/orders", json={"items": items, **more}, headers=headers)

    def settled(self, order_id: str, *, within: float = 60) -> dict[str, Any]:
        """Wait until the order is in a final state and return it."""

        def final() -> dict[str, Any] | None:
            answer = self.client.get(f"/api/v1/orders/{order_id}")
            order: dict[str, Any] = answer.json() if answer.status_code == 200 else {}
            return order if order.get("status") in FINAL else None

        order = eventually(final, within=within, every=0.1, what=f"order {order_id} settled")
        assert order
        return order

    def told(self, order_id: str, *, within: float = 60) -> list[str]:
        """Wait until there are messages about the order and return their types."""

        def types() -> list[str]:
            items: Iterable[dict[str, Any]] = self.client.get("/api/v1/notifications").json().get("items", [])
            return [item["type"] for item in items if item.get("orderId") == order_id]

        return eventually(types, within=within, every=0.1, what=f"a message about order {order_id}")

    def close(self) -> None:
        self.client.close()
