"""The broker port over Kafka, by confluent-kafka: an idempotent producer and one consumer thread per group."""

import asyncio
import contextlib
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from services.common import killpoints
from services.common.broker import BrokerUnavailableError, Deliver
from services.common.events import Message

if TYPE_CHECKING:
    from services.common.logs import Logger
    from services.common.metrics import Metrics

DELIVERY_SECONDS = 10
BATCH = 100
_LAG_EVERY_SECONDS = 5.0


class KafkaBroker:
    """Publishes with an idempotent producer; acknowledges what it consumed only after the effect."""

    def __init__(self, servers: str, client: str, instance: str, metrics: "Metrics", log: "Logger") -> None:
        self._servers, self._client, self._instance = servers, client, instance
        self._log = log
        self._groups: list[_Group] = []
        self._lag = metrics.gauge(
            "shop_consumer_lag_messages", "Messages not yet consumed", ["group", "topic", "partition"]
        )
        self._health = _Health()
        self._producer: Producer | None = None
        self._stopping = threading.Event()
        self._poller: threading.Thread | None = None

    async def start(self) -> None:
        """Start the producer and every group; the broker may come later."""
        self._loop = asyncio.get_running_loop()
        self._producer = Producer(self._producer_config(), logger=_Quiet())
        self._poller = threading.Thread(target=self._poll, name="kafka-producer", daemon=True)
        self._poller.start()
        for group in self._groups:
            group.start(self._loop)

    async def publish(self, message: Message) -> None:
        """Hand the message to the broker and wait until it is held there."""
        assert self._producer is not None
        delivered: asyncio.Future[None] = self._loop.create_future()

        def report(error: KafkaError | None, _message: Any) -> None:
            self._health.tell(is_up=error is None)
            with contextlib.suppress(RuntimeError):  # the loop may be gone while the last reports come in
                self._loop.call_soon_threadsafe(_settle, delivered, error)

        headers: dict[str, str | bytes | None] = dict(message.headers)
        try:
            self._producer.produce(
                message.topic, message.value, message.key.encode(), headers=headers, on_delivery=report
            )
        except (BufferError, KafkaException) as error:
            raise BrokerUnavailableError(str(error)) from error
        await delivered

    def subscribe(self, topics: Sequence[str], group: str, deliver: Deliver) -> None:
        """Hand every message of the topics to the group."""
        config = self._consumer_config(group)
        self._groups.append(_Group(config, list(topics), deliver, self._health, self._lag, self._log))

    async def stop_consuming(self) -> None:
        """Finish the messages in hand, commit, and end the consumer threads."""
        await asyncio.gather(*(group.stop() for group in self._groups))

    async def close(self) -> None:
        """Stop consuming, flush for a bounded time, and disconnect."""
        await self.stop_consuming()
        self._stopping.set()
        if self._producer is not None:
            await asyncio.to_thread(self._producer.flush, 1.0)

    def is_up(self) -> bool:
        """Say whether the broker answered lately."""
        return self._health.is_up

    def _poll(self) -> None:
        assert self._producer is not None
        while not self._stopping.is_set():
            self._producer.poll(0.5)

    def _common(self) -> dict[str, Any]:
        return {
            "bootstrap.servers": self._servers,
            "client.id": self._client,
            "reconnect.backoff.ms": 50,
            "reconnect.backoff.max.ms": 1000,
            "topic.metadata.refresh.interval.ms": 10_000,
            "allow.auto.create.topics": False,
            "error_cb": self._on_error,
        }

    def _producer_config(self) -> dict[str, Any]:
        config = self._common()
        del config["allow.auto.create.topics"]
        return config | {
            "enable.idempotence": True,
            "acks": "all",
            "partitioner": "murmur2_random",
            "delivery.timeout.ms": DELIVERY_SECONDS * 1000,
            "linger.ms": 1,
        }

    def _consumer_config(self, group: str) -> dict[str, Any]:
        return self._common() | {
            "group.id": group,
            # A member that comes back under its name gets its partitions at once, also after kill -9.
            "group.instance.id": f"{group}-{self._instance}",
            "session.timeout.ms": 6000,
            "heartbeat.interval.ms": 1000,
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "fetch.wait.max.ms": 500,
            "fetch.error.backoff.ms": 100,
        }

    def _on_error(self, error: KafkaError) -> None:
        if error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT):
            self._health.tell(is_up=False)


class _Health:
    """What was last heard of the broker."""

    def __init__(self) -> None:
        self.is_up = False

    def tell(self, *, is_up: bool) -> None:
        self.is_up = is_up


class _Quiet:
    """Swallows librdkafka's own lines: what matters of them is told by the health and the outbox."""

    def log(self, *_args: object, **_kwargs: object) -> None:
        """Say nothing."""

    debug = info = warning = error = critical = log


class _Group:
    """One consumer in one thread; the effects run on the loop."""

    def __init__(
        self,
        config: dict[str, Any],
        topics: list[str],
        deliver: Deliver,
        health: _Health,
        lag: Any,
        log: "Logger",
    ) -> None:
        self._config, self._topics, self._deliver = config, topics, deliver
        self._health, self._lag, self._log = health, lag, log
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._next_lag = 0.0
        self._first_undone: dict[tuple[str, int], int] = {}

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        name = f"kafka-{self._config['group.id']}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 5.0)

    def _run(self) -> None:
        consumer = Consumer(self._config, logger=_Quiet())
        consumer.subscribe(self._topics, on_assign=self._on_assign)
        try:
            while not self._stopping.is_set():
                self._take(consumer, _next(consumer))
                self._measure(consumer)
        finally:
            consumer.close()

    def _take(self, consumer: Consumer, raw: list[Any]) -> None:
        """Deliver a batch in order, then acknowledge it; a stop in between acknowledges what is done."""
        done: dict[tuple[str, int], int] = {}
        good = [message for message in raw if not message.error()]
        for message in reversed(good):
            self._first_undone[message.topic(), message.partition()] = message.offset()
        for message in raw:
            if message.error():
                self._on_error(message.error())
                continue
            if self._stopping.is_set() or not self._finish(consumer, message):
                break
            place = message.topic(), message.partition()
            done[place] = self._first_undone[place] = message.offset() + 1
        if done:
            self._health.tell(is_up=True)
            self._acknowledge(consumer, done)
        if good and good[-1].offset() >= self._first_undone[good[-1].topic(), good[-1].partition()]:
            self._go_back(consumer)
        self._first_undone.clear()

    def _go_back(self, consumer: Consumer) -> None:
        """Have what was received and not done come again, before anything behind it is acknowledged."""
        if self._stopping.wait(1.0):
            return
        for (topic, partition), offset in self._first_undone.items():
            with contextlib.suppress(KafkaException):  # it belongs to another member by now, who begins there
                consumer.seek(TopicPartition(topic, partition, offset))

    def _finish(self, consumer: Consumer, message: Any) -> bool:
        """Wait for the effect of one message, and meanwhile stay a member of the group."""
        work = asyncio.run_coroutine_threadsafe(self._deliver(received(message)), self._loop)
        began = time.monotonic()
        is_paused = False
        while not self._stopping.is_set() or time.monotonic() - began < 2.0:
            try:
                work.result(timeout=1.0)
            except TimeoutError:
                # Each time: partitions that came in the meantime would hand out messages that nobody takes.
                consumer.pause(consumer.assignment())
                is_paused = True
                consumer.poll(0)
                self._measure(consumer, is_waiting=True)
                continue
            except Exception as error:
                self._log.error("the effect of an event failed", error=repr(error))
                return False
            finally:
                if is_paused and work.done():
                    consumer.resume(consumer.assignment())
            return True
        work.cancel()
        return False

    def _acknowledge(self, consumer: Consumer, done: dict[tuple[str, int], int]) -> None:
        killpoints.reach("before_ack")
        offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in done.items()]
        try:
            consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            self._log.warning("offsets not committed; events may come again", error=str(error))
        killpoints.reach("after_ack")

    def _on_assign(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._health.tell(is_up=True)
        self._log.info("partitions assigned", group=self._config["group.id"], partitions=len(partitions))

    def _on_error(self, error: KafkaError) -> None:
        if error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT):
            self._health.tell(is_up=False)

    def _measure(self, consumer: Consumer, *, is_waiting: bool = False) -> None:
        """Publish the lag from what the client knows already; while it fetches nothing, the broker is asked."""
        if time.monotonic() < self._next_lag:
            return
        self._next_lag = time.monotonic() + _LAG_EVERY_SECONDS
        for position in consumer.position(consumer.assignment()):
            place = position.topic, position.partition
            reached = self._first_undone.get(place, position.offset)
            try:
                _low, high = consumer.get_watermark_offsets(position, timeout=1.0, cached=not is_waiting)
            except KafkaException:
                return
            if reached >= 0 and high >= 0:
                self._lag.labels(self._config["group.id"], place[0], str(place[1])).set(max(0, high - reached))


def _next(consumer: Consumer) -> list[Any]:
    """Wait for a message, and take along what is there already; `consume` alone would wait for a full batch."""
    first = consumer.poll(0.5)
    return [] if first is None else [first, *consumer.consume(BATCH, timeout=0)]


def received(raw: Any) -> Message:
    """Return what the client library received as a message."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in raw.headers() or ()}
    key = (raw.key() or b"").decode("utf-8", "replace")
    return Message(raw.topic(), key, raw.value() or b"", headers, raw.partition(), raw.offset())


def _settle(delivered: "asyncio.Future[None]", error: KafkaError | None) -> None:
    if delivered.done():
        return
    if error is None:
        delivered.set_result(None)
    else:
        delivered.set_exception(BrokerUnavailableError(error.str()))
