"""The tables of cart as the code reads them; migrations/ is what makes them."""

from sqlalchemy import Boolean, Column, ForeignKey, Index, Integer, MetaData, String, Table, Text, UniqueConstraint

from services.common.data.columns import Moment

metadata = MetaData()

carts = Table(
    "carts",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("owner_id", String(64), nullable=False),
    Column("is_guest", Boolean, nullable=False),
    Column("lines", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("updated_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    UniqueConstraint("owner_id", "is_guest", name="carts_one_per_owner"),
    Index("carts_by_expiry", "expires_at"),
)

# Which carts hold a product: read when its price changes.
holdings = Table(
    "cart_holdings",
    metadata,
    Column("product_id", String(64), primary_key=True),
    Column("cart_id", String(64), ForeignKey("carts.id", ondelete="CASCADE"), primary_key=True),
    Index("cart_holdings_by_cart", "cart_id"),
)

checkouts = Table(
    "checkouts",
    metadata,
    Column("user_id", String(64), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("is_key_ours", Boolean, nullable=False),
    Column("cart_id", String(64), nullable=False),
    Column("cart_version", Integer, nullable=False),
    Column("wishes", Text, nullable=False),
    Column("payment_method", String(64)),
    Column("created_at", Moment, nullable=False),
    Column("is_done", Boolean, nullable=False),
    Index("checkouts_by_cart", "cart_id", "cart_version"),
    Index("checkouts_by_age", "created_at"),
)
