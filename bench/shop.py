"""The shop under orders: rate, latency, CPU and memory with everything on; start of a service; cost of telemetry.

`python -m bench.shop` starts a copy of the stack of its own (`devctl -p bench up --isolated`) and ends it; with
`--gateway URL` it takes the one that runs there, whose processes it then finds with `devctl status`.
"""

import argparse
import asyncio
import contextlib
import http.server
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

PYTHON = sys.executable
CLIENTS = 8
PROJECT = "bench"
FINAL = {"confirmed", "rejected", "cancelled", "refunded"}
SERVICES = ("gateway", "catalog", "cart", "order", "payment", "user", "notification")
READY_SECONDS = 60
SETTLED_SECONDS = 120
NOBODY = "127.0.0.1:9"


@dataclass(frozen=True)
class Buyer:
    """A logged-in user and what it buys."""

    client: httpx.AsyncClient
    product: str

    async def order(self) -> tuple[str, float]:
        """Place one order; return its id and the seconds until the answer."""
        began = time.perf_counter()
        answer = await self.client.post("/orders", json={"items": [{"productId": self.product, "quantity": 1}]})
        answer.raise_for_status()
        return str(answer.json()["id"]), time.perf_counter() - began

    async def is_settled(self, order: str) -> bool:
        """Say whether an order is in a final state."""
        answer = await self.client.get(f"/api/v1/orders/{order}")
        return answer.status_code == 200 and answer.json()["status"] in FINAL


@contextlib.asynccontextmanager
async def buyers(base: str, count: int) -> Any:
    """Register so many users and log them in."""
    async with contextlib.AsyncExitStack() as stack:
        made: list[Buyer] = []
        for _ in range(count):
            client = httpx.AsyncClient(base_url=base, timeout=20, trust_env=False)
            await stack.enter_async_context(client)
            login = {"email": f"bench-{secrets.token_hex(6)}@example.org", "password": secrets.token_urlsafe(12)}
            (await client.post("/api/v1/users", json={**login, "name": "Bench"})).raise_for_status()
            tokens = (await client.post("/api/v1/sessions", json=login)).json()
            client.headers["authorization"] = f"Bearer {tokens['accessToken']}"
            products = (await client.get("/api/v1/products?limit=100")).json()["items"]
            plenty = [product["id"] for product in products if product["available"] >= 300] or [products[0]["id"]]
            made.append(Buyer(client, plenty[len(made) % len(plenty)]))
        yield made


async def storm(base: str, orders: int, clients: int) -> tuple[float, list[float], float]:
    """Place orders side by side; return the rate, the times in order, and the seconds until all are settled."""
    async with buyers(base, clients) as made:
        times: list[float] = []
        placed: list[tuple[Buyer, str]] = []
        left = iter(range(orders))

        async def lane(buyer: Buyer) -> None:
            for _ in left:
                order, seconds = await buyer.order()
                times.append(seconds)
                placed.append((buyer, order))

        began = time.perf_counter()
        await asyncio.gather(*(lane(buyer) for buyer in made))
        rate = orders / (time.perf_counter() - began)
        async with asyncio.timeout(SETTLED_SECONDS):
            for buyer, order in reversed(placed[-clients:]):
                while not await buyer.is_settled(order):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        return rate, sorted(times), time.perf_counter() - began


def main(arguments: list[str]) -> int:
    """Measure and print one line a figure."""
    parser = argparse.ArgumentParser(prog="python -m bench.shop", description=__doc__)
    parser.add_argument("--gateway", help="a shop that runs already")
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--clients", type=int, default=CLIENTS)
    options = parser.parse_args(arguments)
    _start_up()
    _telemetry()
    with _stack(options.gateway) as (gateway, status):
        _orders(gateway, status, options.orders, options.clients)
    return 0


@contextlib.contextmanager
def _stack(gateway: str | None) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Give the gateway's address and the stack's services, of a running stack or of one made for this."""
    if gateway:
        yield gateway, _status()
        return
    subprocess.run(_devctl("-p", PROJECT, "up", "--isolated", "-d"), check=True, stdout=subprocess.DEVNULL)
    try:
        services = _status("-p", PROJECT)
        (door,) = (service["ports"]["http"] for service in services if service["name"] == "gateway")
        yield f"http://{door}", services
    finally:
        subprocess.run(_devctl("-p", PROJECT, "down", "--volumes", "--yes"), check=True, stdout=subprocess.DEVNULL)


def _devctl(*arguments: str) -> list[str]:
    return [PYTHON, "-m", "devctl", *arguments]


def _status(*arguments: str) -> list[dict[str, Any]]:
    told = subprocess.run(_devctl(*arguments, "status", "--json"), capture_output=True, text=True, check=False)
    services: list[dict[str, Any]] = json.loads(told.stdout)["services"]
    return services


def _orders(gateway: str, services: list[dict[str, Any]], orders: int, clients: int) -> None:
    processes = {
        service["name"]: [psutil.Process(instance["pid"]) for instance in service["instances"] if instance.get("pid")]
        for service in services
    }
    asyncio.run(storm(gateway, clients * 3, clients))  # warm
    before = {name: _cpu_seconds(*members) for name, members in processes.items()}
    resident_before = {name: _resident(*members) for name, members in processes.items()}
    rate, times, seconds = asyncio.run(storm(gateway, orders, clients))
    used = {name: _cpu_seconds(*members) - before[name] for name, members in processes.items()}
    print(f"orders through the gateway   {rate:8.1f} /s with {clients} clients, all settled after {seconds:.1f} s")
    print(f"  latency p50, p99           {_at(times, 0.5):8.1f} ms, {_at(times, 0.99):.1f} ms")
    print(f"  CPU per order, all         {sum(used.values()) / orders * 1000:8.1f} ms")
    print(f"    {'':<20} {'CPU an order':>15} {'resident before':>18} {f'after {orders}':>13} {'its share':>12}")
    for name, spent in sorted(used.items(), key=lambda pair: -pair[1]):
        share = sum(process.memory_full_info().pss for process in processes[name]) / 1e6
        print(
            f"    {name:<20} {spent / orders * 1000:12.2f} ms {resident_before[name]:15.0f} MB"
            f" {_resident(*processes[name]):10.0f} MB {share:9.0f} MB"
        )


def _at(times: list[float], share: float) -> float:
    return times[min(len(times) - 1, int(len(times) * share))] * 1000


def _cpu_seconds(*processes: psutil.Process) -> float:
    total = 0.0
    for process in processes:
        used = process.cpu_times()
        total += used.user + used.system
    return total


def _resident(*processes: psutil.Process) -> float:
    return sum(process.memory_info().rss for process in processes) / 1e6


def _start_up() -> None:
    """Start each service twice, with the clients of broker and collector loaded; migrating is part of the first."""
    print(f"start, until ready       {'first':>20} {'again':>20}")
    with _sink() as sink, tempfile.TemporaryDirectory() as folder:
        for name in SERVICES:
            told = []
            environment = {"KAFKA_BOOTSTRAP_SERVERS": NOBODY, "OTEL_EXPORTER_OTLP_ENDPOINT": sink}
            for _ in ("first", "again"):
                with _running(f"services.{name}", f"{folder}/{name}", **environment) as (process, _url, seconds):
                    told.append(f"{_start_seconds(process):5.2f} s CPU in {seconds:.2f} s")
                    resident = _resident(process)
            print(f"    {name:<20} {told[0]:>20} {told[1]:>20}, then {resident:.0f} MB resident")


def _start_seconds(process: psutil.Process) -> float:
    """Return the CPU seconds of a process and of its children that have ended: one of them migrates."""
    used = process.cpu_times()
    return float(used.user + used.system + used.children_user + used.children_system)


def _telemetry() -> None:
    """Feed the same orders in turns to three copies of the monolith, so that they share the machine's moods."""
    kinds = {
        "off": {},
        "one in ten": {"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0.1"},
        "all": {},
    }
    with contextlib.ExitStack() as stack:
        sink = stack.enter_context(_sink())
        shops: dict[str, tuple[psutil.Process, str]] = {}
        for kind, environment in kinds.items():
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            address = {} if kind == "off" else {"OTEL_EXPORTER_OTLP_ENDPOINT": sink, "OTEL_BSP_SCHEDULE_DELAY": "500"}
            process, url, _ = stack.enter_context(_running("services.monolith", folder, **environment, **address))
            asyncio.run(storm(url, 30, 2))
            shops[kind] = process, url
        used = dict.fromkeys(kinds, 0.0)
        for _ in range(5):
            for kind, (process, url) in shops.items():
                before = _cpu_seconds(process)
                asyncio.run(storm(url, 40, 2))
                time.sleep(0.7)  # its last batch of spans belongs to it
                used[kind] += _cpu_seconds(process) - before
        resident = _resident(shops["all"][0])
    for kind in ("one in ten", "all"):
        share = (used[kind] - used["off"]) / used[kind]
        print(f"telemetry, {kind + ' sampled':<17} {share:8.1%} of the cost of the shop's work")
    print(f"the monolith, all sampled    {resident:8.0f} MB resident after 230 orders")


@contextlib.contextmanager
def _running(module: str, folder: str, **environment: str) -> Iterator[tuple[psutil.Process, str, float]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"PORT": str(port), "DATA_DIR": str(Path(folder) / "data" / "x"), "RATE_LIMIT_PER_USER": "100000"}
    began = time.perf_counter()
    with subprocess.Popen(
        [PYTHON, "-m", module], env={**os.environ, **environment, **settings}, stdout=subprocess.DEVNULL
    ) as started:
        url = f"http://127.0.0.1:{port}"
        try:
            while not _is_ready(url):
                if started.poll() is not None:
                    raise SystemExit(f"{module} ended with {started.returncode} before it was ready")
                if time.perf_counter() - began > READY_SECONDS:
                    raise SystemExit(f"{module} was not ready after {READY_SECONDS} s")
                time.sleep(0.02)
            yield psutil.Process(started.pid), url, time.perf_counter() - began
        finally:
            _end(started)


def _end(started: "subprocess.Popen[bytes]") -> None:
    started.terminate()
    try:
        started.wait(timeout=15)
    except subprocess.TimeoutExpired:
        started.kill()


def _is_ready(url: str) -> bool:
    with contextlib.suppress(httpx.HTTPError):
        return httpx.get(f"{url}/health/ready", timeout=1, trust_env=False).status_code == 200
    return False


class _Taker(http.server.BaseHTTPRequestHandler):
    """Takes spans and forgets them."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def _sink() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Taker)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
