"""The tables of payment as the code reads them; migrations/ is what makes them."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from services.common.data.columns import Moment

metadata = MetaData()

charges = Table(
    "charges",
    metadata,
    Column("id", String(64), primary_key=True),
    # At most one charge per order, whatever is delivered how often.
    Column("order_id", String(64), nullable=False, unique=True),
    Column("user_id", String(64), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("method", String(64)),
    Column("status", String(16), nullable=False),
    Column("reason", String(200)),
    Column("is_cancel_requested", Boolean, nullable=False),
    Column("refund_id", String(80)),
    Column("refund_status", String(16)),
    Column("created_at", Moment, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("due_at", Moment),
    Column("attempts", Integer, nullable=False),
    Index("charges_by_user", "user_id", "created_at"),
    Index("charges_due", "due_at"),
)

ledger = Table(
    "ledger",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("transaction_id", String(80), nullable=False),
    Column("account", String(16), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("at", Moment, nullable=False),
    UniqueConstraint("transaction_id", "account", name="ledger_once"),
)

# The books of the simulated provider: another company's, which only happen to lie in our database.
provider_charges = Table(
    "provider_charges",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("at", String(16), nullable=False),
    Column("amount", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("reason", String(200)),
    Column("captures", Integer, nullable=False),
)
