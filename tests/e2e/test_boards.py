"""Every query of every board asks the real Prometheus of the shop under traffic: no error, no empty panel."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.shop import ROOT, Shopper, Stack
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
VARIABLES = {"$__rate_interval": "2m", "$service": ".*"}


def may_be_empty() -> dict[str, dict[str, str]]:
    """Return the panels and metrics that need not be there, with the reason of each."""
    return tomllib.loads((ROOT / "dashboards" / "empty.toml").read_text())


def questions() -> Iterator[tuple[str, str, str]]:
    """Yield board, panel and query of all that must not be empty."""
    empty = may_be_empty()
    for file in sorted((ROOT / "dashboards").glob("*.json")):
        for panel in json.loads(file.read_text())["panels"]:
            for target in panel.get("targets", []):
                if (
                    "expr" in target
                    and panel["datasource"]["type"] == "prometheus"
                    and panel["title"] not in empty.get(file.stem, {})
                ):
                    yield file.stem, panel["title"], target["expr"]


def metrics(expression: str) -> set[str]:
    """Return the names of the metrics that a query asks for."""
    bare = re.sub(r"\{[^}]*\}|\b(?:by|on) \([^)]*\)|\[[^]]*\]", "", expression)
    return set(re.findall(r"\b(?:(?:shop|http|db|devctl|process|python|prometheus|scrape)_|service:)[\w:]+", bare))


def answer(base: str, expression: str) -> str:
    """Return what is wrong with a query's answer, empty when it shows something."""
    for variable, value in VARIABLES.items():
        expression = expression.replace(variable, value)
    answer_body = httpx.get(f"{base}/api/v1/query", params={"query": expression}, timeout=10).json()
    if answer_body["status"] != "success":
        return str(answer_body["error"])
    return "" if answer_body["data"]["result"] else "empty"


def traffic(shopper: Shopper) -> None:
    """Do what a customer does: browse, fill a cart, order, be declined, cancel."""
    shopper.client.get("/api/v1/products", params={"query": "a"})
    shopper.client.put(f"/api/v1/cart/items/{shopper.product()['id']}", json={"quantity": 1})
    shopper.settled(shopper.order().json()["id"])
    shopper.settled(shopper.order(paymentMethod="tok_declined").json()["id"])
    kept = shopper.order().json()["id"]
    shopper.settled(kept)
    shopper.client.post(f"/api/v1/orders/{kept}/cancel")
    shopper.settled(kept)


def test_no_panel_of_any_board_is_empty(stack: Stack, shopper: Shopper) -> None:
    eventually(lambda: stack.service("prometheus")["status"] == "healthy", within=120, every=0.5)
    base = f"http://{stack.address('prometheus')}"
    panels = list(questions())

    def wrong() -> dict[tuple[str, str], str]:
        traffic(shopper)
        return {(board, panel): complaint for board, panel, query in panels if (complaint := answer(base, query))}

    asked_for = {name for _, _, query in panels for name in metrics(query)}
    assert len(asked_for) > 30

    last: list[dict[tuple[str, str], str]] = []

    def all_well() -> bool:
        last.append(wrong())
        return not last[-1]

    try:
        eventually(all_well, within=90, every=4)
    except AssertionError as error:
        raise AssertionError(f"empty panels: {last[-1]}") from error
    metric_names = set(httpx.get(f"{base}/api/v1/label/__name__/values", timeout=10).json()["data"])
    assert asked_for <= metric_names | set(
        may_be_empty()["metrics"]
    )  # a query that falls back to zero would hide a wrong name
