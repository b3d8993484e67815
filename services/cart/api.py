"""The routes of cart: carts of users and of guests, and the checkout."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Cookie, Depends, Header, Path, Response
from fastapi.responses import JSONResponse
from pydantic import Field, StringConstraints

from services.cart import domain, handlers
from services.cart.domain import Cart, Line, Owner
from services.cart.ports import CartStore, Catalog, Orders, UpstreamUnavailable
from services.cart.settings import CartSettings
from services.common.http.auth import OptionalCaller, User
from services.common.http.problems import ProblemError, unavailable
from services.common.http.schemas import WHOLE, Answer, Moment, Money, Request
from services.common.runtime.clock import Clock
from services.common.runtime.ids import Identifier, new_id

COOKIE = "shop_cart"
ProductId = Annotated[Identifier, Path(examples=["moka-pot"])]
PaymentMethod = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")
]
GuestCookie = Annotated[str | None, Cookie(alias=COOKIE)]  # any text: one that is not ours leads to an empty cart


class LineView(Answer):
    """Some units of one product at the last known price."""

    product_id: str
    name: str
    quantity: int
    unit_price: Money
    total: Money


class CartView(Answer):
    """A cart; `total` is missing while it is empty."""

    id: str
    is_guest: bool
    items: list[LineView]
    total: Money | None
    version: int
    expires_at: Moment


class NewQuantity(Request):
    """How many units of a product; 0 takes it out."""

    quantity: Annotated[int, Field(ge=0, le=domain.MAX_QUANTITY), WHOLE]


class NewCheckout(Request):
    """How the order is paid."""

    payment_method: PaymentMethod | None = None


@dataclass(frozen=True, slots=True)
class Controller:
    """What the routes work with, and whose cart a request is about."""

    store: CartStore
    catalog: Catalog
    orders: Orders
    clock: Clock
    settings: CartSettings

    async def owner(self, caller: OptionalCaller, response: Response, cookie: GuestCookie = None) -> Owner:
        """Return whose cart is meant; a guest who has logged in brings the guest's cart along."""
        guest = Owner(_digest(cookie), is_guest=True) if cookie else None
        if not caller.user_id:
            return guest or self._new_guest(response)
        user = Owner(caller.user_id, is_guest=False)
        if guest is not None:
            await handlers.merge(user, guest, store=self.store, clock=self.clock, new_id=new_id)
            response.delete_cookie(COOKIE, httponly=True, samesite="lax")
        return user

    def _new_guest(self, response: Response) -> Owner:
        secret = secrets.token_urlsafe(24)
        response.set_cookie(
            COOKIE,
            secret,
            max_age=int(domain.GUEST_LIFETIME.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=self.settings.is_cookie_secure,
        )
        return Owner(_digest(secret), is_guest=True)


def routes(controller: Controller) -> APIRouter:
    """Return the routes of cart."""
    router = APIRouter(prefix="/api/v1/cart", tags=["cart"])

    async def owner_of(caller: OptionalCaller, response: Response, cookie: GuestCookie = None) -> Owner:
        return await controller.owner(caller, response, cookie)

    owned = Depends(owner_of)
    _add_items(router, controller, owned)
    _add_checkout(router, controller, owned)
    return router


def _add_items(router: APIRouter, controller: Controller, owned: Any) -> None:
    @router.get("", operation_id="get_cart")
    async def get_cart(owner: Owner = owned) -> CartView:
        """Show the cart of the caller, a user or a guest."""
        return _cart_view(await handlers.show(owner, store=controller.store, clock=controller.clock))

    @router.put("/items/{product_id}", operation_id="set_cart_item")
    async def set_item(product_id: ProductId, body: NewQuantity, owner: Owner = owned) -> CartView:
        """Say how many units of a product are in the cart."""
        try:
            cart = await handlers.set_quantity(
                owner,
                product_id,
                body.quantity,
                store=controller.store,
                catalog=controller.catalog,
                clock=controller.clock,
                new_id=new_id,
            )
        except handlers.UnknownProduct as error:
            raise ProblemError(404, "not_found", f"There is no product {product_id}") from error
        except domain.CartFull as error:
            raise ProblemError(422, "cart_full", str(error)) from error
        except UpstreamUnavailable as error:
            raise unavailable("Catalog") from error
        return _cart_view(cart)

    @router.delete("/items/{product_id}", operation_id="remove_cart_item")
    async def remove_item(product_id: ProductId, owner: Owner = owned) -> CartView:
        """Take a product out of the cart."""
        return _cart_view(
            await handlers.remove(owner, product_id, store=controller.store, clock=controller.clock, new_id=new_id)
        )


def _add_checkout(router: APIRouter, controller: Controller, owned: Any) -> None:
    @router.post("/checkout", status_code=201, operation_id="check_out")
    async def check_out(
        caller: User,
        owner: Annotated[Owner, owned],
        body: NewCheckout | None = None,
        key: IdempotencyKey = None,
    ) -> Response:
        """Order what is in the cart; the answer is that of `POST /orders`."""
        try:
            reply = await handlers.check_out(
                owner,
                key,
                body.payment_method if body else None,
                caller.token,
                store=controller.store,
                orders=controller.orders,
                clock=controller.clock,
                new_id=new_id,
            )
        except domain.CartEmpty as error:
            raise ProblemError(422, "cart_empty", str(error)) from error
        except handlers.CheckoutDiffers as error:
            raise ProblemError(422, "key_reused", "The Idempotency-Key came with another body before") from error
        except UpstreamUnavailable as error:
            raise unavailable("Order") from error
        return JSONResponse(reply.body, reply.status, media_type=reply.media_type)


def _digest(secret: str) -> str:
    """Name a guest by a digest of the secret, so that whoever reads the database cannot open carts."""
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _cart_view(cart: Cart) -> CartView:
    return CartView(
        id=cart.id,
        is_guest=cart.owner.is_guest,
        items=[_line_view(line) for line in cart.lines],
        total=Money(amount=cart.total, currency=cart.currency) if cart.currency else None,
        version=cart.version,
        expires_at=cart.expires_at,
    )


def _line_view(line: Line) -> LineView:
    return LineView(
        product_id=line.product_id,
        name=line.name,
        quantity=line.quantity,
        unit_price=Money(amount=line.unit_price, currency=line.currency),
        total=Money(amount=line.total, currency=line.currency),
    )
