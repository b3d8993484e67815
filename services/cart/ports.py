"""What the handlers of cart need from the outside, in terms of the domain."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from services.cart.domain import Cart, Owner, Product


class UpstreamUnavailable(Exception):
    """A service that cart depends on did not answer, or not in time."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """What was handed over to order under an idempotency key, so that a repetition hands over the same."""

    user_id: str
    key: str
    is_key_ours: bool
    cart_id: str
    cart_version: int
    items: tuple[tuple[str, int], ...]
    payment_method: str | None
    created_at: datetime
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What order answered, passed on as it is."""

    status: int
    body: Any
    media_type: str = "application/json"


class CartTx(Protocol):
    """One transaction: what it did is kept as a whole or not at all."""

    async def cart(self, owner: Owner) -> Cart | None:
        """Return the cart of an owner, locked until the end of the transaction."""
        ...

    async def carts_of(self, *owners: Owner) -> dict[Owner, Cart]:
        """Return the carts of some owners, all of them locked until the end of the transaction."""
        ...

    async def save(self, cart: Cart) -> None:
        """Insert or update a cart."""
        ...

    async def drop(self, cart: Cart) -> None:
        """Delete a cart."""
        ...

    async def drop_expired(self, now: datetime, limit: int) -> int:
        """Delete carts and checkouts whose time is over; return how many."""
        ...

    async def holding(self, product_id: str) -> Sequence[Cart]:
        """Return the carts with a product in them, locked."""
        ...

    async def checkout(self, user_id: str, key: str) -> Checkout | None:
        """Return what was handed over under a key."""
        ...

    async def unfinished(self, cart: Cart) -> Checkout | None:
        """Return what was handed over under a key of ours from this very state of a cart, and never answered."""
        ...

    async def save_checkout(self, checkout: Checkout) -> None:
        """Insert or update what is handed over under a key."""
        ...

    async def drop_checkout(self, user_id: str, key: str) -> None:
        """Delete a checkout of which no order came."""
        ...

    async def forget(self, user_id: str) -> None:
        """Delete everything about a user."""
        ...


class CartStore(Protocol):
    """The database of cart."""

    def begin(self) -> AbstractAsyncContextManager[CartTx]:
        """Begin a transaction that commits at the end of the block unless it raised."""
        ...

    async def find(self, owner: Owner) -> Cart | None:
        """Return the cart of an owner, read without a lock."""
        ...


class Catalog(Protocol):
    """The products, seen from cart."""

    async def product(self, product_id: str) -> Product | None:
        """Return what is known of a product; None when there is none. Raises UpstreamUnavailable."""
        ...


class Orders(Protocol):
    """The orders, seen from cart."""

    async def place_order(self, checkout: Checkout, authorization: str) -> Reply:
        """Place the order in the user's name. Raises UpstreamUnavailable."""
        ...
