"""How far a consumer group is behind, asked of the broker in every state: assigned, paused, or thrown out."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, Consumer, KafkaException, TopicPartition

if TYPE_CHECKING:
    from prometheus_client import Gauge

Partition = tuple[str, int]

_EVERY_SECONDS = 5.0
_ANSWER_SECONDS = 1.0


class LagGauge:
    """The lag of one member of a group, over the partitions that it holds or held last.

    The client's own position and watermarks are no source for it: after a lost session they are invalid until
    something is fetched, and while nothing is fetched they stand still.
    """

    def __init__(self, gauge: "Gauge", group: str) -> None:
        self._gauge, self._group = gauge, group
        self._partitions: frozenset[Partition] | None = None
        self._shown: set[Partition] = set()
        self._next = time.monotonic() + _EVERY_SECONDS

    def on_assign(self, partitions: Iterable[Partition]) -> None:
        """Measure these from now on; the others are measured by the members that hold them."""
        self._partitions = frozenset(partitions)
        for topic, number in self._shown - self._partitions:
            self._gauge.remove(self._group, topic, str(number))
        self._shown &= self._partitions
        self._next = 0.0

    def measure(self, consumer: Consumer, topics: Sequence[str], in_hand: Mapping[Partition, int]) -> None:
        """Publish the lag now and again; what is in hand counts up to its first message that is not done."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + _EVERY_SECONDS
        try:
            positions = consumer.committed(self._measured(consumer, topics), timeout=_ANSWER_SECONDS)
            lows, highs = (
                offsets_at(consumer, positions, end, _ANSWER_SECONDS) for end in (OFFSET_BEGINNING, OFFSET_END)
            )
        except KafkaException:  # the broker does not answer: what was measured last stands
            return
        for position in positions:
            partition = position.topic, position.partition
            self._show(partition, in_hand.get(partition, max(lows[partition], position.offset)), highs[partition])

    def _measured(self, consumer: Consumer, topics: Sequence[str]) -> list[TopicPartition]:
        """Return the partitions to measure: all of the topics while the group has given us none yet."""
        if self._partitions is not None:
            return [TopicPartition(topic, number) for topic, number in sorted(self._partitions)]
        metadata = (consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic] for topic in topics)
        return [TopicPartition(topic.topic, number) for topic in metadata for number in topic.partitions]

    def _show(self, partition: Partition, reached: int, high: int) -> None:
        self._gauge.labels(self._group, partition[0], str(partition[1])).set(max(0, high - reached))
        self._shown.add(partition)


def offsets_at(
    consumer: Consumer, partitions: Iterable[TopicPartition], end: int, answer_seconds: float
) -> Mapping[Partition, int]:
    """Return the first or next offset of each partition, asked in one request: each request waits behind a fetch
    that is under way, and one for each partition kept eighteen of them from consuming for nine seconds."""
    ask = [TopicPartition(each.topic, each.partition, end) for each in partitions]
    answers = consumer.offsets_for_times(ask, timeout=answer_seconds) if ask else []
    return {(each.topic, each.partition): each.offset for each in answers}
