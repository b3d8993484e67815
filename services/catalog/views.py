"""The bodies of catalog's requests and answers, and how answers are made from the domain."""

from typing import Annotated

from pydantic import Field

from services.catalog import domain
from services.catalog.domain import Availability, Line, Product, Reservation
from services.catalog.handlers import Reserved
from services.common.http.schemas import WHOLE, Answer, Moment, Money, Request
from services.common.runtime.ids import Identifier

Quantity = Annotated[int, Field(ge=1, le=domain.MAX_QUANTITY), WHOLE]


class ProductView(Answer):
    """A product; `available` is what can be ordered now."""

    id: str
    name: str
    description: str
    category: str
    price: Money
    available: int
    updated_at: Moment


class ProductList(Answer):
    """A page of products."""

    items: list[ProductView]
    next_cursor: str | None


class CategoryView(Answer):
    """A category and the number of its products."""

    name: str
    products: int


class CategoryList(Answer):
    """All categories."""

    items: list[CategoryView]


class Item(Request):
    """Some units of one product."""

    product_id: Annotated[Identifier, Field(examples=["moka-pot"])]
    quantity: Quantity


class Items(Request):
    """Products and how many units of each."""

    items: Annotated[list[Item], Field(min_length=1, max_length=200)]

    def lines(self) -> tuple[Line, ...]:
        """Return the items as the domain knows them."""
        return tuple(Line(item.product_id, item.quantity) for item in self.items)


class CheckedItem(Answer):
    """Whether one product can be ordered; `available` is how many units can be had now."""

    product_id: str
    quantity: int
    is_available: bool
    available: int
    price: Money | None


class CheckAnswer(Answer):
    """Whether all of it can be ordered now."""

    available: bool
    items: list[CheckedItem]


class ReservedItem(Answer):
    """Units held, at the price of the moment."""

    product_id: str
    name: str
    quantity: int
    price: Money


class ReservationView(Answer):
    """What is held for an order."""

    order_id: str
    state: str
    expires_at: Moment
    items: list[ReservedItem]


class StockMove(Request):
    """The units that come in or, negative, go out."""

    quantity: Annotated[int, Field(ge=-domain.MAX_STOCK, le=domain.MAX_STOCK), WHOLE]

    def on_hand_after(self, on_hand: int) -> int:
        """Return the stock once `on_hand` units have been changed."""
        return on_hand + self.quantity


class StockCount(Request):
    """The units that are there, as counted."""

    on_hand: Annotated[int, Field(ge=0, le=domain.MAX_STOCK), WHOLE]

    def on_hand_after(self, _on_hand: int) -> int:
        """Return the stock as it was counted."""
        return self.on_hand


class StockView(Answer):
    """The stock of a product."""

    product_id: str
    on_hand: int
    reserved: int
    available: int


class PriceChange(Request):
    """A new price in minor units."""

    amount: Annotated[int, Field(ge=0, le=10**12), WHOLE]


def product_view(product: Product) -> ProductView:
    return ProductView(
        id=product.id,
        name=product.name,
        description=product.description,
        category=product.category,
        price=_price(product),
        available=product.available,
        updated_at=product.updated_at,
    )


def _price(product: Product) -> Money:
    return Money(amount=product.price, currency=product.currency)


def stock_view(product: Product) -> StockView:
    return StockView(
        product_id=product.id,
        on_hand=product.on_hand,
        reserved=product.reserved,
        available=product.available,
    )


def check_answer(availability: Availability) -> CheckAnswer:
    items = [
        CheckedItem(
            product_id=line.product_id,
            quantity=line.quantity,
            is_available=line.available,
            available=line.product.available if line.product else 0,
            price=_price(line.product) if line.product else None,
        )
        for line in availability.lines
    ]
    return CheckAnswer(available=availability.is_available, items=items)


def reserved_view(reserved: Reserved) -> ReservationView:
    view = reservation_view(reserved.reservation)
    for line in reserved.reservation.lines:
        product = reserved.products[line.product_id]
        view.items.append(
            ReservedItem(product_id=line.product_id, name=product.name, quantity=line.quantity, price=_price(product))
        )
    return view


def reservation_view(reservation: Reservation) -> ReservationView:
    return ReservationView(
        order_id=reservation.order_id,
        state=reservation.state.value,
        expires_at=reservation.expires_at,
        items=[],
    )
