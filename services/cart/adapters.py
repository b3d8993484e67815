"""The database of cart, and the other services as cart sees them."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, delete, or_, select

from services.cart.domain import Cart, Line, Owner, Product
from services.cart.ports import CartTx, Checkout, Reply, UpstreamUnavailable
from services.cart.tables import carts, checkouts, holdings
from services.common.data import locks
from services.common.data.database import AsyncConnection
from services.common.data.store import SqlStore, upsert
from services.common.http.client import Peers, UpstreamUnavailableError

KEEP_CHECKOUTS = timedelta(hours=24)  # as long as order keeps idempotency keys
# Longer than order's own deadline (3 s), so that order's answer arrives before cart gives up.
_ORDER_SECONDS = 3.6


class SqlCarts(SqlStore[CartTx]):
    """CartStore over SQL."""

    def on(self, connection: AsyncConnection) -> CartTx:
        """Work in a transaction that somebody else opened."""
        return SqlCartTx(connection)

    async def find(self, owner: Owner) -> Cart | None:
        """Return the cart of an owner, read without a lock."""
        row = await self._first(_of(owner))
        return _cart(row) if row else None


class SqlCartTx:
    """CartTx over one connection."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def cart(self, owner: Owner) -> Cart | None:
        """Return the cart of an owner, locked until the end of the transaction."""
        await locks.hold(self._connection, f"cart of {owner.id}")
        row = (await self._connection.execute(_of(owner).with_for_update())).first()
        return _cart(row) if row else None

    async def carts_of(self, *owners: Owner) -> dict[Owner, Cart]:
        """Return the carts of some owners, locked in the order in which `holding` locks: no deadlock with it."""
        for owner_id in sorted(owner.id for owner in owners):
            await locks.hold(self._connection, f"cart of {owner_id}")
        query = select(carts).where(or_(*map(_is_of, owners))).order_by(carts.c.id).with_for_update()
        locked = [_cart(row) for row in await self._connection.execute(query)]
        return {cart.owner: cart for cart in locked}

    async def save(self, cart: Cart) -> None:
        """Insert or update a cart."""
        values = {
            "lines": json.dumps([_line_fields(line) for line in cart.lines]),
            "version": cart.version,
            "updated_at": cart.updated_at,
            "expires_at": cart.expires_at,
        }
        key = {"owner_id": cart.owner.id, "is_guest": cart.owner.is_guest}
        await upsert(self._connection, carts, key, values, only_new={"id": cart.id})
        await self._hold(cart)

    async def _hold(self, cart: Cart) -> None:
        await self._connection.execute(delete(holdings).where(holdings.c.cart_id == cart.id))
        if cart.lines:
            rows = [{"product_id": line.product_id, "cart_id": cart.id} for line in cart.lines]
            await self._connection.execute(holdings.insert(), rows)

    async def drop(self, cart: Cart) -> None:
        """Delete a cart."""
        await self._connection.execute(delete(carts).where(carts.c.id == cart.id))

    async def drop_expired(self, now: datetime, limit: int) -> int:
        """Delete carts and checkouts whose time is over."""
        await self._connection.execute(delete(checkouts).where(checkouts.c.created_at < now - KEEP_CHECKOUTS))
        query = select(carts.c.id).where(carts.c.expires_at <= now).limit(limit)
        old = [row.id for row in await self._connection.execute(query.with_for_update(skip_locked=True))]
        await self._connection.execute(delete(carts).where(carts.c.id.in_(old)))
        return len(old)

    async def holding(self, product_id: str) -> Sequence[Cart]:
        """Return the carts with a product in them, locked."""
        query = (
            select(carts)
            .join(holdings, holdings.c.cart_id == carts.c.id)
            .where(holdings.c.product_id == product_id)
            .order_by(carts.c.id)
            .with_for_update(of=carts)
        )
        return [_cart(row) for row in await self._connection.execute(query)]

    async def checkout(self, user_id: str, key: str) -> Checkout | None:
        """Return what was handed over under a key."""
        query = select(checkouts).where(checkouts.c.user_id == user_id, checkouts.c.key == key)
        row = (await self._connection.execute(query.with_for_update())).first()
        return _checkout(row) if row else None

    async def unfinished(self, cart: Cart) -> Checkout | None:
        """Return what was handed over from this very state of a cart and never answered."""
        query = select(checkouts).where(
            checkouts.c.cart_id == cart.id,
            checkouts.c.cart_version == cart.version,
            checkouts.c.is_key_ours,
            ~checkouts.c.is_done,
        )
        row = (await self._connection.execute(query.limit(1))).first()
        return _checkout(row) if row else None

    async def save_checkout(self, checkout: Checkout) -> None:
        """Insert or update what is handed over under a key."""
        values = {
            "is_key_ours": checkout.is_key_ours,
            "cart_id": checkout.cart_id,
            "cart_version": checkout.cart_version,
            "wishes": json.dumps(checkout.items),
            "payment_method": checkout.payment_method,
            "created_at": checkout.created_at,
            "is_done": checkout.is_done,
        }
        await upsert(self._connection, checkouts, {"user_id": checkout.user_id, "key": checkout.key}, values)

    async def drop_checkout(self, user_id: str, key: str) -> None:
        """Delete a checkout of which no order came."""
        await self._connection.execute(delete(checkouts).where(checkouts.c.user_id == user_id, checkouts.c.key == key))

    async def forget(self, user_id: str) -> None:
        """Delete everything about a user."""
        await self._connection.execute(delete(checkouts).where(checkouts.c.user_id == user_id))
        await self._connection.execute(delete(carts).where(carts.c.owner_id == user_id, ~carts.c.is_guest))


def _of(owner: Owner) -> Any:
    return select(carts).where(_is_of(owner))


def _is_of(owner: Owner) -> Any:
    return and_(carts.c.owner_id == owner.id, carts.c.is_guest == owner.is_guest)


def _line_fields(line: Line) -> list[Any]:
    return [line.product_id, line.name, line.quantity, line.unit_price, line.currency]


def _cart(row: Row[Any]) -> Cart:
    lines = tuple(Line(*fields) for fields in json.loads(row.lines))
    return Cart(row.id, Owner(row.owner_id, row.is_guest), lines, row.version, row.updated_at)


def _checkout(row: Row[Any]) -> Checkout:
    return Checkout(
        user_id=row.user_id,
        key=row.key,
        is_key_ours=row.is_key_ours,
        cart_id=row.cart_id,
        cart_version=row.cart_version,
        items=tuple((product_id, quantity) for product_id, quantity in json.loads(row.wishes)),
        payment_method=row.payment_method,
        created_at=row.created_at,
        is_done=row.is_done,
    )


class HttpCatalog:
    """Catalog over HTTP."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def product(self, product_id: str) -> Product | None:
        """Return what is known of a product."""
        try:
            answer = await self._peers.call("catalog", "GET", f"/api/v1/products/{product_id}")
        except UpstreamUnavailableError as error:
            raise UpstreamUnavailable("catalog") from error
        if answer.status_code == 404:
            return None
        if answer.status_code != 200:
            raise UpstreamUnavailable("catalog")
        body = answer.json()
        return Product(body["id"], body["name"], body["price"]["amount"], body["price"]["currency"])


class HttpOrders:
    """Orders over HTTP."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def place_order(self, checkout: Checkout, authorization: str) -> Reply:
        """Place the order in the user's name."""
        try:
            answer = await self._peers.call(
                "order",
                "POST",
                "/api/v1/orders",
                json=_order(checkout),
                bearer=authorization,
                headers={"idempotency-key": checkout.key},
                timeout_seconds=_ORDER_SECONDS,
                expects_500=True,
            )
            body = answer.json()
        except (UpstreamUnavailableError, ValueError) as error:
            raise UpstreamUnavailable("order") from error
        media_type = answer.headers.get("content-type", "application/json").partition(";")[0]
        return Reply(answer.status_code, body, media_type)


def _order(checkout: Checkout) -> dict[str, Any]:
    items = [{"productId": product_id, "quantity": quantity} for product_id, quantity in checkout.items]
    return {"items": items} | ({"paymentMethod": checkout.payment_method} if checkout.payment_method else {})
