"""The tables of order as the code reads them; migrations/ is what makes them."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text

from services.common.data.columns import Moment

metadata = MetaData()

orders = Table(
    "orders",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("user_id", String(64), nullable=False),
    Column("lines", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("payment_method", String(64)),
    Column("status", String(20), nullable=False),
    Column("step", String(20), nullable=False),
    Column("is_cancel_requested", Boolean, nullable=False),
    Column("reason", String(200)),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("due_at", Moment),
    Column("attempts", Integer, nullable=False),
    Column("repeats", Integer, nullable=False, server_default="0"),
    Column("repeated_at", Moment),
    Index("orders_by_user", "user_id", "created_at", "id"),
    Index("orders_due", "due_at"),
)

timeline = Table(
    "order_timeline",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("order_id", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("status", String(20), nullable=False),
    Column("what", String(300), nullable=False),
    Index("order_timeline_by_order", "order_id", "id"),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("order_id", String(64), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index("idempotency_keys_by_age", "expires_at"),
)
