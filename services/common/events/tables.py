"""The two tables that every service with events has beside its own: outbox and inbox."""

from typing import Any

from sqlalchemy import BigInteger, Column, Float, Index, Integer, MetaData, String, Table, Text

metadata = MetaData()
_SERIAL = BigInteger().with_variant(Integer, "sqlite")

outbox = Table(
    "outbox",
    metadata,
    Column("position", _SERIAL, primary_key=True, autoincrement=True),
    Column("event_id", String(64), nullable=False),
    Column("topic", String(200), nullable=False),
    Column("key", String(200), nullable=False),
    Column("headers", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

# One row: which relay may publish, and until when. Two relays at once would spoil the order of events.
outbox_lease = Table(
    "outbox_lease",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("holder", String(64), nullable=False),
    Column("until", Float, nullable=False),
)

inbox = Table(
    "inbox",
    metadata,
    Column("consumer", String(100), primary_key=True),
    Column("event_id", String(64), primary_key=True),
    Column("received_at", Float, nullable=False),
    Index("inbox_received_at", "received_at"),
)


def create(op: Any) -> None:
    """Create the tables from within a service's first revision; `op` is Alembic's."""
    metadata.create_all(op.get_bind())
    op.execute("INSERT INTO outbox_lease (id, holder, until) VALUES (1, '', 0)")


def drop(op: Any) -> None:
    """Drop the tables from within a service's first revision."""
    metadata.drop_all(op.get_bind())
