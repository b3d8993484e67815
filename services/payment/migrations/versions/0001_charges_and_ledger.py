"""Charges, the ledger, and the books of the simulated provider."""

import sqlalchemy as sa
from alembic import op

from services.common.events import tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    tables.create(op)
    op.create_table(
        "charges",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("order_id", sa.String(64), nullable=False, unique=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("method", sa.String(64)),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.Column("is_cancel_requested", sa.Boolean, nullable=False),
        sa.Column("refund_id", sa.String(80)),
        sa.Column("refund_status", sa.String(16)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False),
    )
    op.create_index("charges_by_user", "charges", ["user_id", "created_at"])
    op.create_index("charges_due", "charges", ["due_at"])
    op.create_table(
        "ledger",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("transaction_id", sa.String(80), nullable=False),
        sa.Column("account", sa.String(16), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("transaction_id", "account", name="ledger_once"),
    )
    op.create_table(
        "provider_charges",
        sa.Column("key", sa.String(64), primary_key=True),
        sa.Column("at", sa.String(16), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.Column("captures", sa.Integer, nullable=False),
    )


def downgrade() -> None:
    """Drop everything."""
    for name in ("provider_charges", "ledger", "charges"):
        op.drop_table(name)
    tables.drop(op)
