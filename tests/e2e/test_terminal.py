"""The terminal UI on the shop that runs: an order is followed from its lines to its journey, traces and topics."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.shop import FILES, ROOT, Shopper, Stack
from tests.tmux import Terminal, devctl_in_tmux

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not shutil.which("tmux"), reason="tmux is not installed"),
    pytest.mark.timeout(400),
]
PATIENT = 120


@pytest.fixture
def tui(stack: Stack) -> Iterator[Terminal]:
    (stack.state / "tui.json").unlink(missing_ok=True)
    environ = {**stack.environment, "XDG_RUNTIME_DIR": str(stack.runtime), "DEVCTL_REDUCED_MOTION": "1"}
    environ |= {name: os.environ[name] for name in ("XDG_CACHE_HOME", "DEVCTL_HOME") if name in os.environ}
    with devctl_in_tmux([*FILES, "-p", stack.project, "tui"], ROOT, environ, (120, 40)) as terminal:
        terminal.sees("Services", "gateway", "payment", within=PATIENT)
        yield terminal


def test_an_order_is_followed_through_every_view_and_the_shop_stays_as_it_is(
    stack: Stack, shopper: Shopper, tui: Terminal
) -> None:
    order = shopper.order().raise_for_status().json()["id"]
    shopper.settled(order)
    before = stack.service("order")["instances"][0]["pid"]

    tui.press("2", "/")
    tui.type(f"order_id={order}")
    tui.press("Enter")
    tui.sees("Logs all services", order[:8], "notification", within=PATIENT)
    tui.press("J")
    tui.sees(f"Journey {order}", "POST /api/v1/orders", within=PATIENT)

    tui.press("3", "/")
    tui.type("service:gateway POST /api/v1/orders")
    tui.press("Enter")
    tui.sees("Traces", "POST /api/v1/orders", "Trace ", "━", within=PATIENT)
    tui.press("5")
    tui.sees("Map", "⇢ payment", "→ catalog", within=PATIENT)
    tui.press("6")
    tui.sees("Metrics", "last 15m", within=PATIENT)
    tui.press("7")
    tui.sees("shop.order.v1", "notification", within=PATIENT)
    tui.press("8")
    tui.sees("Runs", "shown now", within=PATIENT)

    tui.press("q")
    tui.sees("code=0", "comes back here", within=PATIENT)
    assert stack.service("order")["instances"][0]["pid"] == before
