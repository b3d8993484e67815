"""The gateway and the instances behind it as processes, found by Consul: how they come and go, and their versions."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.reference.go_programs import CONSUL, NotBuildable, find_or_build
from tests.reference.servers import embedded_consul, real_consul_at
from tests.services.processes import Running, running
from tests.waiting import eventually

PRODUCTS = "/api/v1/products"
KEY_SET = "/.well-known/jwks.json"
TRAFFIC = "/api/v1/admin/traffic/catalog"
ADA = {"email": "ada@example.org", "password": "correct horse battery"}
# Changes are to be known within two seconds; the rest is for a busy machine, and far from the next poll.
SOON = 8.0


@pytest.fixture(
    params=["embedded", pytest.param("real", marks=[pytest.mark.real, pytest.mark.timeout(1800)])],
)
def consul(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Run a Consul of each kind in turn, and give its address."""
    with contextlib.ExitStack() as stack:
        if request.param == "embedded":
            yield stack.enter_context(embedded_consul(tmp_path))
            return
        try:
            yield stack.enter_context(real_consul_at(find_or_build(CONSUL), tmp_path))
        except NotBuildable as reason:
            pytest.skip(str(reason))


@dataclass
class Stack:
    """Starts services that know of each other by Consul alone."""

    folder: Path
    environment: dict[str, str]
    started: contextlib.ExitStack

    def start(self, service: str, version: str = "1") -> Running:
        folder = self.folder / f"{service}-{version}"
        folder.mkdir(exist_ok=True)
        return self.started.enter_context(
            running(f"services.{service}", folder, SERVICE_VERSION=version, **self.environment)
        )


@pytest.fixture
def stack(consul: str, tmp_path: Path) -> Iterator[Stack]:
    shared = {
        "CONSUL_HTTP_ADDR": consul.removeprefix("http://"),
        "SHOP_SECRETS": str(tmp_path / "secrets"),
        "RATE_LIMIT_PER_USER": "100000",
        "RATE_LIMIT_PER_ADDRESS": "100000",
    }
    with contextlib.ExitStack() as started:
        yield Stack(tmp_path, shared, started)


def instances(front: Running, service: str) -> int:
    return _value(front, f'shop_gateway_instances{{upstream="{service}"}}')


def served(instance: Running) -> int:
    """Return how many lists of products an instance has answered with."""
    return _value(instance, r'http_server_request_duration_seconds_count\{[^}]*http_route="/api/v1/products"[^}]*\}')


def _value(service: Running, series: str) -> int:
    pattern = series if "\\" in series else re.escape(series)
    match = re.search(rf"^{pattern} ([0-9.]+)", httpx.get(f"{service.url}/metrics").text, re.MULTILINE)
    return int(float(match[1])) if match else 0


def test_what_becomes_of_instances_is_known_soon_and_no_safe_call_is_lost(stack: Stack) -> None:
    first = stack.start("user")
    front = stack.start("gateway")
    eventually(lambda: httpx.get(front.url + KEY_SET).status_code == 200, within=SOON, what="the first is found")
    second = stack.start("user")
    third = stack.start("user")
    statuses: Counter[int] = Counter()

    def there_are(number: int) -> None:
        def are_known() -> bool:
            statuses.update(httpx.get(front.url + KEY_SET).status_code for _ in range(3))
            return instances(front, "user") == number

        eventually(are_known, within=SOON, what=f"{number} instances are known")

    there_are(3)
    second.process.send_signal(signal.SIGSTOP)
    there_are(2)
    second.process.send_signal(signal.SIGCONT)
    there_are(3)
    first.process.kill()
    there_are(2)
    third.process.terminate()
    assert third.process.wait(10) == 0
    there_are(1)
    # A call that hung in the one that was stopped may have been answered late; none may have failed.
    assert set(statuses) == {200}
    second.process.terminate()
    assert second.process.wait(10) == 0
    eventually(lambda: instances(front, "user") == 0, within=SOON)
    assert httpx.get(front.url + KEY_SET).status_code == 503
    ready = httpx.get(f"{front.url}/health/ready")
    assert (ready.status_code, ready.json()["checks"]["user"]["state"]) == (200, "down")


def appointed(stack: Stack, front: Running) -> httpx.Client:
    """Register through the gateway, be made an administrator on the command line beside the running service, log in."""
    client = stack.started.enter_context(httpx.Client(base_url=front.url))
    eventually(lambda: client.get(KEY_SET).status_code == 200, within=SOON, what="the user service is found")
    assert client.post("/api/v1/users", json={**ADA, "name": "Ada"}).status_code == 201
    command = [sys.executable, "-m", "services.user.admin", ADA["email"]]
    data = {"DATA_DIR": str(stack.folder / "user-1" / "services.user")}
    made = subprocess.run(command, env={**os.environ, **stack.environment, **data}, capture_output=True, text=True)
    assert (made.returncode, made.stderr) == (0, "")
    token = client.post("/api/v1/sessions", json=ADA).json()["accessToken"]
    client.headers["authorization"] = f"Bearer {token}"
    return client


def test_an_administrator_moves_traffic_between_two_versions_while_both_run(stack: Stack) -> None:
    stack.start("user")
    blue, green = stack.start("catalog", "1"), stack.start("catalog", "2")
    front = stack.start("gateway")
    admin = appointed(stack, front)
    eventually(lambda: instances(front, "catalog") == 2, within=SOON, what="both versions are known")

    def answered(calls: int = 40, version: str = "") -> tuple[int, int]:
        """Return how many of some calls each version answered."""
        before = served(blue), served(green)
        for _ in range(calls):
            assert admin.get(PRODUCTS, headers={"x-version": version}).status_code == 200
        return served(blue) - before[0], served(green) - before[1]

    def split(**fields: object) -> None:
        assert admin.put(TRAFFIC, json=fields).status_code == 200

    assert answered() == (20, 20)
    assert {admin.get(PRODUCTS).headers["x-served-by"] for _ in range(4)} == {"catalog/1", "catalog/2"}
    by_version = 'shop_gateway_served_total{http_response_status_code="200",upstream="catalog",version="2"}'
    assert _value(front, re.escape(by_version)) >= 20
    refused = admin.put(TRAFFIC, json={"weights": {"1": 50, "3": 50}})
    assert (refused.status_code, refused.json()["error"]) == (409, "no_such_version")
    split(weights={"1": 100, "2": 0})
    assert answered() == (40, 0)
    split(weights={"1": 75, "2": 25})
    assert all(answered(80))
    split(weights={"1": 100, "2": 0}, header="x-version")
    assert answered(version="2") == (0, 40)
    split(weights={"1": 50, "2": 50}, sticky=True)
    assert sorted(answered()) == [0, 40]
    split(weights={"1": 0, "2": 100})
    green.process.kill()
    assert admin.get(PRODUCTS).status_code == 200  # nobody of that version is left: better another than none
    assert admin.delete(TRAFFIC).status_code == 204
