"""Messages, contacts and preferences."""

import sqlalchemy as sa
from alembic import op

from services.common.events import tables

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything."""
    tables.create(op)
    op.create_table(
        "messages",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("user_id", sa.String(64), nullable=False),
        sa.Column("order_id", sa.String(64)),
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("channel", sa.String(16), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.BigInteger),
        sa.Column("due_at", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("error", sa.String(500)),
        sa.UniqueConstraint("subject", "type", "channel", name="messages_once"),
    )
    op.create_index("messages_by_user", "messages", ["user_id", "id"])
    op.create_index("messages_due", "messages", ["due_at"])
    op.create_index("messages_by_state", "messages", ["state", "id"])
    op.create_table(
        "contacts",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("email", sa.String(320), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
    )
    op.create_table(
        "preferences",
        sa.Column("user_id", sa.String(64), primary_key=True),
        sa.Column("muted", sa.Text, nullable=False),
    )


def downgrade() -> None:
    """Drop everything."""
    for name in ("preferences", "contacts", "messages"):
        op.drop_table(name)
    tables.drop(op)
