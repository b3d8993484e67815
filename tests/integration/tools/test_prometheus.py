"""Prometheus as the recipe starts it: targets by discovery, rules, exemplars; and promtool on the shop's rules."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from devctl.core.spec import substitute
from devctl.products import toolbox
from tests.integration.tools import variants

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "stack" / "prometheus"
pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


class Page(BaseHTTPRequestHandler):
    """A service's /metrics, with an exemplar."""

    def do_GET(self) -> None:
        body = (
            b"# TYPE shop_orders counter\n"
            b'shop_orders_total{status="paid"} 3.0 # {trace_id="4bf92f3577b34da6a3ce929d0e0e4736"} 1.0\n'
            b"# EOF\n"
        )
        self.send_response(200)
        self.send_header("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def pages() -> Iterator[list[int]]:
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Page) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield [server.server_address[1] for server in servers]
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[variants.Running]:
    services = {name: variants.service(name) for name in ("absent", "order", "prometheus")}
    folder = tmp_path / "config"
    shutil.copytree(CONFIG, folder)
    quick = (folder / "prometheus.yml").read_text().replace(": 5s", ": 1s").replace(": 4s", ": 1s")
    (folder / "prometheus.yml").write_text(quick)
    where = variants.context("prometheus", tmp_path, services, tmp_path)
    variant = variants.expand("prometheus", "native", {"config": "config/prometheus.yml"}, where)
    live = [file for file in variant.files if file.live]
    fixed = [file for file in variant.files if not file.live]
    with variants.running("prometheus", with_files(variant, fixed), tmp_path) as running:
        running.variables |= {"live": live[0].path, "content": live[0].content}
        variants.until(running, lambda: get(running, "/-/ready"))
        yield running


def with_files(variant: Any, files: Any) -> Any:
    import dataclasses

    return dataclasses.replace(variant, files=tuple(files))


def get(running: variants.Running, path: str) -> bytes:
    with urllib.request.urlopen(running.url("http", path), timeout=5) as answer:
        return bytes(answer.read())


def query(running: variants.Running, path: str) -> Any:
    return json.loads(get(running, f"/api/v1/{path}"))["data"]


def discover(running: variants.Running, ports: list[int]) -> None:
    """Write the live file as devctl does when ports change; the service `absent` has no variant that can run here."""
    every = ",".join(f"127.0.0.1:{port}" for port in ports)
    variables = {**running.variables, "services.order.http.all": every, "services.order.variant": "process"}
    variables |= {"services.absent.http.all": every, "services.absent.variant": ""}
    variables |= {"services.relay.http.all": "", "services.relay.variant": ""}  # nothing is relayed
    scratch = Path(running.variables["live"] + ".new")
    scratch.write_text(substitute(running.variables["content"], variables))
    scratch.rename(running.variables["live"])


def test_targets_are_followed_without_a_restart(prometheus: variants.Running, pages: list[int]) -> None:
    def instances() -> set[str]:
        series = query(prometheus, "query?query=shop_orders_total")["result"]
        return {sample["metric"]["instance"] for sample in series if sample["metric"]["service"] == "order"}

    discover(prometheus, pages[:1])
    variants.until(prometheus, lambda: instances() == {f"127.0.0.1:{pages[0]}"}, 30)
    discover(prometheus, pages)
    variants.until(prometheus, lambda: instances() == {f"127.0.0.1:{port}" for port in pages}, 30)
    seen = {target["labels"]["service"] for target in query(prometheus, "targets")["activeTargets"]}
    assert seen == {"order", "prometheus"}
    exemplars = query(prometheus, "query_exemplars?query=shop_orders_total&start=0&end=9999999999")
    assert exemplars[0]["exemplars"][0]["labels"] == {"trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"}
    rules = {rule["name"] for group in query(prometheus, "rules")["groups"] for rule in group["rules"]}
    assert {"ServiceDown", "DeadLetters", "service:http_server_requests:rate1m"} <= rules


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = toolbox.fetch("promtool", lambda _: None).path
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_every_alert_of_the_shop_fires_when_it_should_and_only_then() -> None:
    done = promtool("test", "rules", str(CONFIG / "tests" / "alerts.yml"))
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_shops_configuration_and_rules_are_sound() -> None:
    done = promtool("check", "config", str(CONFIG / "prometheus.yml"))
    assert done.returncode == 0, done.stdout + done.stderr
