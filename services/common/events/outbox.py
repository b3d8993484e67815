"""The outbox: an event is written in the transaction of its cause, and published after it, in order per key.

The relay repeats until the broker has the event: at least once, never lost.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from opentelemetry.trace import SpanKind, Tracer
from sqlalchemy import delete, func, or_, select, update

from services.common.data.database import AsyncConnection, Database, after_commit, is_transient
from services.common.events.broker import Broker, BrokerUnavailableError
from services.common.events.event import Event, Message, to_message
from services.common.events.tables import outbox, outbox_lease
from services.common.runtime import failpoints, telemetry
from services.common.runtime.ids import new_id

if TYPE_CHECKING:
    from services.common.runtime.logs import Logger
    from services.common.runtime.metrics import Metrics

BATCH = 200  # rows of one read: a backlog of thousands is gone in seconds, and memory stays small
LEASE_SECONDS = 3.0  # how long events wait after the process that published them was killed
POLL_SECONDS = 1.0  # for events of another replica; our own wake the relay
_LONGEST_PAUSE_SECONDS = 2.0  # while the broker is away

_INSERT = outbox.insert()
_OLDEST = select(outbox).order_by(outbox.c.position).limit(BATCH)
_COUNT = select(func.count()).select_from(outbox)


class Outbox:
    """The events of one service on their way to the broker."""

    def __init__(
        self,
        service: str,
        database: Database,
        broker: Broker,
        metrics: "Metrics",
        log: "Logger",
        tracer: Tracer,
    ) -> None:
        self._service, self._database, self._broker = service, database, broker
        self._log, self._tracer = log, tracer
        self._holder = new_id()
        self._wake = asyncio.Event()
        self._is_broker_down = False
        self._pause = self._lease_until = 0.0
        self._pending = metrics.gauge("shop_outbox_pending_events", "Events that are not yet published")
        self._age = metrics.gauge("shop_outbox_oldest_age_seconds", "Age of the oldest unpublished event")
        self._published = metrics.counter(
            "shop_events_published", "Events handed to the broker", ["topic", "type", "result"]
        )

    async def add(self, connection: AsyncConnection, event: Event) -> Event:
        """Write an event in the caller's transaction; it goes out once that is committed."""
        trace = telemetry.outgoing()
        stamped = replace(
            event,
            source=event.source or f"/shop/{self._service}",
            traceparent=event.traceparent or trace.get("traceparent", ""),
            tracestate=event.tracestate or trace.get("tracestate", ""),
        )
        await put(connection, to_message(stamped), stamped.id)
        after_commit(connection, self.wake)
        return stamped

    def wake(self) -> None:
        """Make the relay look at once."""
        self._wake.set()

    async def relay(self) -> None:
        """Publish for ever what is written."""
        while True:
            self._wake.clear()
            if not await self._publish_batch():
                await self._wait()

    async def _publish_batch(self) -> bool:
        """Publish one batch; say whether there may be more."""
        try:
            rows = await self._claim()
            sent = await self._publish(rows)
            await self._delete(sent)
        except Exception as error:
            if not is_transient(error):
                raise
            self._log.warning("outbox waits for the database", error=str(error))
            self._grow_pause()
            return False
        if len(sent) < len(rows):
            self._grow_pause()
            return False
        self._pause = 0.0
        return len(rows) == BATCH

    async def _wait(self) -> None:
        """Wait for the next event, the next poll, or out the pause after a failure."""
        if self._pause:
            await asyncio.sleep(self._pause)
            return
        try:
            async with asyncio.timeout(POLL_SECONDS):
                await self._wake.wait()
        except TimeoutError:
            pass

    def _grow_pause(self) -> None:
        self._pause = min(_LONGEST_PAUSE_SECONDS, self._pause * 2 or 0.1)

    async def _claim(self) -> Sequence[Any]:
        """Fetch the oldest events, if there are any and this relay holds the lease or may take it."""
        async with self._database.reading() as connection:
            rows = (await connection.execute(_OLDEST)).all()
            pending = len(rows) if len(rows) < BATCH else await connection.scalar(_COUNT)
        self._pending.set(pending or 0)
        self._age.set(max(0.0, time.time() - rows[0].created_at) if rows else 0.0)
        return rows if rows and await self._holds_lease() else ()

    async def _holds_lease(self) -> bool:
        """Take the lease, or renew it when it is half over; say whether this relay holds it."""
        now = time.time()
        if self._lease_until - now > LEASE_SECONDS / 2:
            return True
        async with self._database.transaction() as connection:
            taken = await connection.execute(
                update(outbox_lease)
                .where(or_(outbox_lease.c.holder == self._holder, outbox_lease.c.until < now))
                .values(holder=self._holder, until=now + LEASE_SECONDS)
            )
        self._lease_until = now + LEASE_SECONDS if taken.rowcount else 0.0
        return bool(taken.rowcount)

    async def _publish(self, rows: Sequence[Any]) -> list[int]:
        """Publish keys side by side and each key's events one after the other; return what went out."""
        by_key: dict[tuple[str, str], list[Any]] = defaultdict(list)
        for row in rows:
            by_key[row.topic, row.key].append(row)
        sent = await asyncio.gather(*(self._publish_key(chain) for chain in by_key.values()))
        return [position for positions in sent for position in positions]

    async def _publish_key(self, chain: list[Any]) -> list[int]:
        sent: list[int] = []
        for row in chain:
            if not await self._publish_one(row):
                break
            sent.append(row.position)
        return sent

    async def _publish_one(self, row: Any) -> bool:
        headers = json.loads(row.headers)
        kind = headers.get("ce_type", "")
        span = telemetry.start(
            self._tracer,
            f"send {row.topic}",
            SpanKind.PRODUCER,
            _attributes(row, kind),
            telemetry.under(telemetry.remote(headers.get("traceparent", ""), headers.get("tracestate", ""))),
        )
        try:
            with telemetry.entered(span):
                failpoints.reach("before_publish")
                message = Message(row.topic, row.key, row.value.encode(), headers | telemetry.outgoing())
                await self._broker.publish(message)
                failpoints.reach("after_publish")
        except BrokerUnavailableError as error:
            self._published.labels(row.topic, kind, "failed").inc()
            self._log_outage(error)
            return False
        self._is_broker_down = False
        self._published.labels(row.topic, kind, "sent").inc()
        return True

    def _log_outage(self, error: BrokerUnavailableError) -> None:
        """Log once that events wait; every retry would log it again."""
        if not self._is_broker_down:
            self._log.warning("the broker takes no events; they wait in the outbox", error=str(error))
        self._is_broker_down = True

    async def _delete(self, positions: list[int]) -> None:
        if positions:
            async with self._database.transaction() as connection:
                await connection.execute(delete(outbox).where(outbox.c.position.in_(positions)))


async def put(connection: AsyncConnection, message: Message, event_id: str) -> None:
    """Write a message into the outbox of a service, whose relay publishes it once that is committed."""
    row = {
        "event_id": event_id,
        "topic": message.topic,
        "key": message.key,
        "headers": json.dumps(dict(message.headers)),
        "value": message.value.decode("utf-8", "replace"),
        "created_at": time.time(),
    }
    await connection.execute(_INSERT, row)


def _attributes(row: Any, kind: str) -> dict[str, str]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": row.topic,
        "messaging.message.id": row.event_id,
        "messaging.kafka.message.key": row.key,
        "cloudevents.event_type": kind,
    }
