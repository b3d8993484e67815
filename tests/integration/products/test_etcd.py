"""etcd as devctl runs it, on the real program: its keys, its metrics, a killed member, a clean stop."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.integration.products.conftest import Stack

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
MANIFEST = "etcd: {uses: etcd, ports: {client: auto}}"


def text(value: str) -> str:
    return base64.b64encode(value.encode()).decode()


def ask(stack: Stack, call: str, **body: str) -> Any:
    answer = httpx.post(stack.url("etcd", "client", f"/v3/kv/{call}"), json=body, timeout=10)
    answer.raise_for_status()
    return answer.json()


def test_etcd_keeps_its_keys_over_a_kill_and_another_run_and_leaves_nothing(start: Callable[..., Stack]) -> None:
    stack = start("etcd", "etcd", MANIFEST)
    service = stack.service("etcd")
    assert (service["variant"], service["provides"]["etcd"]) == ("native", "client")
    ask(stack, "put", key=text("colour"), value=text("green"))
    assert stack.listeners() == {"127.0.0.1"}
    assert "etcd_server_has_leader 1" in httpx.get(stack.url("etcd", "client", "/metrics")).text
    stack.kill_and_wait("etcd")
    assert ask(stack, "range", key=text("colour"))["kvs"][0]["value"] == text("green")
    stack.devctl("down")
    assert stack.processes() == []
    stack.devctl("up", "-d")  # on other ports
    assert ask(stack, "range", key=text("colour"))["kvs"][0]["value"] == text("green")


def test_etcd_answers_the_health_protocol_of_grpc_which_a_manifest_may_check(start: Callable[..., Stack]) -> None:
    stack = start("etcd", "etcd", "etcd: {uses: etcd, ports: {client: auto}, healthcheck: {grpc: client}}")
    stack.devctl("wait", "etcd")
    (answer,) = json.loads(stack.devctl("health", "--json"))
    assert (answer["healthy"], answer["answer"]) == (True, "SERVING")
    assert answer["check"].startswith("gRPC health of 127.0.0.1:")
