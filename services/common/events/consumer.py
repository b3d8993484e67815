"""Consumes events: once each, in the transaction of their effect; what cannot be handled goes to the dead letters."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opentelemetry.trace import Link, SpanKind, Tracer
from sqlalchemy import delete

from services.common.data.database import AsyncConnection, Database, dialect_insert, is_transient
from services.common.events.broker import DEAD_LETTER_SUFFIX, Broker, BrokerUnavailableError
from services.common.events.event import Event, MalformedEventError, Message, from_message
from services.common.events.tables import inbox
from services.common.runtime import telemetry

if TYPE_CHECKING:
    from services.common.runtime.logs import Logger
    from services.common.runtime.metrics import Metrics

# An effect of an event, on the connection of the transaction that also remembers the event.
Handler = Callable[[Event, AsyncConnection], Awaitable[None]]

# Events that one transaction takes in: its cost is shared by then, and in SQLite other writers wait some 50 ms.
AT_ONCE = 25
TRIES = 5  # with doubling pauses some 0.75 s: a deadlock is over by then, a bug is not
KEEP_INBOX_SECONDS = 7 * 24 * 3600  # as long as the topics keep messages, so that none comes again unknown
_FIRST_PAUSE_SECONDS = 0.05


class TryLaterError(Exception):
    """Raised by a handler that cannot work now through no fault of the event; it is tried until it can."""


@dataclass(frozen=True, slots=True)
class _Delivery:
    event: Event
    message: Message
    handler: Handler


@dataclass(frozen=True, slots=True)
class ServiceParts:
    """What the consumers of a service work with."""

    database: Database
    broker: Broker
    metrics: "Metrics"
    tracer: Tracer
    log: "Logger"


class Consumer:
    """Handles the events that one group of one service receives."""

    def __init__(
        self,
        topics: Sequence[str],
        group: str,
        handlers: Mapping[str, Handler],
        service: ServiceParts,
        *,
        before_delivery: Callable[[], Awaitable[None]],
        longest_pause_seconds: float = 5.0,
    ) -> None:
        self._group, self._handlers = group, handlers
        self._database, self._broker = service.database, service.broker
        self._tracer, self._log, self._before_delivery = service.tracer, service.log, before_delivery
        self._insert = dialect_insert(service.database.engine, inbox).on_conflict_do_nothing()
        self._longest_pause = longest_pause_seconds
        self._consumed = service.metrics.counter(
            "shop_events_consumed", "Events taken in", ["topic", "group", "type", "result"]
        )
        self._dead = service.metrics.counter(
            "shop_dead_letters", "Messages given up", ["topic", "group"], zeros=[(topic, group) for topic in topics]
        )
        self._latency = service.metrics.histogram(
            "shop_event_delivery_seconds", "From the making of an event to its effect", ["topic", "group"]
        )

    async def deliver(self, messages: Sequence[Message]) -> None:
        """Handle messages in their order, or publish them as dead letters; return when each is one of the two."""
        await self._before_delivery()
        deliveries = [delivery for message in messages if (delivery := await self._read(message))]
        if len(deliveries) > 1 and await self._all_at_once(deliveries):
            return
        for delivery in deliveries:
            with self._span(delivery):
                await self._until_done(delivery)

    async def _read(self, message: Message) -> "_Delivery | None":
        """Read an event that there is something to do for."""
        try:
            event = from_message(message)
        except MalformedEventError as error:
            await self._dead_letter(message, "malformed", str(error), tries=1)
            return None
        handler = self._handlers.get(event.type)
        if handler is None:
            self._count(event, "ignored")
        return _Delivery(event, message, handler) if handler else None

    async def _all_at_once(self, deliveries: Sequence["_Delivery"]) -> bool:
        """Handle events in one transaction, which costs more than most effects; say whether that went well.

        It is all or nothing, so where one fails, nothing has happened yet and each may have its own tries.
        """
        try:
            async with self._database.transaction() as connection:
                are_new = [await self._once(delivery, connection) for delivery in deliveries]
        except Exception as error:
            self._log.info("events are handled one by one", events=len(deliveries), error=repr(error))
            return False
        for delivery, is_new in zip(deliveries, are_new, strict=True):
            self._conclude(delivery.event, is_new=is_new)
        return True

    async def _once(self, delivery: "_Delivery", connection: AsyncConnection) -> bool:
        with self._span(delivery):
            return await self._handle(delivery, connection)

    async def purge(self) -> None:
        """Delete events from the inbox that are too old to come again."""
        async with self._database.transaction() as connection:
            oldest = time.time() - KEEP_INBOX_SECONDS
            await connection.execute(delete(inbox).where(inbox.c.received_at < oldest))

    @contextmanager
    def _span(self, delivery: "_Delivery") -> Iterator[None]:
        event = delivery.event
        origin = telemetry.remote(event.traceparent, event.tracestate)
        span = self._tracer.start_span(
            f"process {event.topic}",
            context=telemetry.under(origin),
            kind=SpanKind.CONSUMER,
            attributes=self._attributes(event, delivery.message),
            links=[Link(origin)] if origin else None,
            record_exception=False,
            set_status_on_exception=False,
        )
        with telemetry.entered(span):
            yield

    async def _until_done(self, delivery: "_Delivery") -> None:
        event, tries = delivery.event, 0
        pause = min(_FIRST_PAUSE_SECONDS, self._longest_pause)
        while True:
            try:
                async with self._database.transaction() as connection:
                    is_new = await self._handle(delivery, connection)
                self._conclude(event, is_new=is_new)
                return
            except Exception as error:
                waits = isinstance(error, TryLaterError) or is_transient(error)
                tries += not waits
                if tries >= TRIES:
                    telemetry.fail(telemetry.current_span(), type(error).__qualname__, error)
                    await self._dead_letter(delivery.message, type(error).__qualname__, str(error), tries)
                    return
                self._count(event, "retried")
                self._log.warning("event will be tried again", event_id=event.id, type=event.type, error=repr(error))
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
            pause = min(self._longest_pause, pause * 2)

    async def _handle(self, delivery: "_Delivery", connection: AsyncConnection) -> bool:
        """Bring about the effect of an event, unless it came before; say whether it was new."""
        is_new = await self._is_first_delivery(connection, delivery.event)
        if is_new:
            await delivery.handler(delivery.event, connection)
        return is_new

    def _conclude(self, event: Event, *, is_new: bool) -> None:
        self._count(event, "done" if is_new else "duplicate")
        if is_new:
            age = (datetime.now(UTC) - event.time).total_seconds()
            self._latency.labels(event.topic, self._group).observe(max(0.0, age))

    async def _is_first_delivery(self, connection: AsyncConnection, event: Event) -> bool:
        """Write the event into the inbox; say whether it was not there before."""
        row = {"consumer": self._group, "event_id": event.id, "received_at": time.time()}
        written = await connection.execute(self._insert, row)
        return bool(written.rowcount)

    async def _dead_letter(self, message: Message, reason: str, detail: str, tries: int) -> None:
        """Publish a message as a dead letter with the reason; wait for the broker as long as it takes."""
        headers = {
            "dlq_reason": reason,
            "dlq_detail": detail[:500],
            "dlq_group": self._group,
            "dlq_tries": str(tries),
            "dlq_topic": message.topic,
            "dlq_partition": str(message.partition),
            "dlq_offset": str(message.offset),
            "dlq_time": datetime.now(UTC).isoformat(),
        }
        dead = replace(message, topic=message.topic + DEAD_LETTER_SUFFIX, headers=dict(message.headers) | headers)
        self._log.error("event goes to the dead letters", topic=message.topic, reason=reason, detail=detail)
        pause = min(_FIRST_PAUSE_SECONDS, self._longest_pause)
        while True:
            try:
                await self._broker.publish(dead)
                break
            except BrokerUnavailableError:
                await asyncio.sleep(pause)
                pause = min(self._longest_pause, pause * 2)
        self._dead.labels(message.topic, self._group).inc()

    def _count(self, event: Event, result: str) -> None:
        event_type = event.type if event.type in self._handlers else "other"
        self._consumed.labels(event.topic, self._group, event_type, result).inc()

    def _attributes(self, event: Event, message: Message) -> dict[str, str | int]:
        return {
            "messaging.system": "kafka",
            "messaging.operation.name": "process",
            "messaging.operation.type": "process",
            "messaging.destination.name": event.topic,
            "messaging.consumer.group.name": self._group,
            "messaging.destination.partition.id": str(message.partition),
            "messaging.kafka.offset": message.offset,
            "messaging.kafka.message.key": event.key,
            "messaging.message.id": event.id,
            "cloudevents.event_type": event.type,
        }
