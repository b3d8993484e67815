"""The idempotent producer in a thread of its own; a client that has failed for good is replaced.

Such a client (fenced, or out of step with what the broker holds) says so once, and takes nothing from then on. What it
had not delivered is reported as undelivered: it is still in the outbox, and goes out by the next client.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaError, KafkaException, Producer

from services.common.events.broker import BrokerUnavailableError
from services.common.events.event import Message
from services.common.events.kafka_group import Health, Quiet

if TYPE_CHECKING:
    from services.common.runtime.logs import Logger

_POLL_SECONDS = 0.5
# Between two clients, should the next fail at once too.
_PAUSE_SECONDS = 0.5
_FLUSH_SECONDS = 1.0

Delivered = asyncio.Future[None]


class KafkaProducer:
    """Publishes messages, by one client after the other."""

    def __init__(self, config: dict[str, Any], health: Health, log: "Logger") -> None:
        self._config, self._health, self._log = config, health, log
        self._stopping = threading.Event()
        self._undelivered: set[Delivered] = set()

    def start(self) -> None:
        """Begin to connect."""
        self._loop = asyncio.get_running_loop()
        self._client = self._new_client()
        self._thread = threading.Thread(target=self._run, name="kafka-producer", daemon=True)
        self._thread.start()

    async def publish(self, message: Message) -> None:
        """Hand the message to the broker and wait until it is held there."""
        delivered = self._loop.create_future()
        self._undelivered.add(delivered)
        try:
            self._produce(message, lambda error, _: self._report(delivered, error))
            await delivered
        finally:
            self._undelivered.discard(delivered)

    async def close(self) -> None:
        """Send what is left, for a bounded time."""
        self._stopping.set()
        with contextlib.suppress(KafkaException):
            await asyncio.to_thread(self._client.flush, _FLUSH_SECONDS)

    def _produce(self, message: Message, report: Callable[[KafkaError | None, Any], None]) -> None:
        headers: dict[str, str | bytes | None] = dict(message.headers)
        try:
            self._client.produce(
                message.topic, message.value, message.key.encode(), headers=headers, on_delivery=report
            )
        except (BufferError, KafkaException) as error:
            raise BrokerUnavailableError(str(error)) from error

    def _report(self, delivered: Delivered, error: KafkaError | None) -> None:
        """Take a report of the client's, in its thread."""
        self._health.tell(is_up=error is None)
        with contextlib.suppress(RuntimeError):  # the loop may be gone while the last reports come in
            self._loop.call_soon_threadsafe(_settle, delivered, None if error is None else error.str())

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._client.poll(_POLL_SECONDS)
            except KafkaException as error:  # only what is final is raised here
                self._log.error("the producer failed; a new one takes over", error=str(error))
                self._replace(str(error))

    def _replace(self, why: str) -> None:
        """Take another client; nobody waits any longer for what the one before was to deliver."""
        if self._stopping.wait(_PAUSE_SECONDS):
            return
        self._client = self._new_client()
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._give_up, why)

    def _give_up(self, why: str) -> None:
        for delivered in tuple(self._undelivered):
            _settle(delivered, why)

    def _new_client(self) -> Producer:
        return Producer(self._config, logger=Quiet())


def _settle(delivered: Delivered, error: str | None) -> None:
    if delivered.done():
        return
    if error is None:
        delivered.set_result(None)
    else:
        delivered.set_exception(BrokerUnavailableError(error))
