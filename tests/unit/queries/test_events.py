"""Kafka is asked once for all partitions, not once for each: every request waits for the one before."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, TopicPartition

from devctl.queries.events import Broker, Topic

NAMES = [f"topic-{number}" for number in range(5)]


class FakeConsumer:
    """Knows topics of six partitions that begin at 2 and end at 9, and counts what it is asked."""

    def __init__(self) -> None:
        self.requests = 0

    def list_topics(self, timeout: float) -> Any:
        self.requests += 1
        return SimpleNamespace(topics={name: SimpleNamespace(partitions=range(6)) for name in NAMES})

    def offsets_for_times(self, parts: Sequence[TopicPartition], timeout: float) -> list[TopicPartition]:
        self.requests += 1
        ends = [(each, 2 if each.offset == OFFSET_BEGINNING else 9) for each in parts]
        return [TopicPartition(each.topic, each.partition, end) for each, end in ends]

    def close(self) -> None:
        return


class FakeBroker(Broker):
    """A broker without a network."""

    consumer = FakeConsumer()

    def _consumer(self, group: str = "") -> Any:
        return self.consumer


def test_the_messages_of_thirty_partitions_take_three_requests() -> None:
    broker = FakeBroker("127.0.0.1:9")

    assert broker.topics() == [Topic(name, 6, 6 * 7) for name in NAMES]
    assert broker.consumer.requests == 3
