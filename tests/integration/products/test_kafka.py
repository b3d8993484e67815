"""Kafka behind the relay, on the real program: clients are told the relay's address, and it alone is disturbed."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from tests.integration.products.conftest import Stack

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
MANIFEST = "kafka: {uses: kafka, front: true, ports: {broker: auto}, with: {topics: {orders: {partitions: 3}}}}"
EVENTS = 200
LATENCY_SECONDS = 0.3


def send_and_receive(broker: str, group: str) -> set[str]:
    """Send events with an idempotent producer and return what a new group reads of them."""
    producer = Producer({"bootstrap.servers": broker, "enable.idempotence": True, "log_level": 0})
    for number in range(EVENTS):
        producer.produce("orders", f"{group}-{number}".encode())
    assert producer.flush(60) == 0
    consumer = Consumer({"bootstrap.servers": broker, "group.id": group, "auto.offset.reset": "earliest"})
    consumer.subscribe(["orders"])
    values: set[str] = set()
    deadline = time.monotonic() + 60
    while len(values) < EVENTS and time.monotonic() < deadline:
        message = consumer.poll(1)
        if message is not None and not message.error():
            value = message.value().decode()
            values |= {value} if value.startswith(f"{group}-") else set()
    consumer.close()
    return values


def asked_seconds(admin: AdminClient) -> float:
    began = time.monotonic()
    admin.list_topics(timeout=30)
    return time.monotonic() - began


def test_clients_of_a_relayed_kafka_are_told_the_relays_address(start: Callable[..., Stack]) -> None:
    stack = start("kafka", "kafka", MANIFEST)
    service = stack.service("kafka")
    broker = service["ports"]["broker"]
    assert (service["variant"], service["fronted"]) == ("native", True)
    assert service["instances"][0]["ports"]["broker"] != broker
    admin = AdminClient({"bootstrap.servers": broker, "log_level": 0})
    cluster = admin.list_topics(timeout=30)
    assert [f"{each.host}:{each.port}" for each in cluster.brokers.values()] == [broker]
    assert len(cluster.topics["orders"].partitions) == 3
    assert len(send_and_receive(broker, "quiet")) == EVENTS
    stack.devctl("fault", "add", "kafka", "--latency", f"{LATENCY_SECONDS}s")
    assert asked_seconds(admin) >= LATENCY_SECONDS
    assert len(send_and_receive(broker, "late")) == EVENTS
    stack.devctl("fault", "remove", "--all")
    stack.devctl("restart", "kafka")
    assert len(send_and_receive(broker, "again")) == EVENTS
