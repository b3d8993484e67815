"""The tables of catalog as the code reads them; migrations/ is what makes them."""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, MetaData, String, Table, Text

from services.common.data.columns import Moment

metadata = MetaData()

products = Table(
    "products",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("description", Text, nullable=False),
    Column("category", String(64), nullable=False),
    Column("price", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("on_hand", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("updated_at", Moment, nullable=False),
    # The last line of defence: whatever the code does, nothing is promised that is not there.
    CheckConstraint("reserved >= 0 AND reserved <= on_hand", name="products_never_oversold"),
    Index("products_by_name", "name", "id"),
    Index("products_by_category", "category", "name", "id"),
)

reservations = Table(
    "reservations",
    metadata,
    Column("order_id", String(64), primary_key=True),
    Column("state", String(16), nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("lines", Text, nullable=False),
    Index("reservations_due", "state", "expires_at"),
)

movements = Table(
    "stock_movements",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("product_id", String(64), nullable=False),
    Column("delta", BigInteger, nullable=False),
    Column("why", String(16), nullable=False),
    Column("order_id", String(64)),
    Column("at", Moment, nullable=False),
    Index("stock_movements_by_product", "product_id"),
)
