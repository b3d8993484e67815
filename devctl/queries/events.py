"""Kafka looked into: topics, how far each group is behind, single events decoded, dead letters sent again.

Reads with a consumer that belongs to no group and commits nothing, so that looking changes nothing.
A topic `X.dlq` holds the dead letters of `X`; headers that begin with `dlq_` say why (left out when replayed).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devctl.errors import DevctlError, EnvironmentProblem

TIMEOUT_SECONDS = 5.0
POLL_SECONDS = 0.25
DEAD_SUFFIX = ".dlq"
REASON_PREFIX = "dlq_"


Partition = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: `messages` are those that are still there."""

    name: str
    partitions: int
    messages: int


@dataclass(frozen=True, slots=True)
class Lag:
    """How many messages of a topic a group has not committed yet."""

    group: str
    topic: str
    lag: int


@dataclass(frozen=True, slots=True)
class Event:
    """One message. `headers` and `key` as text; `value` is decoded JSON where it is JSON, else text."""

    topic: str
    partition: int
    offset: int
    time_ns: int
    key: str
    type: str
    headers: Mapping[str, str]
    value: Any

    @property
    def is_dead(self) -> bool:
        return self.topic.endswith(DEAD_SUFFIX)


class Broker:
    """A Kafka broker at host:port, looked at from outside."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._common: dict[str, Any] = {
            "bootstrap.servers": address,
            "log_level": 0,
            "socket.timeout.ms": int(TIMEOUT_SECONDS * 1000),
        }

    def topics(self) -> list[Topic]:
        """Return the topics by name; Kafka's own ones are left out."""
        consumer = self._consumer()
        try:
            partitions = self._partitions(consumer)
            bounds = self._bounds(consumer, [(name, n) for name, numbers in partitions.items() for n in numbers])
            return [
                Topic(name, len(numbers), sum(high - low for low, high in (bounds[name, n] for n in numbers)))
                for name, numbers in partitions.items()
            ]
        finally:
            consumer.close()

    def lags(self) -> list[Lag]:
        """Return the lag of each group on each topic that it has committed for, by group and topic."""
        from confluent_kafka import KafkaException, TopicPartition
        from confluent_kafka.admin import AdminClient

        admin = AdminClient(self._common)
        consumer = self._consumer()
        try:
            groups = admin.list_consumer_groups(request_timeout=TIMEOUT_SECONDS).result()
            every = [(name, n) for name, numbers in self._partitions(consumer).items() for n in numbers]
            bounds = self._bounds(consumer, every)
            partitions = [TopicPartition(*each) for each in every]
            lags: dict[tuple[str, str], int] = {}
            for group in sorted(listed.group_id for listed in groups.valid):
                for part in self._committed(group, partitions):
                    behind = max(bounds[part.topic, part.partition][1] - part.offset, 0)
                    lags[group, part.topic] = lags.get((group, part.topic), 0) + behind
            return [Lag(group, topic, lag) for (group, topic), lag in sorted(lags.items())]
        except KafkaException as error:
            raise self._gone(error) from error
        finally:
            consumer.close()

    def last(self, topics: Sequence[str], count: int, *, key: str = "") -> list[Event]:
        """Return the last `count` events of topics by time; with `key` the last ones of that key."""
        consumer = self._consumer()
        try:
            ends = self._assign(consumer, topics, back=None if key else count)
            events = [event for event in self._until(consumer, ends) if not key or event.key == key]
        finally:
            consumer.close()
        return sorted(events, key=lambda event: event.time_ns)[-count:] if count else []

    def follow(self, topics: Sequence[str], *, key: str = "") -> Iterator[Event]:
        """Yield events as they come, until the iterator is closed."""
        consumer = self._consumer()
        try:
            self._assign(consumer, topics, back=0)
            while True:
                message = consumer.poll(POLL_SECONDS)
                if message is not None and not message.error():
                    event = decode(message)
                    if not key or event.key == key:
                        yield event
        finally:
            consumer.close()

    def dead_topics(self) -> list[str]:
        """Return the topics that hold dead letters, by name."""
        consumer = self._consumer()
        try:
            return [name for name in self._partitions(consumer) if name.endswith(DEAD_SUFFIX)]
        finally:
            consumer.close()

    def replay(self, events: Sequence[Event]) -> int:
        """Send dead letters to the topics they came from, as they were; return how many the broker took."""
        from confluent_kafka import Consumer, Producer, TopicPartition

        producer = Producer({**self._common, "enable.idempotence": True, "message.timeout.ms": 10_000})
        consumer = Consumer({**self._common, "group.id": "devctl-events", "enable.auto.commit": False})
        try:
            for event in events:
                part = TopicPartition(event.topic, event.partition, event.offset)
                consumer.assign([part])
                message = consumer.poll(TIMEOUT_SECONDS)
                if message is None or message.error():
                    raise EnvironmentProblem("the dead letter is gone", where=f"{event.topic}/{event.partition}")
                headers: Any = [(k, v) for k, v in _headers(message) if not k.startswith(REASON_PREFIX)]
                producer.produce(event.topic.removesuffix(DEAD_SUFFIX), message.value(), message.key(), headers=headers)
            return len(events) - int(producer.flush(TIMEOUT_SECONDS * 2))
        finally:
            consumer.close()

    def _consumer(self, group: str = "devctl-events") -> Any:
        from confluent_kafka import Consumer

        return Consumer({**self._common, "group.id": group, "enable.auto.commit": False})

    def _committed(self, group: str, parts: Sequence[Any]) -> list[Any]:
        """Return those of `parts` that a group has committed for, with the offset.

        Asked as a member that never joins would: AdminClient.list_consumer_group_offsets may crash the process
        while the group's coordinator is not ready.
        """
        consumer = self._consumer(group)
        try:
            return [part for part in consumer.committed(list(parts), timeout=TIMEOUT_SECONDS) if part.offset >= 0]
        finally:
            consumer.close()

    def _partitions(self, consumer: Any) -> dict[str, list[int]]:
        from confluent_kafka import KafkaException

        try:
            listed = consumer.list_topics(timeout=TIMEOUT_SECONDS).topics
        except KafkaException as error:
            raise self._gone(error) from error
        return {name: sorted(listed[name].partitions) for name in sorted(listed) if not name.startswith("__")}

    def _bounds(self, consumer: Any, partitions: Sequence[Partition]) -> dict[Partition, tuple[int, int]]:
        """Return the first and the next offset of each partition, asked for all of them in one request each."""
        from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaException, TopicPartition

        def offsets(end: int) -> dict[Partition, int]:
            parts = [TopicPartition(topic, number, end) for topic, number in partitions]
            answers = consumer.offsets_for_times(parts, timeout=TIMEOUT_SECONDS) if parts else []
            return {(each.topic, each.partition): each.offset for each in answers}

        try:
            lows, highs = offsets(OFFSET_BEGINNING), offsets(OFFSET_END)
        except KafkaException as error:
            raise self._gone(error) from error
        return {each: (lows[each], highs[each]) for each in partitions}

    def _assign(self, consumer: Any, topics: Sequence[str], *, back: int | None) -> dict[tuple[str, int], int]:
        """Start `back` messages before each partition's end (None: at its beginning); return where each ends."""
        from confluent_kafka import TopicPartition

        partitions = self._partitions(consumer)
        ends: dict[tuple[str, int], int] = {}
        parts = []
        every = [(topic, number) for topic in topics for number in partitions.get(topic, [])]
        for (topic, number), (low, high) in self._bounds(consumer, every).items():
            start = low if back is None else max(high - back, low)
            parts.append(TopicPartition(topic, number, start))
            if start < high:
                ends[topic, number] = high
        consumer.assign(parts)
        return ends

    def _until(self, consumer: Any, ends: dict[tuple[str, int], int]) -> Iterator[Event]:
        """Yield events until every partition is at its end (a compacted or transactional one may end early)."""
        waiting = dict(ends)
        quiet_until = time.monotonic() + TIMEOUT_SECONDS
        while waiting and time.monotonic() < quiet_until:
            message = consumer.poll(POLL_SECONDS)
            if message is None or message.error():
                continue
            quiet_until = time.monotonic() + TIMEOUT_SECONDS
            position = (message.topic(), message.partition())
            if message.offset() + 1 >= waiting.get(position, 0):
                waiting.pop(position, None)
            yield decode(message)

    def _gone(self, error: Exception) -> DevctlError:
        reason = error.args[0].str() if error.args and hasattr(error.args[0], "str") else str(error)
        return EnvironmentProblem(
            f"Kafka does not answer: {reason}", where=self._address, next="See `devctl why kafka`."
        )


def decode(message: Any) -> Event:
    """Read a message; the CloudEvents type comes from its header (CloudEvents Kafka binding, binary mode)."""
    headers = {name: _text(value) for name, value in _headers(message)}
    return Event(
        topic=message.topic(),
        partition=message.partition(),
        offset=message.offset(),
        time_ns=message.timestamp()[1] * 1_000_000,
        key=_text(message.key()),
        type=headers.get("ce_type", ""),
        headers=headers,
        value=_value(message.value()),
    )


def _headers(message: Any) -> list[tuple[str, bytes | None]]:
    return list(message.headers() or ())


def _value(raw: bytes | None) -> Any:
    text = _text(raw)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _text(raw: bytes | None) -> str:
    return (raw or b"").decode("utf-8", "replace")
