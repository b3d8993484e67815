"""Kafka from its jars, as the recipe starts it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from devctl import tools
from devctl.tools.base import Refused
from devctl.tools.kafka import create_topics
from tests.integration.tools import variants

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]
TOPICS = {"shop.order.v1": {"partitions": 6}, "shop.order.v1.dlq": {"partitions": 1}}


@pytest.fixture(name="kafka")
def started(tmp_path: Path) -> Iterator[variants.Running]:
    from devctl.recipes.kafka import Topic

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
        found = client.list_topics(timeout=1).topics
    except KafkaException:
        return {}
    return {name: len(topic.partitions) for name, topic in found.items() if not name.startswith("__")}


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
        found = consumer.consume(count, timeout=30)
        return [value for message in found if (value := message.value()) is not None]
    finally:
        consumer.close()


def listeners(running: variants.Running) -> set[str]:
    import psutil

    connections = psutil.Process(running.process.pid).net_connections("tcp")
    return {c.laddr.ip.removeprefix("::ffff:") for c in connections if c.status == psutil.CONN_LISTEN}


def test_kafka_keeps_its_messages_when_it_is_killed(kafka: variants.Running, tmp_path: Path) -> None:
    produce(kafka, b"one", b"two")
    kafka.kill()
    with variants.running("kafka", kafka.variant, tmp_path, kafka.ports) as again:
        variants.until(again, lambda: partitions(again), 60)
        produce(again, b"three")
        assert consume(again, 3) == [b"one", b"two", b"three"]
        assert listeners(again) == {"127.0.0.1"}


def test_topics_are_widened_and_a_wrong_setting_is_said(kafka: variants.Running) -> None:
    soon = time.monotonic() + 30
    create_topics(broker(kafka), {"shop.order.v1": {"partitions": 8}}, soon)
    assert partitions(kafka)["shop.order.v1"] == 8
    create_topics(broker(kafka), {"shop.order.v1": {"partitions": 2}}, soon)
    assert partitions(kafka)["shop.order.v1"] == 8
    with pytest.raises(Refused, match=r"topic wrong: .*retention"):
        create_topics(broker(kafka), {"wrong": {"config": {"retention.years": "1"}}}, soon)


def test_kafkas_own_console_consumer_reads_what_was_produced(kafka: variants.Running) -> None:
    produce(kafka, b"order.created")
    java, jars = tools.find("java"), tools.find("kafka")
    assert java is not None
    assert jars is not None
    console = [
        java.path, "-Xmx128m", "-cp", f"{jars.path}/*", "org.apache.kafka.tools.consumer.ConsoleConsumer",
        "--bootstrap-server", broker(kafka), "--topic", "shop.order.v1", "--from-beginning",
        "--max-messages", "1", "--timeout-ms", "30000",
    ]  # fmt: skip
    done = subprocess.run(console, capture_output=True, text=True, timeout=60, check=False)
    assert "order.created" in done.stdout
