"""A cart: lines of products at the last known price. Pure: standard library only.

Amounts are integer minor units. A cart has one currency; its price is a promise only once it is ordered.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

MAX_QUANTITY = 1_000  # of one product, as in an order
MAX_LINES = 100  # as many as an order takes
GUEST_LIFETIME = timedelta(days=7)
USER_LIFETIME = timedelta(days=90)


class CartError(Exception):
    """A request that the rules of a cart refuse."""


class CartFull(CartError):
    """No more lines fit into the cart."""


class CartEmpty(CartError):
    """There is nothing to order."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who a cart belongs to: a user, or a guest known by a secret in a cookie."""

    id: str
    is_guest: bool


@dataclass(frozen=True, slots=True)
class Product:
    """What the cart has to know of a product."""

    id: str
    name: str
    price: int
    currency: str


@dataclass(frozen=True, slots=True)
class Line:
    """Some units of one product."""

    product_id: str
    name: str
    quantity: int
    unit_price: int
    currency: str

    @property
    def total(self) -> int:
        """Return the price of the line."""
        return self.quantity * self.unit_price


@dataclass(frozen=True, slots=True)
class Cart:
    """The cart of one owner; `version` counts its changes."""

    id: str
    owner: Owner
    lines: tuple[Line, ...]
    version: int
    updated_at: datetime

    @property
    def total(self) -> int:
        """Return the price of all lines."""
        return sum(line.total for line in self.lines)

    @property
    def currency(self) -> str | None:
        """Return the currency of the lines; None while there are none."""
        return self.lines[0].currency if self.lines else None

    @property
    def expires_at(self) -> datetime:
        """Return when the cart is forgotten unless it is touched."""
        return self.updated_at + (GUEST_LIFETIME if self.owner.is_guest else USER_LIFETIME)


def empty(cart_id: str, owner: Owner, now: datetime) -> Cart:
    """Return a cart with nothing in it."""
    return Cart(cart_id, owner, (), 0, now)


def with_quantity(cart: Cart, product: Product, quantity: int, now: datetime) -> Cart:
    """Set how many units of a product are in the cart, at today's price; 0 takes it out."""
    line = Line(product.id, product.name, quantity, product.price, product.currency)
    is_known = any(line_before.product_id == product.id for line_before in cart.lines)
    if not quantity:
        return without(cart, product.id, now)
    if not is_known and len(cart.lines) >= MAX_LINES:
        raise CartFull(f"a cart holds at most {MAX_LINES} products")
    kept = tuple(line if line_before.product_id == product.id else line_before for line_before in cart.lines)
    return _changed(cart, kept if is_known else (*kept, line), now)


def without(cart: Cart, product_id: str, now: datetime) -> Cart:
    """Take a product out of the cart."""
    return _changed(cart, tuple(line for line in cart.lines if line.product_id != product_id), now)


def merge(cart: Cart, guest: Cart, now: datetime) -> Cart:
    """Add the cart of a guest to the cart of the user that the guest logged in as."""
    merged = {line.product_id: line for line in cart.lines}
    for line in guest.lines:
        mine = merged.get(line.product_id)
        if mine is None and len(merged) >= MAX_LINES:
            continue
        quantity = min(MAX_QUANTITY, line.quantity + (mine.quantity if mine else 0))
        merged[line.product_id] = replace(line, quantity=quantity)
    return _changed(cart, tuple(merged.values()), now)


def with_price(cart: Cart, product_id: str, price: int, currency: str, now: datetime) -> Cart:
    """Show a product's new price."""
    lines = tuple(
        replace(line, unit_price=price, currency=currency) if line.product_id == product_id else line
        for line in cart.lines
    )
    # A new price is nothing that the owner did: the cart expires when it would have anyway.
    return replace(_changed(cart, lines, now), updated_at=cart.updated_at)


def after_order(cart: Cart, ordered: tuple[tuple[str, int], ...], now: datetime) -> Cart:
    """Take out what was ordered; what was added while the order was placed stays."""
    taken = dict(ordered)
    left = tuple(
        replace(line, quantity=line.quantity - taken.get(line.product_id, 0))
        for line in cart.lines
        if line.quantity > taken.get(line.product_id, 0)
    )
    return _changed(cart, left, now)


def _changed(cart: Cart, lines: tuple[Line, ...], now: datetime) -> Cart:
    if lines == cart.lines:
        return cart
    return replace(cart, lines=lines, version=cart.version + 1, updated_at=now)


def requested_items(cart: Cart) -> tuple[tuple[str, int], ...]:
    """Return what is to be ordered: product and quantity; an empty cart raises CartEmpty."""
    if not cart.lines:
        raise CartEmpty("there is nothing in the cart")
    return tuple((line.product_id, line.quantity) for line in cart.lines)
