"""One consumer of a group in a thread of its own; the effects of its messages run on the loop of the service.

Whatever the client is asked while it serves a rebalance may have changed when the answer is used. So what depends on
the assignment follows its callbacks: each assignment begins paused or not, as the group is then, and what was received
under an assignment is neither gone on with nor acknowledged under the next.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from services.common.events.broker import Deliver
from services.common.events.event import Message
from services.common.events.kafka_lag import LagGauge, Partition
from services.common.runtime import failpoints

if TYPE_CHECKING:
    from services.common.runtime.logs import Logger

BATCH = 100
# How often a member whose effect takes long serves its group; a fraction of the session.
_MEMBER_SECONDS = 1.0
# Until a consumer that failed is replaced, and until what failed is taken up again.
_PAUSE_SECONDS = 1.0
# What an effect is given to end once the service stops.
_LAST_EFFECT_SECONDS = 2.0


class Health:
    """What was last heard of the broker."""

    def __init__(self) -> None:
        self.is_up = False

    def tell(self, *, is_up: bool) -> None:
        """Record what was heard."""
        self.is_up = is_up

    def on_error(self, error: KafkaError) -> None:
        """Record an error of the client, if it says that nobody answers."""
        if error.code() in (KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT):
            self.is_up = False


class Quiet:
    """Swallows librdkafka's own lines: what matters of them is told by the health and the outbox."""

    def log(self, *_args: object, **_kwargs: object) -> None:
        """Say nothing."""

    debug = info = warning = error = critical = log


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a member of a group consumes, and who brings about the effects, of so many messages at once at most."""

    config: dict[str, Any]
    topics: list[str]
    deliver: Deliver
    at_once: int


class Group:
    """A member of a consumer group that consumes until it is stopped, whatever becomes of its session."""

    def __init__(self, subscription: Subscription, health: Health, lag: LagGauge, log: "Logger") -> None:
        self._config, self._topics = subscription.config, subscription.topics
        self._deliver, self._at_once = subscription.deliver, subscription.at_once
        self._health, self._lag, self._log = health, lag, log
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        # Counted up with every change of the assignment.
        self._assignments = 0
        self._is_waiting = False
        self._first_undone: dict[Partition, int] = {}
        self._done: dict[Partition, int] = {}

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to consume."""
        self._loop = loop
        name = f"kafka-{self._config['group.id']}"
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    async def stop(self) -> None:
        """Finish the message in hand, acknowledge, and leave."""
        self._stopping.set()
        if self._thread is not None:
            await asyncio.to_thread(self._thread.join, 5.0)

    def _run(self) -> None:
        """Consume with one client after the other: one that has failed for good would be silent for ever."""
        while not self._stopping.is_set():
            try:
                self._consume()
            except Exception as error:
                if not self._stopping.wait(_PAUSE_SECONDS):
                    self._log.error("the consumer failed; a new one takes over", error=repr(error))

    def _consume(self) -> None:
        consumer = Consumer(self._config, logger=Quiet())
        try:
            consumer.subscribe(
                self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
            )
            while not self._stopping.is_set():
                self._take(consumer, self._next(consumer))
                self._measure(consumer)
        finally:
            self._forget_batch()
            consumer.close()

    def _next(self, consumer: Consumer) -> list[Any]:
        """Wait for a message, and take along what is there already; `consume` alone would wait for a full batch."""
        first = consumer.poll(0.5)
        if first is None:
            return []
        assignment = self._assignments
        more = consumer.consume(BATCH, timeout=0)
        # A rebalance in between: the first is not acknowledged, so it comes again to whoever holds it now.
        return [first, *more] if assignment == self._assignments else more

    def _take(self, consumer: Consumer, batch: list[Any]) -> None:
        """Deliver a batch in order, then acknowledge it; a stop in between acknowledges what is done."""
        assignment = self._assignments
        for message in reversed(batch):
            if not message.error():
                self._first_undone[_partition(message)] = message.offset()
        messages = [message for message in batch if not self._is_error(message)]
        is_whole = all(self._take_some(consumer, some, assignment) for some in batched(messages, self._at_once))
        if assignment != self._assignments:  # what is not acknowledged comes again, to whoever holds it now
            return
        self._acknowledge(consumer)
        if not is_whole:
            self._go_back(consumer)
        self._forget_batch()

    def _is_error(self, message: Any) -> bool:
        if message.error():
            self._on_error(message.error())
        return bool(message.error())

    def _take_some(self, consumer: Consumer, messages: list[Any], assignment: int) -> bool:
        """Bring about the effects of some messages; say whether the next may follow."""
        if self._stopping.is_set() or not self._finish(consumer, messages):
            return False
        if assignment != self._assignments:
            return False
        for message in messages:
            self._done[_partition(message)] = self._first_undone[_partition(message)] = message.offset() + 1
        self._measure(consumer)
        return True

    def _finish(self, consumer: Consumer, messages: list[Any]) -> bool:
        """Bring about the effects of some messages; say whether all are done."""
        work = asyncio.run_coroutine_threadsafe(self._deliver([received(each) for each in messages]), self._loop)
        try:
            self._wait(consumer, work)
        finally:
            work.cancel()  # changes nothing once it has ended
            self._end_waiting(consumer)
        if work.cancelled():
            return False
        if error := work.exception():
            self._log.error("the effect of an event failed", error=repr(error))
        return error is None

    def _wait(self, consumer: Consumer, work: Future[None]) -> None:
        """Wait for an effect, for a bounded time once the service stops, and meanwhile stay a member of the group."""
        began = time.monotonic()
        while not self._stopping.is_set() or time.monotonic() - began < _LAST_EFFECT_SECONDS:
            if wait([work], timeout=_MEMBER_SECONDS).done:
                return
            self._stay_member(consumer)

    def _stay_member(self, consumer: Consumer) -> None:
        """Serve the group without taking messages, while one is in hand."""
        if not self._is_waiting:
            self._is_waiting = True
            consumer.pause(consumer.assignment())
        message: Any = consumer.poll(0)
        if message is not None and message.error():
            self._on_error(message.error())
        elif message is not None:  # handed out in spite of the pause: it must come again
            self._seek(consumer, _partition(message), message.offset())
        self._measure(consumer)

    def _end_waiting(self, consumer: Consumer) -> None:
        """Take messages again; a partition that is assigned after this begins unpaused."""
        if self._is_waiting:
            self._is_waiting = False
            consumer.resume(consumer.assignment())

    def _go_back(self, consumer: Consumer) -> None:
        """Have what was received and not done come again, before anything behind it is acknowledged."""
        if self._stopping.wait(_PAUSE_SECONDS):
            return
        for partition, offset in self._first_undone.items():
            self._seek(consumer, partition, offset)

    def _seek(self, consumer: Consumer, partition: Partition, offset: int) -> None:
        """Go back; where the client cannot although the partition is ours, a new client must (the error is raised)."""
        try:
            consumer.seek(TopicPartition(*partition, offset))
        except KafkaException:
            if TopicPartition(*partition) in consumer.assignment():
                raise

    def _acknowledge(self, consumer: Consumer) -> None:
        if not self._done:
            return
        self._health.tell(is_up=True)
        failpoints.reach("before_ack")
        offsets = [TopicPartition(*partition, offset) for partition, offset in self._done.items()]
        try:
            consumer.commit(offsets=offsets, asynchronous=False)
        except KafkaException as error:
            self._log.warning("offsets not committed; events may come again", error=str(error))
        failpoints.reach("after_ack")

    def _forget_batch(self) -> None:
        self._first_undone.clear()
        self._done.clear()

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begin an assignment. The client keeps a pause beyond it, so each begins as the group is now."""
        self._change_assignment()
        consumer.assign(partitions)
        if self._is_waiting:
            consumer.pause(partitions)
        else:
            consumer.resume(partitions)
        self._lag.on_assign((each.topic, each.partition) for each in partitions)
        self._health.tell(is_up=True)
        self._log.info("partitions assigned", group=self._config["group.id"], partitions=len(partitions))

    def _on_revoke(self, consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        """End an assignment while it still counts: what is done is acknowledged."""
        self._acknowledge(consumer)
        self._change_assignment()

    def _on_lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """End an assignment that others may hold already."""
        self._change_assignment()
        self._log.warning("partitions lost", group=self._config["group.id"], partitions=len(partitions))

    def _change_assignment(self) -> None:
        self._assignments += 1
        self._forget_batch()

    def _on_error(self, error: KafkaError) -> None:
        if error.code() == KafkaError._FATAL:  # the client says it once and is silent from then on
            raise KafkaException(error)
        self._health.on_error(error)

    def _measure(self, consumer: Consumer) -> None:
        self._lag.measure(consumer, self._topics, self._first_undone)


def batched(messages: list[Any], size: int) -> Iterator[list[Any]]:
    """Yield them in their order, so many at once."""
    for first in range(0, len(messages), size):
        yield messages[first : first + size]


def _partition(message: Any) -> Partition:
    return message.topic(), message.partition()


def received(raw: Any) -> Message:
    """Return what the client library received as a message."""
    headers = {name: (value or b"").decode("utf-8", "replace") for name, value in raw.headers() or ()}
    key = (raw.key() or b"").decode("utf-8", "replace")
    return Message(raw.topic(), key, raw.value() or b"", headers, raw.partition(), raw.offset())
