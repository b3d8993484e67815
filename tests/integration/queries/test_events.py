"""Kafka looked into, against the broker that ships with devctl: topics, lag, keys, dead letters and their replay."""

import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from devctl.queries.events import Broker, Event
from tests.reference.servers import embedded_kafka
from tests.waiting import eventually

Headers = dict[str, str | bytes | None]
TOPIC, DEAD = "shop.order.v1", "shop.order.v1.dlq"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with embedded_kafka(tmp_path_factory.mktemp("kafka")) as address:
        admin = AdminClient({"bootstrap.servers": address})
        made = admin.create_topics([NewTopic(TOPIC, 2, 1), NewTopic(DEAD, 1, 1)])
        for done in made.values():
            done.result(10)
        producer = Producer({"bootstrap.servers": address})
        for number in range(3):
            headers: Headers = {"ce_type": "order.created", "ce_id": str(number)}
            producer.produce(TOPIC, b'{"n": %d}' % number, key=b"order-%d" % number, headers=headers)
        why: Headers = {"ce_type": "order.created", "ce_id": "9", "dlq_reason": "cannot be read"}
        producer.produce(DEAD, b"not JSON \x1b[2J", key=b"order-9", headers=why)
        assert producer.flush(10) == 0
        yield address


def _commit_one(address: str) -> None:
    consumer = Consumer({"bootstrap.servers": address, "group.id": "payment", "enable.auto.commit": False})
    for part in (0, 1):
        low, high = consumer.get_watermark_offsets(TopicPartition(TOPIC, part), timeout=5)
        consumer.commit(offsets=[TopicPartition(TOPIC, part, min(low + 1, high))], asynchronous=False)
    consumer.close()


def test_topics_tell_what_is_there_and_groups_how_far_they_are_behind(address: str) -> None:
    broker = Broker(address)
    _commit_one(address)
    topics = {topic.name: (topic.partitions, topic.messages) for topic in broker.topics()}
    assert topics[DEAD] == (1, 1)
    assert topics[TOPIC][0] == 2
    lags = {(lag.group, lag.topic): lag.lag for lag in broker.lags()}
    assert 0 < lags["payment", TOPIC] < topics[TOPIC][1]
    assert not any(group == "devctl-events" for group, _ in lags)


def test_looking_at_a_group_whose_member_lives_leaves_it_its_partitions(address: str) -> None:
    member = Consumer({"bootstrap.servers": address, "group.id": "living", "auto.offset.reset": "earliest"})
    member.subscribe([TOPIC])
    eventually(lambda: member.poll(0.1) is not None, what="its first message")
    mine = {(part.topic, part.partition) for part in member.assignment()}
    member.commit(asynchronous=False)
    assert ("living", TOPIC) in {(lag.group, lag.topic) for lag in Broker(address).lags()}
    member.poll(0)
    assert {(part.topic, part.partition) for part in member.assignment()} == mine
    member.close()


def test_the_last_events_come_decoded_by_time_and_by_key(address: str) -> None:
    broker = Broker(address)
    events = broker.last([TOPIC], 2)
    assert len(events) == 2
    (event,) = broker.last([TOPIC], 10, key="order-1")
    assert (event.key, event.type, event.value, event.headers["ce_id"]) == ("order-1", "order.created", {"n": 1}, "1")


def test_one_key_is_followed(address: str) -> None:
    seen: list[Event] = []
    follower = Broker(address).follow([TOPIC], key="order-7")
    reading = threading.Thread(target=lambda: seen.append(next(follower)), daemon=True)
    reading.start()
    producer = Producer({"bootstrap.servers": address})

    def is_seen() -> bool:  # until the follower stands at the end of the topic, what is sent goes unseen
        producer.produce(TOPIC, b"1", key=b"order-8")
        producer.produce(TOPIC, b"2", key=b"order-7")
        producer.flush(5)
        return bool(seen)

    eventually(is_seen, within=15, every=0.2)
    reading.join(5)
    assert (seen[0].key, seen[0].value) == ("order-7", 2)


def test_a_dead_letter_tells_its_reason_and_is_sent_again_without_it(address: str) -> None:
    broker = Broker(address)
    assert broker.dead_topics() == [DEAD]
    (dead,) = broker.last([DEAD], 10)
    assert (dead.is_dead, dead.headers["dlq_reason"], dead.value) == (True, "cannot be read", "not JSON \x1b[2J")
    assert broker.replay([dead]) == 1
    (again,) = broker.last([TOPIC], 10, key="order-9")
    assert dict(again.headers) == {"ce_type": "order.created", "ce_id": "9"}
    assert again.value == dead.value
