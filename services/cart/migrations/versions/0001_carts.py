"""Carts, which products they hold, and their checkouts."""

import sqlalchemy as sa
from alembic import op

from services.common.events import tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    tables.create(op)
    op.create_table(
        "carts",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("owner_id", sa.String(64), nullable=False),
        sa.Column("is_guest", sa.Boolean, nullable=False),
        sa.Column("lines", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("owner_id", "is_guest", name="carts_one_per_owner"),
    )
    op.create_index("carts_by_expiry", "carts", ["expires_at"])
    op.create_table(
        "cart_holdings",
        sa.Column("product_id", sa.String(64), primary_key=True),
        sa.Column("cart_id", sa.String(64), sa.ForeignKey("carts.id", ondelete="CASCADE"), primary_key=True),
    )
    op.create_index("cart_holdings_by_cart", "cart_holdings", ["cart_id"])
    op.create_table(
        "checkouts",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("key", sa.String(255), primary_key=True),
        sa.Column("is_key_ours", sa.Boolean, nullable=False),
        sa.Column("cart_id", sa.String(64), nullable=False),
        sa.Column("cart_version", sa.Integer, nullable=False),
        sa.Column("wishes", sa.Text, nullable=False),
        sa.Column("payment_method", sa.String(64)),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("is_done", sa.Boolean, nullable=False),
    )
    op.create_index("checkouts_by_cart", "checkouts", ["cart_id", "cart_version"])
    op.create_index("checkouts_by_age", "checkouts", ["created_at"])


def downgrade() -> None:
    """Drop everything."""
    for name in ("checkouts", "cart_holdings", "carts"):
        op.drop_table(name)
    tables.drop(op)
