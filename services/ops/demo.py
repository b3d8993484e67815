"""Buy something and show where the order went: `python -m services.ops.demo`.

Talks to the gateway as any client would (GATEWAY_URL, else http://127.0.0.1:8080).
"""

import asyncio
import os
import secrets
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from services.common.http import client as http

SETTLE_SECONDS = 30  # an order takes less than one; the rest is for a shop that has only just started
_FINAL = frozenset({"confirmed", "rejected", "cancelled", "refunded"})


class DemoError(Exception):
    """The demonstration cannot go on: why, and what to do."""


@dataclass(frozen=True)
class Shopper:
    """A client of the shop."""

    client: http.Client
    base: str

    async def ask(self, method: str, path: str, *, json: Any = None, token: str = "") -> http.Response:
        """Call the shop, and return its answer if it is a good one."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        try:
            answer = await self.client.request(method, self.base + path, json=json, headers=headers, timeout=10)
        except http.HTTPError as error:
            reason = str(error) or type(error).__name__
            raise DemoError(f"the shop does not answer at {self.base} ({reason}); start it with `make up`") from error
        if answer.status_code >= 400:
            raise DemoError(f"{method} {path} answered {answer.status_code}: {answer.text[:300]}")
        return answer


async def shop(base: str) -> None:
    """Register, order, wait, and print what happened."""
    async with http.client() as client:
        shopper = Shopper(client, base)
        token, email = await _register(shopper)
        items = await _choose(shopper)
        answer = await shopper.ask(
            "POST",
            "/orders",
            token=token,
            json={"items": [{"productId": product["id"], "quantity": n} for product, n in items]},
        )
        order = answer.json()
        print(f"{email} ordered; waiting until the order is settled …", file=sys.stderr)
        settled = await _settle(shopper, token, order["id"])
        timeline = (await shopper.ask("GET", f"/api/v1/orders/{order['id']}/timeline", token=token)).json()
        messages = await _messages(shopper, token, order["id"])
        _print_order(settled, items, timeline["items"], messages)
        _print_next_steps(order["id"], answer.headers.get("x-trace-id", ""))


async def _register(shopper: Shopper) -> tuple[str, str]:
    email = f"demo-{secrets.token_hex(3)}@example.org"
    password = secrets.token_urlsafe(12)
    await shopper.ask("POST", "/api/v1/users", json={"email": email, "password": password, "name": "Demo"})
    session = await shopper.ask("POST", "/api/v1/sessions", json={"email": email, "password": password})
    return str(session.json()["accessToken"]), email


async def _choose(shopper: Shopper) -> list[tuple[dict[str, Any], int]]:
    """Take two products of which there is plenty."""
    products = (await shopper.ask("GET", "/api/v1/products?limit=50")).json()["items"]
    plenty = [product for product in products if product["available"] >= 20]
    if len(plenty) < 2:
        raise DemoError("the shop is nearly sold out; `devctl down --volumes` begins with full shelves")
    return [(plenty[0], 1), (plenty[1], 2)]


async def _settle(shopper: Shopper, token: str, order_id: str) -> dict[str, Any]:
    try:
        async with asyncio.timeout(SETTLE_SECONDS):
            while True:
                order: dict[str, Any] = (await shopper.ask("GET", f"/api/v1/orders/{order_id}", token=token)).json()
                if order["status"] in _FINAL:
                    return order
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise DemoError(
            f"order {order_id} is still `{order['status']}` after {SETTLE_SECONDS} s; "
            f"ask `{devctl()} journey {order_id}` where it waits"
        ) from None


async def _messages(shopper: Shopper, token: str, order_id: str) -> list[dict[str, Any]]:
    """Return the messages to the buyer about the order; they follow the order by a moment."""
    messages: list[dict[str, Any]] = []
    for _ in range(30):
        items = (await shopper.ask("GET", "/api/v1/notifications", token=token)).json()["items"]
        messages = [item for item in items if item.get("orderId") == order_id]
        if messages:
            break
        await asyncio.sleep(0.1)
    return messages


def _print_order(
    order: dict[str, Any],
    items: Sequence[tuple[dict[str, Any], int]],
    timeline: Iterable[dict[str, Any]],
    messages: Iterable[dict[str, Any]],
) -> None:
    rows = [(product["name"], str(n), _money(product["price"]), _money(product["price"], n)) for product, n in items]
    total = ("total", "", "", _money(order["total"]))
    print(f"\nOrder {order['id']}: {order['status']}\n")
    print(_table(("product", "quantity", "price", "sum"), [*rows, total]))
    print()
    print(_table(("when", "what"), [(entry["at"], entry["status"]) for entry in timeline]))
    print("\nmessages to the buyer: " + (", ".join(message["type"] for message in messages) or "nothing yet"))


def _money(price: dict[str, Any], times: int = 1) -> str:
    return f"{price['amount'] * times / 100:,.2f} {price['currency']}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"

    def line(row: Sequence[str]) -> str:
        return "|" + "|".join(f" {cell:<{width}} " for cell, width in zip(row, widths, strict=True)) + "|"

    return "\n".join([rule, line(head), rule, *map(line, rows), rule])


def _print_next_steps(order_id: str, trace_id: str) -> None:
    command = devctl()
    print("\nWhere the order went:\n")
    print(f"  {command} journey {order_id}")
    print(f"  {command} traces {trace_id}".rstrip())
    print(f"  {command} logs --trace {trace_id}" if trace_id else f"  {command} logs order payment")


def devctl() -> str:
    """Return the command as it can be typed here."""
    is_active = bool(os.environ.get("VIRTUAL_ENV"))
    return "devctl" if is_active or not Path(".venv/bin/devctl").exists() else ".venv/bin/devctl"


def main() -> int:
    """Run it; 1 with a sentence when the shop is not there."""
    try:
        asyncio.run(shop(os.environ.get("GATEWAY_URL", "http://127.0.0.1:8080").rstrip("/")))
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
