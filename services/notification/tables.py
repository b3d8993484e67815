"""The tables of notification as the code reads them; migrations/ is what makes them."""

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

from services.common.data.columns import Moment

metadata = MetaData()

messages = Table(
    "messages",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("order_id", String(64)),
    Column("subject", String(64), nullable=False),
    Column("type", String(32), nullable=False),
    Column("channel", String(16), nullable=False),
    Column("title", String(200), nullable=False),
    Column("text", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("sent_at", Moment),
    Column("due_at", Moment),
    Column("attempts", Integer, nullable=False),
    Column("error", String(500)),
    # No message twice, whatever is delivered how often.
    UniqueConstraint("subject", "type", "channel", name="messages_once"),
    Index("messages_by_user", "user_id", "id"),
    Index("messages_due", "due_at"),
    Index("messages_by_state", "state", "id"),
)

contacts = Table(
    "contacts",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("email", String(320), nullable=False),
    Column("name", String(200), nullable=False),
)

preferences = Table(
    "preferences",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("muted", Text, nullable=False),
)
