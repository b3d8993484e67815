"""What clients do with Kafka, each scenario a function that gives what it saw, free of what differs by chance.

Two client libraries take part: confluent-kafka (librdkafka, C) and aiokafka (Python).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka import TopicPartition as AioPartition
from aiokafka.errors import KafkaError as AioError
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec
from confluent_kafka.cimpl import NewPartitions, NewTopic

Seen = Any
PATIENCE_SECONDS = 20.0


class Bench:
    """One broker, and clients for it that are quiet and quick."""

    def __init__(self, broker: str) -> None:
        self.broker = broker
        self._open: list[Any] = []
        self.admin = AdminClient(self._base())

    def _base(self) -> dict[str, Any]:
        return {"bootstrap.servers": self.broker, "log_level": 0, "reconnect.backoff.ms": 20}

    def topic(self, name: str, partitions: int = 1) -> str:
        """Make a topic and give its name once it can be used."""
        self.admin.create_topics([NewTopic(name, partitions, 1)])[name].result(PATIENCE_SECONDS)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while name not in self.admin.list_topics(timeout=5).topics and time.monotonic() < deadline:
            time.sleep(0.02)
        return name

    def producer(self, **settings: Any) -> Producer:
        """Return a producer that places keys as Java does."""
        more = {key.replace("_", "."): value for key, value in settings.items()}
        return Producer({**self._base(), "partitioner": "murmur2_random", "linger.ms": 0, **more})

    def consumer(self, group: str, **settings: Any) -> Consumer:
        """Return a consumer that starts at the beginning and commits when told to."""
        more = {key.replace("_", "."): value for key, value in settings.items()}
        base = {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False}
        quick = {"session.timeout.ms": 6000, "heartbeat.interval.ms": 200, "fetch.wait.max.ms": 100}
        consumer = Consumer({**self._base(), **base, **quick, **more})
        self._open.append(consumer)
        return consumer

    def send(self, topic: str, *values: str | None, key: str | None = None, partition: int = -1) -> list[Message]:
        """Produce values one after another, each acknowledged before the next; give the reports."""
        producer = self.producer()
        return [deliver(producer, topic, value, key, partition) for value in values]

    def close(self) -> None:
        """Close all consumers."""
        for client in self._open:
            client.close()


def deliver(producer: Producer, topic: str, value: Any, key: Any = None, partition: int = -1, **more: Any) -> Message:
    """Produce one message and give its delivery report."""
    reports: list[Message] = []
    producer.produce(
        topic, value=value, key=key, partition=partition, on_delivery=lambda _, sent: reports.append(sent), **more
    )
    producer.flush(PATIENCE_SECONDS)
    return reports[0]


def take(consumer: Consumer, count: int, seconds: float = PATIENCE_SECONDS) -> list[Message]:
    """Give `count` messages, or those that came in time."""
    messages: list[Message] = []
    deadline = time.monotonic() + seconds
    while len(messages) < count and time.monotonic() < deadline:
        messages += [message for message in consumer.consume(count - len(messages), 0.1) if message.error() is None]
    return messages


def values(messages: list[Message]) -> list[str | None]:
    """Return the values as text."""
    return [None if message.value() is None else message.value().decode() for message in messages]


def error_name(error: KafkaError | None) -> str:
    """Return the name of an error, empty for none."""
    return "" if error is None else str(error.name())


def refusal(do: Callable[[], Any]) -> str:
    """Return the name of the error that a call ends with, empty when it works."""
    try:
        do()
    except KafkaException as failure:
        return error_name(failure.args[0])
    return ""


def assigned(consumers: list[Consumer], counts: list[int]) -> list[int]:
    """Poll consumers until they hold as many partitions as wanted; give what they hold."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    held: list[int] = []
    while held != counts and time.monotonic() < deadline:
        for consumer in consumers:
            consumer.poll(0.02)
        held = sorted(len(consumer.assignment()) for consumer in consumers)
    return held


def records_keep_key_value_headers_time_and_order(b: Bench) -> Seen:
    topic = b.topic("plain", 1)
    producer = b.producer()
    headers = [("a", b"1"), ("a", b"2"), ("empty", b""), ("none", None)]
    reports = [
        deliver(producer, topic, b"\x00\xff", b"k", headers=headers, timestamp=1_700_000_000_123),
        deliver(producer, topic, None, "tombstone"),
        deliver(producer, topic, "", ""),
        deliver(producer, topic, "x" * 100_000),
    ]
    consumer = b.consumer("plain-g")
    consumer.subscribe([topic])
    got = take(consumer, 4)
    seen = [[m.key(), m.value() and len(m.value()), m.headers(), m.offset(), m.partition()] for m in got]
    return repr(
        [
            seen,
            got[0].value(),
            got[0].timestamp(),
            [error_name(r.error()) for r in reports],
            [r.offset() for r in reports],
        ]
    )


def keys_choose_partitions(b: Bench) -> Seen:
    topic = b.topic("keys", 6)
    producer = b.producer()
    return [deliver(producer, topic, "v", f"key-{number}").partition() for number in range(20)]


def every_compression_is_passed_on(b: Bench) -> Seen:
    topic = b.topic("compressed", 1)
    for codec in ("gzip", "snappy", "lz4", "zstd"):
        producer = b.producer(compression_type=codec, linger_ms=20)
        for number in range(50):
            producer.produce(topic, value=f"{codec}-{number}-" + "x" * 200)
        producer.flush(PATIENCE_SECONDS)
    consumer = b.consumer("compressed-g")
    consumer.subscribe([topic])
    return [len(set(values(take(consumer, 200)))), len(take(consumer, 1, 0.3))]


def a_group_goes_on_where_it_committed(b: Bench) -> Seen:
    topic = b.topic("resume", 1)
    b.send(topic, *"abcdef")
    first = b.consumer("resume-g")
    first.subscribe([topic])
    got = values(take(first, 3))
    where = first.position([TopicPartition(topic, 0)])[0].offset
    first.commit(offsets=[TopicPartition(topic, 0, where, metadata="note")], asynchronous=False)
    first.close()
    second = b.consumer("resume-g")
    committed = second.committed([TopicPartition(topic, 0)])[0]
    second.subscribe([topic])
    rest = values(take(second, 3))
    other = b.consumer("resume-other")
    other.subscribe([topic])
    return [got, where, committed.offset, committed.metadata, rest, values(take(other, 6))]


def what_was_not_committed_comes_again(b: Bench) -> Seen:
    topic = b.topic("again", 1)
    b.send(topic, *"abc")
    first = b.consumer("again-g")
    first.subscribe([topic])
    got = values(take(first, 3))
    first.close()
    second = b.consumer("again-g")
    second.subscribe([topic])
    return [got, values(take(second, 3))]


def two_members_share_and_one_takes_over(b: Bench) -> Seen:
    topic = b.topic("shared", 4)
    first, second = b.consumer("shared-g"), b.consumer("shared-g")
    first.subscribe([topic])
    alone = assigned([first], [4])
    second.subscribe([topic])
    together = assigned([first, second], [2, 2])
    apart = not {p.partition for p in first.assignment()} & {p.partition for p in second.assignment()}
    second.close()
    again = assigned([first], [4])
    for partition in range(4):
        b.send(topic, f"to-{partition}", partition=partition)
    return [alone, together, apart, again, sorted(values(take(first, 4)))]


def the_cooperative_protocol_works(b: Bench) -> Seen:
    topic = b.topic("coop", 4)
    settings = {"partition_assignment_strategy": "cooperative-sticky"}
    first, second = b.consumer("coop-g", **settings), b.consumer("coop-g", **settings)
    first.subscribe([topic])
    alone = assigned([first], [4])
    second.subscribe([topic])
    return [alone, assigned([first, second], [2, 2])]


def a_dead_member_loses_its_partitions(b: Bench) -> Seen:
    topic = b.topic("dead", 2)
    first, second = b.consumer("dead-g"), b.consumer("dead-g", session_timeout_ms=6000, max_poll_interval_ms=6000)
    first.subscribe([topic])
    second.subscribe([topic])
    together = assigned([first, second], [1, 1])
    return [together, assigned([first], [2])]  # the second is polled no more


def a_static_member_comes_back_to_what_it_had(b: Bench) -> Seen:
    topic = b.topic("static", 4)
    other = b.consumer("static-g", group_instance_id="one")
    mine = b.consumer("static-g", group_instance_id="two")
    other.subscribe([topic])
    mine.subscribe([topic])
    together = assigned([other, mine], [2, 2])
    had = sorted(p.partition for p in mine.assignment())
    mine.close()
    kept = [len(other.assignment())]
    back = b.consumer("static-g", group_instance_id="two")
    back.subscribe([topic])
    assigned([other, back], [2, 2])
    return [together, kept, sorted(p.partition for p in back.assignment()) == had]


def members_without_a_common_protocol_are_refused(b: Bench) -> Seen:
    topic = b.topic("uncommon", 1)
    first = b.consumer("uncommon-g", partition_assignment_strategy="range")
    first.subscribe([topic])
    held = assigned([first], [1])
    errors: list[str] = []
    second = b.consumer("uncommon-g", partition_assignment_strategy="cooperative-sticky")
    second.subscribe([topic])
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not errors and time.monotonic() < deadline:
        first.poll(0.02)
        message = second.poll(0.02)
        errors += [error_name(message.error())] if message is not None and message.error() else []
    return [held, errors[:1]]


def a_reader_seeks_and_asks_for_offsets(b: Bench) -> Seen:
    topic = b.topic("seek", 1)
    producer = b.producer()
    first = int(time.time() * 1000) - 60_000  # of late: a broker lets go of what is older than a week
    for number in range(5):
        deliver(producer, topic, f"v{number}", timestamp=first + number * 1000)
    consumer = b.consumer("seek-g")
    consumer.assign([TopicPartition(topic, 0, 0)])
    seen: list[Any] = [values(take(consumer, 5)), consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=5)]
    consumer.seek(TopicPartition(topic, 0, 2))
    seen.append(values(take(consumer, 3)))
    for milliseconds in (0, 2000, 2500, 4000, 9000):
        at_time = TopicPartition(topic, 0, first + milliseconds)
        seen.append(consumer.offsets_for_times([at_time], timeout=5)[0].offset)
    consumer.commit(offsets=[TopicPartition(topic, 0, 4)], asynchronous=False)
    seen.append(consumer.committed([TopicPartition(topic, 0)], timeout=5)[0].offset)
    fresh = b.consumer("seek-latest", auto_offset_reset="latest")
    fresh.assign([TopicPartition(topic, 0)])
    seen.append(values(take(fresh, 1, 0.5)))
    b.send(topic, "new")
    return [*seen, values(take(fresh, 1))]


def an_offset_out_of_range_is_reset_as_asked(b: Bench) -> Seen:
    topic = b.topic("range", 1)
    b.send(topic, *"abc")
    earliest = b.consumer("range-1")
    earliest.assign([TopicPartition(topic, 0, 99)])
    strict = b.consumer("range-2", auto_offset_reset="error")
    strict.assign([TopicPartition(topic, 0, 99)])
    deadline, error = time.monotonic() + PATIENCE_SECONDS, ""
    while not error and time.monotonic() < deadline:
        message = strict.poll(0.1)
        error = error_name(message.error()) if message is not None else ""
    return [values(take(earliest, 3)), error]


def an_idempotent_producer_writes_once_and_in_order(b: Bench) -> Seen:
    topic = b.topic("idempotent", 1)
    producer = b.producer(enable_idempotence=True, linger_ms=1)
    for number in range(2000):
        producer.produce(topic, value=str(number))
        producer.poll(0)
    left = producer.flush(PATIENCE_SECONDS)
    consumer = b.consumer("idempotent-g")
    consumer.subscribe([topic])
    return [left, values(take(consumer, 2000)) == [str(n) for n in range(2000)], len(take(consumer, 1, 0.3))]


def what_is_aborted_is_not_seen_by_who_reads_committed(b: Bench) -> Seen:
    topic = b.topic("txn", 2)
    producer = b.producer(transactional_id="txn-1")
    producer.init_transactions(PATIENCE_SECONDS)
    for word, end in (("a", "commit"), ("b", "abort"), ("c", "commit")):
        producer.begin_transaction()
        for partition in range(2):
            producer.produce(topic, value=f"{word}{partition}", partition=partition)
        producer.flush(PATIENCE_SECONDS)
        getattr(producer, f"{end}_transaction")(PATIENCE_SECONDS)
    b.send(topic, "plain", partition=0)
    committed, all_of_it = b.consumer("txn-c"), b.consumer("txn-u", isolation_level="read_uncommitted")
    for consumer in (committed, all_of_it):
        consumer.subscribe([topic])
    ends = [committed.get_watermark_offsets(TopicPartition(topic, p), timeout=5)[1] for p in range(2)]
    return [sorted(values(take(committed, 5))), sorted(values(take(all_of_it, 7))), ends]


def an_open_transaction_holds_readers_of_committed_back(b: Bench) -> Seen:
    topic = b.topic("open", 1)
    producer = b.producer(transactional_id="open-1")
    producer.init_transactions(PATIENCE_SECONDS)
    producer.begin_transaction()
    deliver(producer, topic, "inside")
    b.send(topic, "outside")
    committed, all_of_it = b.consumer("open-c"), b.consumer("open-u", isolation_level="read_uncommitted")
    for consumer in (committed, all_of_it):
        consumer.subscribe([topic])
    before = [values(take(all_of_it, 2)), values(take(committed, 1, 1.0))]
    producer.commit_transaction(PATIENCE_SECONDS)
    return [before, values(take(committed, 2))]


def offsets_are_part_of_a_transaction(b: Bench) -> Seen:
    source, target = b.topic("from", 1), b.topic("to", 1)
    b.send(source, *"abcd")
    consumer = b.consumer("move-g")
    consumer.subscribe([source])
    take(consumer, 2)
    producer = b.producer(transactional_id="move-1")
    producer.init_transactions(PATIENCE_SECONDS)
    seen: list[int] = []
    for end in ("abort", "commit"):
        producer.begin_transaction()
        producer.produce(target, value=end)
        position = consumer.position([TopicPartition(source, 0)])
        producer.send_offsets_to_transaction(position, consumer.consumer_group_metadata(), PATIENCE_SECONDS)
        getattr(producer, f"{end}_transaction")(PATIENCE_SECONDS)
        seen.append(consumer.committed([TopicPartition(source, 0)], timeout=5)[0].offset)
    reader = b.consumer("moved-g")
    reader.subscribe([target])
    return [seen, values(take(reader, 1))]


def an_older_producer_of_the_same_id_is_fenced(b: Bench) -> Seen:
    topic = b.topic("fence", 1)
    old = b.producer(transactional_id="fence-1")
    old.init_transactions(PATIENCE_SECONDS)
    old.begin_transaction()
    deliver(old, topic, "old")
    new = b.producer(transactional_id="fence-1")
    new.init_transactions(PATIENCE_SECONDS)
    new.begin_transaction()
    deliver(new, topic, "new")
    new.commit_transaction(PATIENCE_SECONDS)
    fenced = refusal(lambda: old.commit_transaction(PATIENCE_SECONDS))
    consumer = b.consumer("fence-g")
    consumer.subscribe([topic])
    return [fenced, values(take(consumer, 1)), len(take(consumer, 1, 0.3))]


def an_unknown_topic_is_an_error(b: Bench) -> Seen:
    producer = b.producer(message_timeout_ms=3000)
    report = deliver(producer, "nowhere", "v")
    consumer = b.consumer("nowhere-g")
    consumer.subscribe(["nowhere"])
    deadline, error = time.monotonic() + PATIENCE_SECONDS, ""
    while not error and time.monotonic() < deadline:
        message = consumer.poll(0.1)
        error = error_name(message.error()) if message is not None else ""
    listed = "nowhere" in b.admin.list_topics(timeout=5).topics
    described = b.admin.list_topics("nowhere", timeout=5).topics["nowhere"]
    return [error_name(report.error()), error, listed, error_name(described.error)]


def a_message_over_a_mebibyte_is_refused(b: Bench) -> Seen:
    topic = b.topic("large", 1)
    producer = b.producer(message_max_bytes=5_000_000)
    return [error_name(deliver(producer, topic, "x" * size).error()) for size in (900_000, 2_000_000)]


def topics_are_made_grown_and_deleted(b: Bench) -> Seen:
    def result(futures: dict[Any, Any]) -> str:
        return refusal(lambda: next(iter(futures.values())).result(PATIENCE_SECONDS))

    topic = b.topic("admin", 2)
    b.send(topic, "v", partition=1)
    seen: list[Any] = [
        result(b.admin.create_topics([NewTopic(topic, 2, 1)])),
        result(b.admin.create_topics([NewTopic("bad name!", 1, 1)])),
        result(b.admin.create_topics([NewTopic("wide", 0, 1)])),
        result(b.admin.create_topics([NewTopic("thrice", 1, 3)])),
        result(b.admin.create_partitions([NewPartitions(topic, 4)])),
        result(b.admin.create_partitions([NewPartitions(topic, 4)])),
        result(b.admin.create_partitions([NewPartitions("none-such", 4)])),
        len(b.admin.list_topics(topic, timeout=5).topics[topic].partitions),
    ]
    latest = b.admin.list_offsets({TopicPartition(topic, 1): OffsetSpec.latest()})
    seen.append(next(iter(latest.values())).result(PATIENCE_SECONDS).offset)
    deleted = b.admin.delete_records([TopicPartition(topic, 1, 1)])
    seen.append(next(iter(deleted.values())).result(PATIENCE_SECONDS).low_watermark)
    consumer = b.consumer("admin-g")
    seen.append(consumer.get_watermark_offsets(TopicPartition(topic, 1), timeout=5))
    seen += [result(b.admin.delete_topics([topic])), result(b.admin.delete_topics(["none-such"]))]
    return seen


def groups_are_listed_described_and_deleted(b: Bench) -> Seen:
    topic = b.topic("groups", 2)
    b.send(topic, "v", partition=0)
    consumer = b.consumer("groups-g", client_id="me")
    consumer.subscribe([topic])
    assigned([consumer], [2])
    take(consumer, 1)
    consumer.commit(asynchronous=False)
    described = b.admin.describe_consumer_groups(["groups-g"])["groups-g"].result(PATIENCE_SECONDS)
    member = described.members[0]
    seen: list[Any] = [
        "groups-g" in [group.group_id for group in b.admin.list_consumer_groups().result(PATIENCE_SECONDS).valid],
        [described.state.name, described.partition_assignor, len(described.members), member.client_id],
        sorted(p.partition for p in member.assignment.topic_partitions),
        refusal(lambda: b.admin.delete_consumer_groups(["groups-g"])["groups-g"].result(PATIENCE_SECONDS)),
    ]
    consumer.close()
    empty = b.admin.describe_consumer_groups(["groups-g"])["groups-g"].result(PATIENCE_SECONDS)
    seen += [empty.state.name, len(empty.members)]
    seen.append(refusal(lambda: b.admin.delete_consumer_groups(["groups-g"])["groups-g"].result(PATIENCE_SECONDS)))
    seen.append(refusal(lambda: b.admin.delete_consumer_groups(["no-such"])["no-such"].result(PATIENCE_SECONDS)))
    after = b.consumer("groups-g")
    seen.append(after.committed([TopicPartition(topic, 0)], timeout=5)[0].offset)
    return seen


def offsets_of_groups_are_read_and_set_from_outside(b: Bench) -> Seen:
    topic = b.topic("outside", 2)
    b.send(topic, *"abcd", partition=1)
    first = b.consumer("outside-g")  # librdkafka 2.16 dies of a coordinator that is not ready for an admin's question
    first.subscribe([topic])
    take(first, 1)
    first.commit(offsets=[TopicPartition(topic, 0, 0)], asynchronous=False)
    first.close()
    everything = ConsumerGroupTopicPartitions("outside-g")
    offsets = ConsumerGroupTopicPartitions("outside-g", [TopicPartition(topic, 1, 3)])
    seen: list[Any] = []
    for ask in (
        lambda: b.admin.list_consumer_group_offsets([everything]),
        lambda: b.admin.alter_consumer_group_offsets([offsets]),
        lambda: b.admin.list_consumer_group_offsets([everything]),
    ):
        got = ask()["outside-g"].result(PATIENCE_SECONDS).topic_partitions
        seen.append([[part.topic, part.partition, part.offset, error_name(part.error)] for part in got])
    consumer = b.consumer("outside-g")
    consumer.subscribe([topic])
    return [*seen, values(take(consumer, 1))]


def the_settings_of_a_topic_can_be_asked(b: Bench) -> Seen:
    topic = b.topic("settings", 1)
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    settings = b.admin.describe_configs([resource])[resource].result(PATIENCE_SECONDS)
    unknown = ConfigResource(ConfigResource.Type.TOPIC, "no-such-topic")
    refused = refusal(lambda: b.admin.describe_configs([unknown])[unknown].result(PATIENCE_SECONDS))
    return [settings["cleanup.policy"].value, "retention.ms" in settings, refused]


def aiokafka_produces_and_consumes(b: Bench) -> Seen:
    topic = b.topic("aio", 6)

    async def run() -> Seen:
        async with AIOKafkaProducer(bootstrap_servers=b.broker, enable_idempotence=True) as producer:
            sent = [
                await producer.send_and_wait(topic, f"v{n}".encode(), key=f"key-{n}".encode(), headers=[("h", b"x")])
                for n in range(20)
            ]
        async with _aio_consumer(b, "aio-g", topic) as consumer:
            got = await _aio_take(consumer, 20)
            await consumer.commit()
            committed = [await consumer.committed(AioPartition(topic, p)) for p in range(6)]
        return [
            [record.partition for record in sent],
            sorted(record.value.decode() for record in got),
            committed,
            len(got[0].headers),
        ]

    return asyncio.run(run())


def aiokafka_members_join_and_leave(b: Bench) -> Seen:
    topic = b.topic("aio-shared", 4)

    async def run() -> Seen:
        async with _aio_consumer(b, "aio-shared-g", topic) as first:
            alone = await _aio_assigned([first], [4])
            second = _aio_consumer(b, "aio-shared-g", topic)
            await second.start()
            together = await _aio_assigned([first, second], [2, 2])
            await second.stop()
            return [alone, together, await _aio_assigned([first], [4])]

    return asyncio.run(run())


def aiokafka_seeks_and_runs_transactions(b: Bench) -> Seen:
    topic = b.topic("aio-txn", 1)

    async def run() -> Seen:
        async with AIOKafkaProducer(bootstrap_servers=b.broker, transactional_id="aio-1") as producer:
            async with producer.transaction():
                await producer.send_and_wait(topic, b"kept")
            try:
                async with producer.transaction():
                    await producer.send_and_wait(topic, b"dropped")
                    raise ValueError
            except ValueError:
                pass
            async with producer.transaction():
                await producer.send_and_wait(topic, b"kept too")
        async with _aio_consumer(b, "aio-txn-g", topic, isolation_level="read_committed") as consumer:
            got = [record.value.decode() for record in await _aio_take(consumer, 2)]
            consumer.seek(AioPartition(topic, 0), 0)
            return [got, [record.value.decode() for record in await _aio_take(consumer, 2)]]

    return asyncio.run(run())


def aiokafka_is_told_of_an_unknown_topic(b: Bench) -> Seen:
    async def run() -> Seen:
        async with AIOKafkaProducer(bootstrap_servers=b.broker, request_timeout_ms=2000) as producer:
            try:
                await producer.send_and_wait("aio-nowhere", b"v")
            except AioError as failure:
                return type(failure).__name__
        return ""

    return asyncio.run(run())


def _aio_consumer(b: Bench, group: str, topic: str, **more: Any) -> AIOKafkaConsumer:
    settings = {"auto_offset_reset": "earliest", "enable_auto_commit": False, "metadata_max_age_ms": 1000}
    quick = {"heartbeat_interval_ms": 200, "session_timeout_ms": 6000}
    return AIOKafkaConsumer(topic, bootstrap_servers=b.broker, group_id=group, **settings, **quick, **more)


async def _aio_take(consumer: AIOKafkaConsumer, count: int) -> list[Any]:
    got: list[Any] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(got) < count:
            for messages in (await consumer.getmany(timeout_ms=100)).values():
                got += messages
    return got


async def _aio_assigned(consumers: list[AIOKafkaConsumer], counts: list[int]) -> list[int]:
    held: list[int] = []
    deadline = time.monotonic() + PATIENCE_SECONDS
    while held != counts and time.monotonic() < deadline:
        await asyncio.sleep(0.05)
        held = sorted(len(consumer.assignment()) for consumer in consumers)
    return held


SCENARIOS: dict[str, Callable[[Bench], Seen]] = {
    function.__name__: function
    for function in (
        records_keep_key_value_headers_time_and_order,
        keys_choose_partitions,
        every_compression_is_passed_on,
        a_group_goes_on_where_it_committed,
        what_was_not_committed_comes_again,
        two_members_share_and_one_takes_over,
        the_cooperative_protocol_works,
        a_dead_member_loses_its_partitions,
        a_static_member_comes_back_to_what_it_had,
        members_without_a_common_protocol_are_refused,
        a_reader_seeks_and_asks_for_offsets,
        an_offset_out_of_range_is_reset_as_asked,
        an_idempotent_producer_writes_once_and_in_order,
        what_is_aborted_is_not_seen_by_who_reads_committed,
        an_open_transaction_holds_readers_of_committed_back,
        offsets_are_part_of_a_transaction,
        an_older_producer_of_the_same_id_is_fenced,
        an_unknown_topic_is_an_error,
        a_message_over_a_mebibyte_is_refused,
        topics_are_made_grown_and_deleted,
        groups_are_listed_described_and_deleted,
        offsets_of_groups_are_read_and_set_from_outside,
        the_settings_of_a_topic_can_be_asked,
        aiokafka_produces_and_consumes,
        aiokafka_members_join_and_leave,
        aiokafka_seeks_and_runs_transactions,
        aiokafka_is_told_of_an_unknown_topic,
    )
}


def observe(broker: str, name: str) -> Seen:
    """Run one scenario against a broker and give what it saw."""
    bench = Bench(broker)
    try:
        return SCENARIOS[name](bench)
    finally:
        bench.close()
