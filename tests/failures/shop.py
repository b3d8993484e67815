"""Failures of the shop, one after the other on one running copy of it, with shoppers at work meanwhile."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.failures.harness import ROOT, Case, Score, score
from tests.waiting import eventually

PROJECT = "failures"


class Shop:
    """A copy of the shop with ports and data of its own, and a shopper."""

    def __init__(self) -> None:
        self.base = Path(tempfile.mkdtemp(prefix="dw"))
        self._over = threading.Event()

    def devctl(self, *arguments: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        files = ("-f", str(ROOT / "stack.yaml"), "-f", str(ROOT / "tests" / "e2e" / "patient.yaml"))
        done = subprocess.run(
            [sys.executable, "-m", "devctl", *files, "-p", PROJECT, *arguments], cwd=ROOT, text=True,
            capture_output=True, timeout=400,
            env={**os.environ, "XDG_RUNTIME_DIR": str(self.base), "FAULTS": "on", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert not check or done.returncode == 0, f"{arguments}: {done.stdout}\n{done.stderr}"
        return done

    def why(self, *arguments: str) -> dict[str, Any]:
        view: dict[str, Any] = json.loads(self.devctl("why", "--json", *arguments).stdout)
        return view

    def service(self, name: str) -> dict[str, Any]:
        status = json.loads(self.devctl("status", "--json").stdout)
        view: dict[str, Any] = next(each for each in status["services"] if each["name"] == name)
        return view

    def pid(self, name: str) -> int:
        return int(self.service(name)["instances"][0]["pid"])

    def send(self, name: str, number: signal.Signals) -> None:
        os.kill(self.pid(name), number)

    def faults(self, name: str, *faults: dict[str, Any]) -> None:
        """Put failpoints into a service (services/README.md), in the place of those it has."""
        address = self.service(name)["instances"][0]["ports"]["http"]
        request = urllib.request.Request(
            f"http://{address}/faults", json.dumps(list(faults)).encode(), {"content-type": "application/json"},
            method="PUT",
        )  # fmt: skip
        urllib.request.urlopen(request, timeout=10).close()

    def shop(self) -> None:
        """Go shopping until it is over."""
        gateway = f"http://{self.service('gateway')['ports']['http']}"
        threading.Thread(target=self._shop, args=(gateway,), daemon=True).start()

    def _shop(self, gateway: str) -> None:
        email = f"{uuid.uuid4()}@example.org"
        password = f"pass-{email}"
        _call(gateway, "POST", "/api/v1/users", {"email": email, "password": password, "name": "Failures"})
        session = _call(gateway, "POST", "/api/v1/sessions", {"email": email, "password": password}) or {}
        token = str(session.get("accessToken", ""))
        products = _call(gateway, "GET", "/api/v1/products?limit=40", None, token) or {"items": []}
        ids = [product["id"] for product in products["items"] if product["available"] > 100]
        while not self._over.wait(0.1):
            order = {"items": [{"productId": random.choice(ids), "quantity": 1}]}
            for method, path, body in (
                ("GET", "/api/v1/products?limit=5", None), ("POST", "/api/v1/orders", order),
                ("GET", "/api/v1/orders", None), ("GET", "/api/v1/cart", None), ("GET", "/api/v1/users/me", None),
            ):  # fmt: skip
                _call(gateway, method, path, body, token)

    def close(self) -> None:
        self._over.set()
        self.devctl("down", "--volumes", "--yes")
        shutil.rmtree(self.base, ignore_errors=True)


def _call(gateway: str, method: str, path: str, body: Any, token: str = "") -> Any:
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
    content = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(gateway + path, content, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=8) as response:
            return json.loads(response.read() or b"null")
    except (urllib.error.URLError, OSError, ValueError):
        return None


@dataclass(frozen=True)
class ShopCase:
    """One failure of the shop: what seeds it, and what ends it."""

    case: Case
    seed: Callable[[Shop], object]
    heal: Callable[[Shop], object]


def failure(
    name: str, service: str, kinds: tuple[str, ...], seed: Callable[[Shop], object], heal: Callable[[Shop], object],
    path: tuple[str, ...] = (),
) -> ShopCase:  # fmt: skip
    return ShopCase(Case(f"shop: {name}", "shop", "shop", "", service, kinds, path), seed, heal)


def frozen(service: str, *path: str) -> ShopCase:
    return failure(
        f"{service} frozen", service, ("process-stopped",), lambda shop: shop.send(service, signal.SIGSTOP),
        lambda shop: shop.send(service, signal.SIGCONT), path,
    )  # fmt: skip


def failpoint(name: str, service: str, kinds: tuple[str, ...], *path: str, **fault: Any) -> ShopCase:
    return failure(
        name, service, kinds, lambda shop: shop.faults(service, fault), lambda shop: shop.faults(service), path
    )


CASES = [
    failpoint("catalog answers the stock check with errors", "catalog", ("errors",), "order",
              kind="error", route="POST /inventory/check", status=500, rate=1.0),
    frozen("catalog"),
    frozen("kafka"),
    failpoint("payment takes no events in", "payment", ("consumer-stuck",), kind="paused_consumer"),
    failpoint("catalog is slow", "catalog", ("slow",), kind="latency", route="*", milliseconds=900),
    failure("latency on the wire of user", "user", ("wire-fault",),
            lambda shop: shop.devctl("fault", "add", "user", "--latency", "200ms", check=True),
            lambda shop: shop.devctl("fault", "remove", "--all", check=True)),
    failure("notification killed", "notification", ("killed",),
            lambda shop: shop.send("notification", signal.SIGKILL), lambda shop: None),
]  # fmt: skip


@contextlib.contextmanager
def running() -> Iterator[Shop]:
    shop = Shop()
    try:
        shop.devctl("up", "-d", "--isolated", "--no-watch", "--no-wait", check=True)
        yield shop
    finally:
        shop.close()


def run_all(looks: int = 20) -> Iterator[Score]:
    """Yield the score of looks at the healthy shop, while it starts, under load and while it rolls, then of every
    failure."""
    with running() as shop:
        yield starting(shop, looks)
        shop.devctl("wait", check=True)
        shop.shop()
        yield healthy(shop, "shop: nothing wrong, under load", looks, lambda: None)
        rolling = threading.Thread(target=shop.devctl, args=("restart", "catalog", "order"))
        yield healthy(shop, "shop: nothing wrong, rolling restart", looks, rolling.start)
        rolling.join()
        for each in CASES:
            each.seed(shop)
            with contextlib.suppress(AssertionError):  # the score says so
                eventually(lambda: shop.why()["roots"], within=40, every=0.5)
            yield score(each.case, shop, 1)
            each.heal(shop)
            with contextlib.suppress(AssertionError):
                eventually(lambda: not shop.why()["roots"], within=90, every=1)


def starting(shop: Shop, looks: int) -> Score:
    """Look at the shop until it is up; what is said to need longer, without evidence against it, is no accusation."""
    accused: list[str] = []
    answer: dict[str, Any] = {"roots": [], "summary": "not looked at", "state": ""}
    began, number = time.monotonic(), 0
    while number < looks and answer["state"] != "healthy":
        answer, number = shop.why(), number + 1
        accused += [root["service"] for root in answer["roots"] if root["confidence"] != "no evidence"]
    name = f"shop: nothing wrong, {number} looks while it starts"
    seconds = (time.monotonic() - began) / max(number, 1)
    return Score(Case(name, "shop", "shop", ""), True, True, True, accused, seconds, answer)


def healthy(shop: Shop, name: str, looks: int, begin: Callable[[], object]) -> Score:
    begin()
    time.sleep(1)  # let it be under way
    return score(Case(name, "shop", "shop", ""), shop, looks)
