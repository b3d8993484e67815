"""RabbitMQ as devctl runs it, on the real program: messages, its own check, a killed node, a clean stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.integration.products.conftest import Stack

pytestmark = [pytest.mark.real, pytest.mark.timeout(900)]
MANIFEST = "rabbitmq: {uses: rabbitmq, ports: {amqp: auto, http: auto, prometheus: auto}}"


class Management:
    """RabbitMQ's management API of one stack."""

    def __init__(self, stack: Stack) -> None:
        self.url = stack.url("rabbitmq", "http", "/api")
        self.auth = ("guest", (stack.volume("rabbitmq") / "password").read_text())

    def ask(self, method: str, path: str, **body: Any) -> Any:
        answer = httpx.request(method, self.url + path, json=body, auth=self.auth, timeout=20)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def publish(self, key: str, message: str) -> bool:
        body = {
            "properties": {"delivery_mode": 2}, "routing_key": key, "payload": message, "payload_encoding": "string",
        }  # fmt: skip
        return bool(self.ask("POST", "/exchanges/%2f/orders/publish", **body)["routed"])

    def take(self, queue: str, count: int) -> list[str]:
        path = f"/queues/%2f/{queue}/get"
        messages = self.ask("POST", path, count=count, ackmode="ack_requeue_false", encoding="auto")
        return [message["payload"] for message in messages]


def test_rabbitmq_takes_messages_keeps_them_over_a_kill_and_leaves_nothing(start: Callable[..., Stack]) -> None:
    stack = start("rabbitmq", "rabbitmq", MANIFEST)
    service = stack.service("rabbitmq")
    assert (service["variant"], service["provides"]) == ("native", {"amqp": "amqp", "metrics": "prometheus"})
    broker = Management(stack)
    broker.ask("PUT", "/exchanges/%2f/orders", type="topic", durable=True)
    broker.ask("PUT", "/queues/%2f/paid", durable=True, arguments={"x-queue-type": "quorum"})
    broker.ask("POST", "/bindings/%2f/e/orders/q/paid", routing_key="order.*.paid")
    assert [broker.publish("order.1.paid", f"message {number}") for number in range(20)] == [True] * 20
    assert not broker.publish("order.1.cancelled", "nobody asks for this")
    assert broker.take("paid", 5) == [f"message {number}" for number in range(5)]
    assert stack.listeners() <= {"127.0.0.1", "::1"}  # epmd cannot be kept from listening on both loopbacks
    assert "rabbitmq_identity_info" in httpx.get(stack.url("rabbitmq", "prometheus", "/metrics")).text
    assert "epmd" in {process.name() for process in stack.processes()}
    stack.kill_and_wait("rabbitmq")
    assert Management(stack).take("paid", 100) == [f"message {number}" for number in range(5, 20)]
    assert [process.name() for process in stack.processes()].count("epmd") == 1
    stack.devctl("down")
    assert stack.processes() == []


def test_the_password_is_random_and_for_its_owner_alone(start: Callable[..., Stack]) -> None:
    stack = start("rabbitmq", "rabbitmq", MANIFEST)
    home = stack.volume("rabbitmq")
    secrets = ("password", "conf.d/20-password.conf", ".erlang.cookie")
    assert {(home / name).stat().st_mode & 0o077 for name in secrets} == {0}
    answer = httpx.get(stack.url("rabbitmq", "http", "/api/overview"), auth=("guest", "guest"), timeout=20)
    assert answer.status_code == 401
