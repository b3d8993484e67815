"""What the embedded Kafka keeps when it is stopped and when it is killed."""

from __future__ import annotations

import contextlib
import json
import resource
import signal
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Message, TopicPartition

from tests.integration.embedded.kafka_scenarios import Bench, assigned, deliver, take, values
from tests.reference.running import accepts, emulator, free_ports, running

pytestmark = pytest.mark.xdist_group("kafka-restart")

TOPICS = json.dumps({"orders": {"partitions": 3, "config": {}}, "one": {"partitions": 1}})


class Broker:
    """A emulator that can be started again on the same port and folder."""

    def __init__(self, folder: Path) -> None:
        (self.port,) = free_ports(1)
        self.address = f"127.0.0.1:{self.port}"
        self.log = folder / "log"
        self.command = emulator("kafka", self.port, folder / "data", "--topics", TOPICS)

    def run(self):  # type: ignore[no-untyped-def]
        """Run it while the block runs; gives the process."""
        return running(self.command, lambda: accepts(self.port), self.log)


@pytest.fixture
def broker(tmp_path: Path) -> Broker:
    return Broker(tmp_path)


@pytest.fixture
def bench(broker: Broker) -> Iterator[Bench]:
    bench = Bench(broker.address)
    yield bench
    bench.close()


def test_a_killed_broker_loses_no_acknowledged_message_and_keeps_every_offset(broker: Broker, bench: Bench) -> None:
    acknowledged: dict[str, tuple[int, int]] = {}

    def keep(error: object, message: Message) -> None:
        if error is None:
            acknowledged[message.value().decode()] = (message.partition(), message.offset())

    producer = bench.producer(enable_idempotence=True, acks="all")
    consumer = bench.consumer("orders-g")
    stop = threading.Event()

    def storm() -> None:
        number = 0
        while not stop.is_set():
            with contextlib.suppress(BufferError):
                producer.produce("orders", key=str(number % 50), value=str(number), on_delivery=keep)
                number += 1
            producer.poll(0.001)
        producer.flush(20.0)

    storming = threading.Thread(target=storm)
    seen: dict[str, tuple[int, int]] = {}
    for life in range(3):
        with broker.run() as process:
            if life == 0:
                consumer.subscribe(["orders"])
                storming.start()
            for message in take(consumer, 200, 15.0):
                seen[message.value().decode()] = (message.partition(), message.offset())
            with contextlib.suppress(KafkaException):  # it may not have noticed yet that it must join again
                consumer.commit(asynchronous=False)
            process.send_signal(signal.SIGKILL)
            process.wait()
    with broker.run():
        stop.set()
        storming.join(30.0)
        assert not storming.is_alive()
        deadline = time.monotonic() + 20.0
        while len(seen) < len(acknowledged) and time.monotonic() < deadline:
            for message in take(consumer, 500, 0.3):
                seen[message.value().decode()] = (message.partition(), message.offset())
        lost = {value: where for value, where in acknowledged.items() if seen.get(value) != where}
        assert (len(acknowledged) > 600, lost) == (True, {})


def test_a_group_goes_on_where_it_committed_after_down_and_up(broker: Broker, bench: Bench) -> None:
    with broker.run():
        bench.send("one", *"abcd")
        consumer = bench.consumer("g")
        consumer.subscribe(["one"])
        assert values(take(consumer, 2)) == ["a", "b"]
        consumer.commit(offsets=[TopicPartition("one", 0, 2)], asynchronous=False)
        consumer.close()
    with broker.run():
        bench.send("one", "e")
        again = bench.consumer("g")
        again.subscribe(["one"])
        assert values(take(again, 3)) == ["c", "d", "e"]


def test_members_and_producers_find_a_restarted_broker_by_themselves(broker: Broker, bench: Bench) -> None:
    consumer = bench.consumer("live")
    producer = bench.producer()
    with broker.run():
        consumer.subscribe(["one"])
        assert assigned([consumer], [1]) == [1]
        deliver(producer, "one", "before")
        assert values(take(consumer, 1)) == ["before"]
        consumer.commit(asynchronous=False)
    with broker.run():
        assert deliver(producer, "one", "after").error() is None
        assert values(take(consumer, 1)) == ["after"]


def test_a_transaction_that_was_open_when_the_broker_died_is_aborted(broker: Broker, bench: Bench) -> None:
    producer = bench.producer(transactional_id="t")
    with broker.run() as process:
        producer.init_transactions(10.0)
        producer.begin_transaction()
        deliver(producer, "one", "kept")
        producer.commit_transaction(10.0)
        producer.begin_transaction()
        deliver(producer, "one", "dropped")
        process.kill()
        process.wait()
    with broker.run():
        bench.send("one", "later")
        consumer = bench.consumer("t-g")
        consumer.subscribe(["one"])
        assert values(take(consumer, 2)) == ["kept", "later"]


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="limits of another process can be set on Linux alone")
def test_a_full_disk_refuses_and_loses_nothing(broker: Broker, bench: Bench) -> None:
    with broker.run() as process:
        producer = bench.producer(message_timeout_ms=1000, retries=0)
        sent = [str(number) for number in range(20) if deliver(producer, "one", f"{number}" + "x" * 10_000)]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
        reports = [deliver(producer, "one", f"{number}" + "x" * 10_000) for number in range(20, 60)]
        kept = [report for report in reports if report.error() is None]
        assert 0 < len(kept) < 40
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert deliver(bench.producer(), "one", "room again").error() is None
        consumer = bench.consumer("full")
        consumer.subscribe(["one"])
        got = [value.rstrip("x") for value in values(take(consumer, len(sent) + len(kept) + 1)) if value]
        assert got == [*sent, *(report.value().decode().rstrip("x") for report in kept), "room again"]


def test_it_ends_quickly_when_told_to_though_clients_hang_on(broker: Broker, bench: Bench) -> None:
    with broker.run() as process:
        consumer = bench.consumer("hangs", fetch_wait_max_ms=5000)
        consumer.subscribe(["one"])
        assert assigned([consumer], [1]) == [1]
        process.terminate()
        assert process.wait(3.0) == 0


def test_a_second_broker_does_not_touch_the_folder_of_the_first(broker: Broker, tmp_path: Path) -> None:
    with broker.run():
        (port,) = free_ports(1)
        command = emulator("kafka", port, tmp_path / "data")
        with (
            pytest.raises(AssertionError, match="another broker uses this folder"),
            running(command, lambda: accepts(port), tmp_path / "second"),
        ):
            pass


@pytest.mark.parametrize(
    "junk",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">i", 0x7FFFFFFF),
        struct.pack(">ihhih", 10, 0, 7, 1, -1) + b"x" * 50,
        struct.pack(">ihhih", 60, 0, 4, 1, -1) + b"\xff" * 50,
        struct.pack(">ihhih", 14, 3, 4, 1, -1) + struct.pack(">i", 0x7FFFFFF0),
        struct.pack(">ihhih", 10, 999, 0, 1, -1),
    ],
)
def test_bytes_that_are_no_kafka_close_the_connection_and_nothing_else(junk: bytes, kafka_emulator: str) -> None:
    host, port = kafka_emulator.split(":")
    with socket.create_connection((host, int(port)), timeout=5.0) as client:
        client.sendall(junk)
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1000) == b""
    bench = Bench(kafka_emulator)
    assert bench.admin.list_topics(timeout=5.0).brokers
