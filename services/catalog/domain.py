"""What catalog knows of products, stock and reservations.

Pure: standard library only, no clock, no database. Amounts are integer minor units of a currency.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

MAX_QUANTITY = 1_000  # of one product in one order, as the contract of the shop says
MAX_STOCK = 1_000_000_000  # far above any stock, far below what a 64-bit column holds
RESERVATION_LIFETIME = timedelta(seconds=60)
# Every text of this shape is a cursor: the schema of a request needs no further rule.
CURSOR = r"^[0-9]{1,9}\.[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_WORD = re.compile(r"\w+", re.UNICODE)
_STOP_WORDS = frozenset({"a", "an", "and", "for", "in", "of", "on", "or", "the", "to", "with"})
_PLURALS = (("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("ves", "fe"))
_SHORTEST_SINGULAR = 3  # letters: what is shorter ("as", "bus") is no plural that people search for


class CatalogError(Exception):
    """A request that the rules of the catalog refuse."""


class StockOutOfRange(CatalogError):
    """A correction would leave less stock than what is reserved, or more than MAX_STOCK."""


class ReservationState(StrEnum):
    """The life of a reservation; everything but HELD is over, only CONFIRMED can still be given back."""

    HELD = "held"
    CONFIRMED = "confirmed"
    RELEASED = "released"
    EXPIRED = "expired"
    RETURNED = "returned"


class Movement(StrEnum):
    """Why the stock on hand changed."""

    RECEIVED = "received"
    CORRECTED = "corrected"
    SOLD = "sold"
    RETURNED = "returned"


@dataclass(frozen=True, slots=True)
class Product:
    """One thing that can be bought; `reserved` of the `on_hand` units are promised to orders."""

    id: str
    name: str
    description: str
    category: str
    price: int
    currency: str
    on_hand: int
    reserved: int
    updated_at: datetime

    @property
    def available(self) -> int:
        """Return units that can be ordered now."""
        return self.on_hand - self.reserved


@dataclass(frozen=True, slots=True)
class Line:
    """Some units of one product, as an order asks for them."""

    product_id: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Reservation:
    """Units held for one order until `expires_at`."""

    order_id: str
    lines: tuple[Line, ...]
    state: ReservationState
    expires_at: datetime

    def moved_to(self, state: ReservationState) -> "Reservation":
        """Return the same reservation in another state."""
        return replace(self, state=state)


@dataclass(frozen=True, slots=True)
class LineAnswer:
    """Whether one line of a request can be had."""

    product_id: str
    quantity: int
    available: bool
    product: Product | None


@dataclass(frozen=True, slots=True)
class Availability:
    """The answer to "can all of this be ordered now?"."""

    lines: tuple[LineAnswer, ...]

    @property
    def is_available(self) -> bool:
        """Say whether every line can be had."""
        return all(line.available for line in self.lines)


def add_up(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Join the lines of one product, ordered by product so that locks are always taken in one order."""
    totals: dict[str, int] = {}
    for line in lines:
        totals[line.product_id] = totals.get(line.product_id, 0) + line.quantity
    return tuple(Line(product_id, totals[product_id]) for product_id in sorted(totals))


def check(lines: Iterable[Line], products: Mapping[str, Product]) -> Availability:
    """Answer whether all lines can be ordered now; an unknown product cannot."""
    return Availability(tuple(_check_line(line, products.get(line.product_id)) for line in add_up(lines)))


def _check_line(line: Line, product: Product | None) -> LineAnswer:
    can_be_had = product is not None and product.available >= line.quantity
    return LineAnswer(line.product_id, line.quantity, can_be_had, product)


def hold(
    order_id: str, lines: Iterable[Line], now: datetime, lifetime: timedelta = RESERVATION_LIFETIME
) -> Reservation:
    """Describe the reservation of these lines from now on."""
    return Reservation(order_id, add_up(lines), ReservationState.HELD, now + lifetime)


def tombstone(order_id: str, now: datetime) -> Reservation:
    """Describe a reservation that was given back before it was made, so that a late one is refused."""
    return Reservation(order_id, (), ReservationState.RELEASED, now)


def with_stock(product: Product, on_hand: int, now: datetime) -> Product:
    """Set the units on hand, which can never be fewer than those reserved."""
    if not product.reserved <= on_hand <= MAX_STOCK:
        raise StockOutOfRange(
            f"the stock must lie between the {product.reserved} reserved units and {MAX_STOCK}, not be {on_hand}"
        )
    return replace(product, on_hand=on_hand, updated_at=now)


def with_price(product: Product, price: int, now: datetime) -> Product:
    """Set the price in minor units."""
    return replace(product, price=price, updated_at=now)


def search_terms(text: str, limit: int = 8) -> list[tuple[str, ...]]:
    """Split what somebody typed into words that no query language can misread, each with its possible singulars.

    Stop words are left out, unless there are no others.
    """
    typed = [word.lower() for word in _WORD.findall(text)]
    telling = [word for word in typed if word not in _STOP_WORDS] or typed
    return [_forms(word) for word in telling[:limit]]


def _forms(word: str) -> tuple[str, ...]:
    """Return the word and what it may be the plural of; prefix search covers the other direction."""
    singulars = [word.removesuffix(end) + more for end, more in _PLURALS if word.endswith(end)]
    return (word, *(singular for singular in singulars if len(singular) >= _SHORTEST_SINGULAR))


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins: after a product, or at a position if a search does not find that any more."""

    position: int = 0
    product_id: str = ""

    def encode(self) -> str:
        """Write the cursor as text that matches CURSOR."""
        return f"{self.position}.{self.product_id}"

    @classmethod
    def decode(cls, word: str) -> "Cursor":
        """Read text that matches CURSOR."""
        position, _, product_id = word.partition(".")
        return cls(int(position), product_id)
