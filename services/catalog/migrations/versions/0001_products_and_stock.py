"""Products, their words, stock and reservations."""

import sqlalchemy as sa
from alembic import op

from services.common.events import tables

revision = "0001"
down_revision = None

_WORDS = """
ALTER TABLE products ADD COLUMN words tsvector GENERATED ALWAYS AS (
  setweight(to_tsvector('simple', name), 'A') || setweight(to_tsvector('simple', category), 'B')
  || setweight(to_tsvector('simple', description), 'C')
) STORED
"""


def upgrade() -> None:
    """Create everything."""
    tables.create(op)
    op.create_table(
        "products",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("category", sa.String(64), nullable=False),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("on_hand", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("reserved >= 0 AND reserved <= on_hand", name="products_never_oversold"),
    )
    op.create_index("products_by_name", "products", ["name", "id"])
    op.create_index("products_by_category", "products", ["category", "name", "id"])
    op.create_table(
        "reservations",
        sa.Column("order_id", sa.String(64), primary_key=True),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("lines", sa.Text, nullable=False),
    )
    op.create_index("reservations_due", "reservations", ["state", "expires_at"])
    op.create_table(
        "stock_movements",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("product_id", sa.String(64), nullable=False),
        sa.Column("delta", sa.BigInteger, nullable=False),
        sa.Column("why", sa.String(16), nullable=False),
        sa.Column("order_id", sa.String(64)),
        sa.Column("at", sa.BigInteger, nullable=False),
    )
    op.create_index("stock_movements_by_product", "stock_movements", ["product_id"])
    _create_search()


def _create_search() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE VIRTUAL TABLE product_words USING fts5("
            "product_id UNINDEXED, name, category, description, tokenize='unicode61 remove_diacritics 2')"
        )
        return
    op.execute(_WORDS)
    op.execute("CREATE INDEX products_words ON products USING gin (words)")


def downgrade() -> None:
    """Drop everything."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE product_words")
    for name in ("stock_movements", "reservations", "products"):
        op.drop_table(name)
    tables.drop(op)
