"""How often the events of an order were published again."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the counts; orders that wait now begin with none."""
    op.add_column("orders", sa.Column("repeats", sa.Integer, nullable=False, server_default="0"))
    op.add_column("orders", sa.Column("repeated_at", sa.BigInteger))


def downgrade() -> None:
    """Drop the counts."""
    op.drop_column("orders", "repeated_at")
    op.drop_column("orders", "repeats")
