"""A database with the tables of events, a broker, and what a service hands to outbox and consumer."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest_asyncio
from opentelemetry.trace import NoOpTracer
from sqlalchemy import Column, Integer, MetaData, String, Table

from services.common.data.database import Database
from services.common.events import consumer as consuming
from services.common.events import tables
from services.common.events.consumer import Consumer, Handler
from services.common.events.in_process import InProcessBroker
from services.common.events.outbox import Outbox
from services.common.runtime.logs import Logger
from services.common.runtime.metrics import Metrics
from services.common.runtime.telemetry import Telemetry

metadata = MetaData()
things = Table("things", metadata, Column("id", Integer, primary_key=True), Column("name", String(50)))


async def nothing() -> None:
    """Stand where a fault would hold a consumer back."""


@dataclass
class ServiceParts:
    """What a service works with, without the service."""

    database: Database
    broker: InProcessBroker
    metrics: Metrics = field(default_factory=lambda: Metrics(with_process=False))

    def outbox(self) -> Outbox:
        """Return a relay as a freshly started process would have it."""
        return Outbox("test", self.database, self.broker.port(), self.metrics, Logger("test"), NoOpTracer())

    def consumer(self, group: str, handlers: dict[str, Handler], *, longest_pause_seconds: float = 0.01) -> Consumer:
        """Return a consumer of a group."""
        return Consumer(
            ["shop.thing.v1"],
            group,
            handlers,
            consuming.ServiceParts(self.database, self.broker.port(), self.metrics, NoOpTracer(), Logger("test")),
            before_delivery=nothing,
            longest_pause_seconds=longest_pause_seconds,
        )

    async def count(self, table: Table = things) -> int:
        """Return how many rows a table has."""
        async with self.database.reading() as connection:
            return len((await connection.execute(table.select())).all())

    async def names(self) -> list[str]:
        """Return the names of all things in the order of their making."""
        async with self.database.reading() as connection:
            return [row.name for row in await connection.execute(things.select().order_by(things.c.id))]


@pytest_asyncio.fixture
async def parts(tmp_path: Path) -> AsyncIterator[ServiceParts]:
    """Return the means, on a database of this test alone."""
    made = Metrics(with_process=False)
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db", "x", None, Telemetry(NoOpTracer()), made)
    async with database.transaction() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.run_sync(tables.metadata.create_all)
        await connection.execute(tables.outbox_lease.insert().values(id=1, holder="", until=0))
    broker = InProcessBroker()
    broker.keeps_log = True
    yield ServiceParts(database, broker, made)
    await database.close()
