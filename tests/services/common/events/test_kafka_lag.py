"""How far a group is behind, asked with as few requests as there are questions: each keeps it from consuming."""

from collections.abc import Sequence
from typing import Any, cast

from confluent_kafka import OFFSET_BEGINNING, Consumer, TopicPartition
from prometheus_client import CollectorRegistry, Gauge

from services.common.events.kafka_lag import LagGauge


class FakeConsumer:
    """Answers for partitions that begin at 2 and end at 9, of which nothing or 5 is committed."""

    def __init__(self, committed: int) -> None:
        self._committed = committed
        self.requests = 0

    def committed(self, partitions: Sequence[TopicPartition], timeout: float) -> list[TopicPartition]:
        self.requests += 1
        return [TopicPartition(each.topic, each.partition, self._committed) for each in partitions]

    def offsets_for_times(self, partitions: Sequence[TopicPartition], timeout: float) -> list[TopicPartition]:
        self.requests += 1
        return [
            TopicPartition(each.topic, each.partition, 2 if each.offset == OFFSET_BEGINNING else 9)
            for each in partitions
        ]


def measured(consumer: FakeConsumer, in_hand: dict[tuple[str, int], int]) -> Any:
    registry = CollectorRegistry()
    lag = LagGauge(Gauge("lag", "Lag", ["group", "topic", "partition"], registry=registry), "g")
    lag.on_assign([("orders", number) for number in range(18)])
    lag.measure(cast(Consumer, consumer), ["orders"], in_hand)
    return lambda number: registry.get_sample_value("lag", {"group": "g", "topic": "orders", "partition": str(number)})


def test_the_lag_of_eighteen_partitions_takes_three_requests() -> None:
    consumer = FakeConsumer(5)
    lag = measured(consumer, {})
    assert [lag(number) for number in range(18)] == [4] * 18
    assert consumer.requests == 3


def test_where_nothing_is_committed_all_that_is_there_is_behind_and_what_is_in_hand_is_not() -> None:
    lag = measured(FakeConsumer(-1001), {("orders", 1): 8})
    assert (lag(0), lag(1)) == (7, 1)
