"""Consumes events: once each, in the transaction of their effect; what cannot be handled goes to the dead letters."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
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

TRIES = 5  # with doubling pauses some 0.75 s: a deadlock is over by then, a bug is not
KEEP_INBOX_SECONDS = 7 * 24 * 3600  # as long as the topics keep messages, so that none comes again unknown
_FIRST_PAUSE_SECONDS = 0.05


class TryLaterError(Exception):
    """Raised by a handler that cannot work now through no fault of the event; it is tried until it can."""


class Consumer:
    """Handles the events that one group of one service receives."""

    def __init__(
        self,
        group: str,
        handlers: Mapping[str, Handler],
        *,
        database: Database,
        broker: Broker,
        metrics: "Metrics",
        tracer: Tracer,
        log: "Logger",
        before_delivery: Callable[[], Awaitable[None]],
        longest_pause_seconds: float = 5.0,
    ) -> None:
        self._group, self._handlers = group, handlers
        self._database, self._broker = database, broker
        self._tracer, self._log, self._before_delivery = tracer, log, before_delivery
        self._insert = dialect_insert(database.engine, inbox).on_conflict_do_nothing()
        self._longest_pause = longest_pause_seconds
        self._consumed = metrics.counter(
            "shop_events_consumed", "Events taken in", ["topic", "group", "type", "result"]
        )
        self._dead = metrics.counter("shop_dead_letters", "Messages given up", ["topic", "group"])
        self._latency = metrics.histogram(
            "shop_event_delivery_seconds", "From the making of an event to its effect", ["topic", "group"]
        )

    async def deliver(self, message: Message) -> None:
        """Handle a message, or publish it as a dead letter; return when one of the two is done."""
        await self._before_delivery()
        try:
            event = from_message(message)
        except MalformedEventError as error:
            await self._dead_letter(message, "malformed", str(error), tries=1)
            return
        handler = self._handlers.get(event.type)
        if handler is None:
            self._count(event, "ignored")
            return
        await self._with_span(event, message, handler)

    async def purge(self) -> None:
        """Delete events from the inbox that are too old to come again."""
        async with self._database.transaction() as connection:
            oldest = time.time() - KEEP_INBOX_SECONDS
            await connection.execute(delete(inbox).where(inbox.c.received_at < oldest))

    async def _with_span(self, event: Event, message: Message, handler: Handler) -> None:
        origin = telemetry.remote(event.traceparent, event.tracestate)
        span = self._tracer.start_span(
            f"process {event.topic}",
            context=telemetry.under(origin),
            kind=SpanKind.CONSUMER,
            attributes=self._attributes(event, message),
            links=[Link(origin)] if origin else None,
            record_exception=False,
            set_status_on_exception=False,
        )
        with telemetry.entered(span):
            await self._until_done(event, message, handler)

    async def _until_done(self, event: Event, message: Message, handler: Handler) -> None:
        tries = 0
        pause = min(_FIRST_PAUSE_SECONDS, self._longest_pause)
        while True:
            try:
                await self._once(event, handler)
                return
            except Exception as error:
                waits = isinstance(error, TryLaterError) or is_transient(error)
                tries += not waits
                if tries >= TRIES:
                    telemetry.fail(telemetry.current_span(), type(error).__qualname__, error)
                    await self._dead_letter(message, type(error).__qualname__, str(error), tries)
                    return
                self._count(event, "retried")
                self._log.warning("event will be tried again", event_id=event.id, type=event.type, error=repr(error))
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
            pause = min(self._longest_pause, pause * 2)

    async def _once(self, event: Event, handler: Handler) -> None:
        async with self._database.transaction() as connection:
            is_new = await self._is_first_delivery(connection, event)
            if is_new:
                await handler(event, connection)
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
