"""Kafka from its jars, as the recipe starts it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from devctl.products.kafka import topics
from devctl.tools.base import Refused
from tests.integration.tools import variants

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
TOPICS = {"shop.order.v1": {"partitions": 6}, "shop.order.v1.dlq": {"partitions": 1}}


@pytest.fixture(name="kafka")
def started(tmp_path: Path) -> Iterator[variants.Running]:
    from devctl.products.kafka.recipe import Topic

    topics = {name: Topic(**facts) for name, facts in TOPICS.items()}
    variant = variants.expand("kafka", "native", {"topics": topics}, variants.context("kafka", tmp_path))
    with variants.running("kafka", variant, tmp_path) as running:
        variants.until(running, lambda: partitions(running) == {"shop.order.v1": 6, "shop.order.v1.dlq": 1}, 120)
        yield running


def broker(running: variants.Running) -> str:
    return f"127.0.0.1:{running.ports['broker']}"


def partitions(running: variants.Running) -> dict[str, int]:
    from confluent_kafka import KafkaException

    client = AdminClient({"bootstrap.servers": broker(running), "log_level": 0})
    try:
        topics = client.list_topics(timeout=1).topics
    except KafkaException:
        return {}
    return {name: len(topic.partitions) for name, topic in topics.items() if not name.startswith("__")}


def produce(running: variants.Running, *messages: bytes) -> None:
    producer = Producer({"bootstrap.servers": broker(running), "enable.idempotence": True, "log_level": 0})
    for message in messages:
        producer.produce("shop.order.v1", message, key=b"order")
    assert producer.flush(20) == 0


def consume(running: variants.Running, count: int) -> list[bytes]:
    consumer = Consumer(
        {"bootstrap.servers": broker(running), "group.id": "test", "auto.offset.reset": "earliest", "log_level": 0}
    )
    consumer.subscribe(["shop.order.v1"])
    try:
        messages = consumer.consume(count, timeout=30)
        return [value for message in messages if (value := message.value()) is not None]
    finally:
        consumer.close()


def listeners(running: variants.Running) -> set[str]:
    import psutil

    connections = psutil.Process(running.process.pid).net_connections("tcp")
    return {c.laddr.ip.removeprefix("::ffff:") for c in connections if c.status == psutil.CONN_LISTEN}


def test_kafka_keeps_topics_and_messages_when_it_is_killed(kafka: variants.Running, tmp_path: Path) -> None:
    produce(kafka, b"one", b"two")
    widen(kafka, 8)
    widen(kafka, 2)  # fewer is no wish to lose any
    kafka.kill()
    with variants.running("kafka", kafka.variant, tmp_path, kafka.ports) as again:
        variants.until(again, lambda: partitions(again) == {"shop.order.v1": 8, "shop.order.v1.dlq": 1}, 60)
        produce(again, b"three")
        assert consume(again, 3) == [b"one", b"two", b"three"]
        assert listeners(again) == {"127.0.0.1"}
        with pytest.raises(Refused, match=r"topic wrong: .*retention"):
            topics.create(broker(again), {"wrong": {"config": {"retention.years": "1"}}}, soon())


def soon() -> float:
    return time.monotonic() + 30


def widen(running: variants.Running, count: int) -> None:
    topics.create(broker(running), {"shop.order.v1": {"partitions": count}}, soon())
