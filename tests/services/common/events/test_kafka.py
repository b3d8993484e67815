"""The broker port over Kafka's protocol: acknowledged means held, consumed means done."""

import asyncio
import contextlib
import ctypes
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError

from services.common.events.broker import BrokerUnavailableError
from services.common.events.event import Event, Message, to_message
from services.common.events.kafka import KafkaBroker
from services.common.runtime.logs import Logger
from services.common.runtime.metrics import Metrics
from tests.services.processes import free_port, kafka
from tests.waiting import eventually_async

TOPIC = "shop.thing.v1"


def message(number: int, key: str = "k") -> Message:
    return to_message(Event(type="thing.made", topic=TOPIC, key=key, data={"n": number}, source="/x"))


@contextlib.asynccontextmanager
async def client(
    address: str,
    name: str,
    *subscriptions: "tuple[str, object]",
    metrics: Metrics | None = None,
    log: Logger | None = None,
) -> AsyncIterator[KafkaBroker]:
    broker = KafkaBroker(address, name, name, metrics or Metrics(with_process=False), log or Logger("test"))
    for group, deliver in subscriptions:
        broker.subscribe([TOPIC], group, lambda messages, deliver=deliver: deliver(*messages))  # type: ignore[misc]
    await broker.start()
    try:
        yield broker
    finally:
        await broker.close()


async def test_messages_arrive_whole_in_order_per_key_and_not_again_after_a_clean_stop(tmp_path: Path) -> None:
    taken: list[Message] = []

    async def deliver(received: Message) -> None:
        taken.append(received)

    async def count(number: int) -> bool:
        return len(taken) >= number

    with kafka(tmp_path, {TOPIC: 3}) as address:
        async with client(address, "a", ("group", deliver)) as broker:
            sent = [message(number, f"key{number % 5}") for number in range(50)]
            for received in sent:
                await broker.publish(received)
            await eventually_async(lambda: count(50), within=20)
            assert broker.is_up()
        assert {received.value for received in taken} == {received.value for received in sent}
        by_key = [received.value for received in taken if received.key == "key1"]
        assert by_key == [received.value for received in sent if received.key == "key1"]
        assert taken[0].headers["ce_type"] == "thing.made"
        taken.clear()
        async with client(address, "a", ("group", deliver)) as broker:
            await broker.publish(message(99))
            await eventually_async(lambda: count(1), within=20)
        assert [received.value for received in taken] == [message(99).value]


async def test_a_message_whose_effect_was_cut_off_comes_again(tmp_path: Path) -> None:
    seen: list[str] = []
    begun = asyncio.Event()

    async def hang(received: Message) -> None:
        seen.append("begun")
        begun.set()
        await asyncio.Event().wait()

    async def finish(received: Message) -> None:
        seen.append("done")

    async def done() -> bool:
        return "done" in seen

    with kafka(tmp_path, {TOPIC: 1}) as address:
        async with client(address, "a", ("group", hang)) as broker:
            await broker.publish(message(1))
            await asyncio.wait_for(begun.wait(), 20)
        async with client(address, "a", ("group", finish)):
            await eventually_async(done, within=20)


async def test_a_broker_that_is_away_refuses_in_time_and_is_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.common.events.kafka.DELIVERY_SECONDS", 1)
    port = free_port()
    async with client(f"127.0.0.1:{port}", "a") as broker:
        with pytest.raises(BrokerUnavailableError):
            await broker.publish(message(1))
        with kafka(tmp_path, {TOPIC: 1}, port):

            async def taken() -> bool:
                with contextlib.suppress(BrokerUnavailableError):
                    await broker.publish(message(2))
                    return True
                return False

            await eventually_async(taken, within=20)
            assert broker.is_up()


async def test_a_consumer_that_hangs_shows_how_far_it_is_behind(tmp_path: Path) -> None:
    may_go, metrics = asyncio.Event(), Metrics(with_process=False)

    async def hang(received: Message) -> None:
        await may_go.wait()

    with kafka(tmp_path, {TOPIC: 1}) as address:
        async with client(address, "a", ("group", hang), metrics=metrics) as broker:

            async def lags(number: int) -> bool:
                line = f'shop_consumer_lag_messages{{group="group",partition="0",topic="{TOPIC}"}} {number}.0'
                return line in metrics.page().decode()

            for number in range(12):
                await broker.publish(message(number))
            await eventually_async(lambda: lags(12), within=30)
            may_go.set()
            await eventually_async(lambda: lags(0), within=30)


@pytest.mark.parametrize("error", [RuntimeError, TimeoutError])
async def test_a_message_whose_effect_failed_comes_again_before_those_behind_it(
    tmp_path: Path, error: type[Exception]
) -> None:
    seen: list[bytes] = []

    async def stumble(received: Message) -> None:
        seen.append(received.value)
        if len(seen) == 2:
            raise error("once")

    async def count() -> bool:
        return len(seen) >= 6

    with kafka(tmp_path, {TOPIC: 1}) as address:
        async with client(address, "a", ("group", stumble)) as broker:
            sent = [message(number) for number in range(5)]
            for received in sent:
                await broker.publish(received)
            await eventually_async(count, within=30)
    values = [received.value for received in sent]
    assert seen == [*values[:2], *values[1:]]


class Errors(Logger):
    """Keeps the errors that were logged."""

    def __init__(self) -> None:
        super().__init__("test")
        self.messages: list[str] = []

    def error(self, message: str, **_: object) -> None:
        self.messages.append(message)


async def test_a_consumer_whose_client_has_failed_for_good_is_replaced(tmp_path: Path) -> None:
    taken: list[bytes] = []
    log = Errors()

    async def deliver(received: Message) -> None:
        taken.append(received.value)

    async def is_taken(value: bytes) -> bool:
        return value in taken

    with kafka(tmp_path, {TOPIC: 1}) as address:
        async with client(address, "a", ("group", deliver), log=log) as broker:
            await broker.publish(message(1))
            await eventually_async(lambda: is_taken(message(1).value), within=20)
            # A second client under its name: the broker shuts the first out, and that is final for the client.
            fencing = Consumer({"bootstrap.servers": address, "group.id": "group", "group.instance.id": "group-a"})
            fencing.subscribe([TOPIC])

            async def has_failed() -> bool:
                await asyncio.to_thread(fencing.poll, 0.1)
                return bool(log.messages)

            await eventually_async(has_failed, within=20)
            await asyncio.to_thread(fencing.close)
            await broker.publish(message(2))
            await eventually_async(lambda: is_taken(message(2).value), within=30)


def fail_for_good(broker: KafkaBroker) -> None:
    """Tell a producer's client that it is fenced, by a hook of librdkafka for tests that its wrapper does not show."""
    assert broker._producer is not None
    (path,) = {library for library in _loaded_libraries() if "librdkafka" in library}
    library = ctypes.CDLL(path)
    library.rd_kafka_test_fatal_error.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_char_p]
    # The wrapper is a C structure that begins with the client: behind the head of every Python object.
    handle = ctypes.c_void_p.from_address(id(broker._producer._client) + object.__basicsize__)
    library.rd_kafka_test_fatal_error(handle, KafkaError.INVALID_PRODUCER_EPOCH, b"fenced")


def _loaded_libraries() -> set[str]:
    return {library.path for library in psutil.Process().memory_maps()}


async def test_a_producer_whose_client_has_failed_for_good_is_replaced_and_loses_no_event(tmp_path: Path) -> None:
    taken: list[bytes] = []
    log = Errors()

    async def deliver(received: Message) -> None:
        taken.append(received.value)

    async def is_published(number: int) -> bool:
        with contextlib.suppress(BrokerUnavailableError):
            await broker.publish(message(number))
            return True
        return False

    async def all_taken() -> bool:
        return {message(number).value for number in range(4)} <= set(taken)

    with kafka(tmp_path, {TOPIC: 1}) as address:
        async with client(address, "a", ("group", deliver), log=log) as broker:
            await eventually_async(lambda: is_published(0), within=20)
            for number in (1, 2, 3):  # one failure after the other
                fail_for_good(broker)
                await eventually_async(lambda number=number: is_published(number), within=20)  # type: ignore[misc]
            await eventually_async(all_taken, within=20)
    assert len(log.messages) == 3


async def test_what_waits_for_a_client_that_fails_for_good_is_told_at_once(tmp_path: Path) -> None:
    async with client(f"127.0.0.1:{free_port()}", "a") as broker:
        waiting = asyncio.create_task(broker.publish(message(1)))
        await asyncio.sleep(0)
        fail_for_good(broker)
        with pytest.raises(BrokerUnavailableError):
            await asyncio.wait_for(waiting, 8)  # well before the ten seconds of a delivery are over
