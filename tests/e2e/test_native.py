"""A Consul and a Jaeger on the PATH: devctl runs the real ones, and spans go through the hub into Jaeger."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.reference.go_programs import CONSUL, JAEGER, NotBuildable, find_or_build
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.real, pytest.mark.timeout(900)]
MANIFEST = """\
name: native
services:
  consul: {uses: consul, ports: {http: auto}}
  jaeger: {uses: jaeger, ports: {ui: auto}}
"""


@pytest.fixture
def devctl(tmp_path: Path) -> Iterator[Any]:
    """Return a function that runs devctl with the real programs on its PATH."""
    programs = tmp_path / "bin"
    programs.mkdir()
    try:
        (programs / "consul").symlink_to(find_or_build(CONSUL))
        (programs / "jaeger-all-in-one").symlink_to(find_or_build(JAEGER))
    except NotBuildable as reason:
        pytest.skip(str(reason))
    (tmp_path / "stack.yaml").write_text(MANIFEST)
    with tempfile.TemporaryDirectory(prefix="dv") as runtime:
        environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}", "XDG_RUNTIME_DIR": runtime}

        def run(*arguments: str) -> str:
            command = [sys.executable, "-m", "devctl", "-f", str(tmp_path / "stack.yaml"), *arguments]
            done = subprocess.run(
                command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120, check=False
            )
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout

        yield run
        run("down")


def test_real_consul_and_jaeger_on_the_path_are_run_and_get_the_spans(devctl: Any) -> None:
    devctl("up", "-d")
    services = {service["name"]: service for service in json.loads(devctl("status", "--json"))["services"]}
    assert {name: services[name]["variant"] for name in ("consul", "jaeger")} == {
        "consul": "native",
        "jaeger": "native",
    }
    agent = httpx.get(f"http://{services['consul']['ports']['http']}/v1/agent/self").json()
    assert agent["Config"]["Version"].startswith(CONSUL.version)
    span = {
        "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "name": "POST /orders", "kind": 2,
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000000100000000",
    }  # fmt: skip
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "order"}}]}
    body = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [span]}]}]}
    httpx.post(f"http://{services['hub']['ports']['otlp']}/v1/traces", json=body).raise_for_status()
    page = f"http://{services['jaeger']['ports']['ui']}"
    try:
        eventually(lambda: "order" in (httpx.get(f"{page}/api/services").json()["data"] or []), within=30)
    except AssertionError as error:
        hub = httpx.get(f"http://{services['hub']['ports']['otlp']}/metrics").text
        raise AssertionError(f"{hub}\n{devctl('logs', 'hub')}") from error
    trace = httpx.get(f"{page}/api/traces/{span['traceId']}").json()["data"][0]
    assert [span["operationName"] for span in trace["spans"]] == ["POST /orders"]
