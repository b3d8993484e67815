"""The routes of catalog: public ones to read products, internal ones to move stock."""

import hashlib
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Response
from opentelemetry import trace
from pydantic import BaseModel, Field

from services.catalog import domain, handlers
from services.catalog.domain import Product
from services.catalog.handlers import Refusal
from services.catalog.ports import CatalogStore
from services.catalog.views import (
    CategoryList,
    CategoryView,
    CheckAnswer,
    Items,
    PriceChange,
    ProductList,
    ProductView,
    ReservationView,
    StockCount,
    StockMove,
    StockView,
    check_answer,
    product_view,
    reservation_view,
    reserved_view,
    stock_view,
)
from services.common.http.auth import Admin, Service
from services.common.http.problems import ProblemError
from services.common.http.schemas import Problem
from services.common.runtime.clock import Clock
from services.common.runtime.ids import Identifier
from services.common.runtime.metrics import Metrics

ProductId = Annotated[Identifier, Path(examples=["moka-pot"])]
Word = Annotated[str, Field(max_length=200)]
NOT_MODIFIED: dict[int | str, dict[str, Any]] = {304: {"description": "The caller has it already"}}
_RESULTS = ("held", "refused", "confirmed", "released", "expired", "lost")
CHANGED: dict[int | str, dict[str, Any]] = {412: {"model": Problem, "description": "If-Match names another state"}}


class Controller:
    """What the routes work with: the store, the clock, how long a reservation lives, its counter."""

    def __init__(self, store: CatalogStore, clock: Clock, lifetime: timedelta, metrics: Metrics) -> None:
        self.store, self.clock, self.lifetime = store, clock, lifetime
        self._moves = metrics.counter(
            "shop_reservations", "What became of reservations", ["result"], zeros=[(result,) for result in _RESULTS]
        )

    def count(self, result: str, by: int = 1) -> None:
        """Count what became of a reservation."""
        self._moves.labels(result).inc(by)


def public_routes(controller: Controller) -> APIRouter:
    """Return the routes that the gateway passes on for everybody."""
    router = APIRouter(prefix="/api/v1", tags=["products"])
    _add_reading(router, controller.store)
    _add_changing(router, controller)
    return router


def _add_reading(router: APIRouter, store: CatalogStore) -> None:
    @router.get("/products", operation_id="list_products", response_model=ProductList, responses=NOT_MODIFIED)
    async def list_products(
        query: Word = "",
        category: Word = "",
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str | None, Query(pattern=domain.CURSOR)] = None,
        if_none_match: Annotated[str | None, Header()] = None,
    ) -> Response:
        """List products by name, or those that match a query, the best first."""
        page = await handlers.page(_clean(query), _clean(category) or None, cursor, limit, store=store)
        items = [product_view(product) for product in page.items]
        return _conditional(ProductList(items=items, next_cursor=page.next_cursor), if_none_match)

    @router.get("/categories", operation_id="list_categories", response_model=CategoryList, responses=NOT_MODIFIED)
    async def list_categories(if_none_match: Annotated[str | None, Header()] = None) -> Response:
        """List the categories."""
        counts = await store.categories()
        items = [CategoryView(name=name, products=count) for name, count in counts.items()]
        return _conditional(CategoryList(items=items), if_none_match)

    @router.get(
        "/products/{product_id}", operation_id="get_product", response_model=ProductView, responses=NOT_MODIFIED
    )
    async def get_product(product_id: ProductId, if_none_match: Annotated[str | None, Header()] = None) -> Response:
        """Show a product."""
        product = (await store.find([product_id])).get(product_id)
        return _conditional(product_view(_existing(product, product_id)), if_none_match)


def _add_changing(router: APIRouter, controller: Controller) -> None:
    store = controller.store

    @router.post("/products/{product_id}/stock", operation_id="change_stock", responses=CHANGED)
    async def change_stock(
        product_id: ProductId,
        change: StockMove | StockCount,
        _: Admin,
        response: Response,
        if_match: Annotated[str | None, Header()] = None,
    ) -> StockView:
        """Add units to the stock (`quantity`) or set it (`onHand`)."""

        def on_hand(product: Product) -> int:
            return change.on_hand_after(product.on_hand)

        is_expected = _expects(if_match)
        try:
            product = await handlers.set_stock(
                product_id, on_hand, is_expected=is_expected, store=store, clock=controller.clock
            )
        except domain.StockOutOfRange as error:
            raise ProblemError(409, "stock_out_of_range", str(error)) from error
        except handlers.Changed as error:
            raise _changed() from error
        changed = _existing(product, product_id)
        response.headers["ETag"] = _tag(product_view(changed))
        return stock_view(changed)

    @router.put("/products/{product_id}/price", operation_id="change_price", responses=CHANGED)
    async def change_price(
        product_id: ProductId,
        change: PriceChange,
        _: Admin,
        response: Response,
        if_match: Annotated[str | None, Header()] = None,
    ) -> ProductView:
        """Set the price of a product."""
        is_expected = _expects(if_match)
        try:
            product = await handlers.set_price(
                product_id, change.amount, is_expected=is_expected, store=store, clock=controller.clock
            )
        except handlers.Changed as error:
            raise _changed() from error
        view = product_view(_existing(product, product_id))
        response.headers["ETag"] = _tag(view)
        return view


def internal_routes(controller: Controller) -> APIRouter:
    """Return the routes for the other services."""
    router = APIRouter(prefix="/inventory", tags=["inventory"])
    store = controller.store

    @router.post("/check", operation_id="check_inventory")
    async def check_inventory(body: Items, _: Service) -> CheckAnswer:
        """Say whether all of it can be ordered now; nothing is held."""
        return check_answer(await handlers.check(body.lines(), store=store))

    @router.put("/reservations/{order_id}", operation_id="reserve")
    async def reserve(order_id: Identifier, body: Items, _: Service) -> ReservationView:
        """Hold all of it for an order; asked again, the answer is the same."""
        _mark(order_id)
        answer = await handlers.reserve(
            order_id, body.lines(), store=store, clock=controller.clock, lifetime=controller.lifetime
        )
        if isinstance(answer, Refusal):
            controller.count("refused")
            raise ProblemError(409, answer.name.lower(), f"Not reserved: {answer}")
        controller.count("held")
        return reserved_view(answer)

    @router.post("/reservations/{order_id}/confirm", operation_id="confirm_reservation")
    async def confirm(order_id: Identifier, _: Service) -> ReservationView:
        """Sell what an order holds; asked again, the answer is the same."""
        _mark(order_id)
        answer = await handlers.confirm(order_id, store=store)
        if answer is None:
            raise ProblemError(404, "not_found", "There is no such reservation")
        if isinstance(answer, Refusal):
            controller.count("lost")
            raise ProblemError(409, answer.name.lower(), f"Not confirmed: {answer}")
        controller.count("confirmed")
        return reservation_view(answer)

    @router.post("/reservations/{order_id}/release", operation_id="release_reservation")
    async def release(order_id: Identifier, _: Service) -> ReservationView:
        """Give back what an order holds or bought; asked again, the answer is the same."""
        _mark(order_id)
        reservation = await handlers.release(order_id, store=store, clock=controller.clock)
        controller.count("released")
        return reservation_view(reservation)

    return router


def _mark(order_id: str) -> None:
    trace.get_current_span().set_attribute("shop.order.id", order_id)


def _clean(text: str) -> str:
    """Drop what no text column can hold."""
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()


def _existing(product: Product | None, product_id: str) -> Product:
    if product is None:
        raise ProblemError(404, "not_found", f"There is no product {product_id}")
    return product


def _conditional(view: BaseModel, if_none_match: str | None) -> Response:
    """Answer with the view and its tag, or with 304 when the caller has it already."""
    body = view.model_dump_json(by_alias=True)
    headers = {"ETag": _tag_of(body), "Cache-Control": "no-cache"}
    if _matches(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _tag(view: BaseModel) -> str:
    return _tag_of(view.model_dump_json(by_alias=True))


def _tag_of(body: str) -> str:
    return f'"{hashlib.blake2b(body.encode(), digest_size=12).hexdigest()}"'


def _changed() -> ProblemError:
    return ProblemError(412, "changed", "The product changed meanwhile; read it again")


def _matches(if_none_match: str | None, tag: str) -> bool:
    """Say whether the caller has this already; weak tags are as good as strong ones."""
    return bool({"*", tag} & {word.removeprefix("W/") for word in _tags(if_none_match)})


def _expects(if_match: str | None) -> Callable[[Product], bool]:
    """Say whether a product is as the caller saw it; a weak tag is no proof of that."""
    if if_match is None:
        return lambda _: True
    tags = _tags(if_match)
    return lambda product: bool({"*", _tag(product_view(product))} & tags)


def _tags(header: str | None) -> set[str]:
    return {word.strip() for word in (header or "").split(",")}
