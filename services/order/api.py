"""The routes of order: the exact contract of `POST /orders`, and what a user may do with an order."""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Header, Query
from opentelemetry import trace
from pydantic import Field, StringConstraints

from services.common.http import deadlines
from services.common.http.auth import Admin, Caller, User, forbidden
from services.common.http.problems import ExactError, ProblemError
from services.common.http.schemas import WHOLE, Answer, Moment, Money, Request
from services.common.runtime.clock import Clock
from services.common.runtime.ids import Identifier, new_id
from services.order import domain, handlers
from services.order.domain import Entry, Line, Order, RequestedItem, Trigger
from services.order.handlers import InsufficientStock, KeyInFlight, KeyReused, PlaceOrder
from services.order.paging import CURSOR
from services.order.ports import Catalog, OrderStore
from services.order.settings import OrderSettings

if TYPE_CHECKING:
    from services.common.runtime.logs import Logger

Quantity = Annotated[int, Field(ge=1, le=domain.MAX_QUANTITY), WHOLE]
PaymentMethod = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
IdempotencyKey = Annotated[
    str | None, Header(alias="Idempotency-Key", min_length=1, max_length=255, pattern=r"^[\x21-\x7e]+$")
]
_POLL_SECONDS = 0.05  # short against the wait for a cancellation, long against one read of SQLite (about 1 ms)
# Kept of a deadline, to answer after the work was given up.
_MARGIN_SECONDS = 0.2


class Item(Request):
    """Some units of one product."""

    product_id: Annotated[Identifier, Field(examples=["moka-pot"])]
    quantity: Quantity


class NewOrder(Request):
    """What is to be ordered; `userId` may be left out and must be the token's own."""

    user_id: Identifier | None = None
    items: Annotated[list[Item], Field(min_length=1, max_length=100)]
    payment_method: PaymentMethod | None = None


class ItemView(Answer):
    """A line of an order, at the price when it was placed."""

    product_id: str
    name: str
    quantity: int
    unit_price: Money
    total: Money


class OrderView(Answer):
    """An order."""

    id: str
    user_id: str
    status: str
    items: list[ItemView]
    total: Money
    payment_method: str | None
    cancel_requested: bool
    reason: str | None
    created_at: Moment
    updated_at: Moment


class OrderList(Answer):
    """A page of orders, the newest first."""

    items: list[OrderView]
    next_cursor: str | None


class EntryView(Answer):
    """Something that happened to an order."""

    at: Moment
    status: str
    what: str


class Timeline(Answer):
    """What happened to an order, in time order."""

    order_id: str
    status: str
    items: list[EntryView]


class ContractError(Answer):
    """The two errors of `POST /orders` whose bodies are fixed."""

    error: str


class Controller:
    """What the routes do, in terms of HTTP: places orders, finds a caller's own, waits for a cancellation."""

    def __init__(
        self,
        store: OrderStore,
        catalog: Catalog,
        clock: Clock,
        settings: OrderSettings,
        release_later: Callable[[str], None],
        log: "Logger",
    ) -> None:
        self.store, self.catalog, self.clock = store, catalog, clock
        self.settings, self.release_later, self.log = settings, release_later, log

    async def place_order(self, body: NewOrder, caller: Caller, key: str | None) -> OrderView:
        """Place an order as the contract says."""
        if body.user_id not in (None, caller.user_id):
            raise forbidden("userId must be your own")
        items = domain.add_up(RequestedItem(item.product_id, item.quantity) for item in body.items)
        if any(item.quantity > domain.MAX_QUANTITY for item in items):
            raise ProblemError(422, "invalid", f"At most {domain.MAX_QUANTITY} units of one product")
        command = PlaceOrder(caller.user_id, items, body.payment_method, key)
        try:
            order = await self._place_in_time(command)
        except InsufficientStock as error:
            raise ExactError(400, "Insufficient stock") from error
        except KeyReused as error:
            raise ProblemError(422, "key_reused", "The Idempotency-Key came with another body before") from error
        except KeyInFlight as error:
            raise ProblemError(
                409, "in_flight", "The first request with this Idempotency-Key is still being answered"
            ) from error
        except domain.AmountTooLarge as error:
            raise ProblemError(422, "too_large", str(error)) from error
        except Exception as error:
            self.log.error("order could not be created", error=repr(error), user_id=caller.user_id)
            raise ExactError(500, "Order creation error") from error
        _mark(order.id)
        return _order_view(order)

    async def _place_in_time(self, command: PlaceOrder) -> Order:
        allowed = deadlines.remaining(self.settings.deadline_seconds + _MARGIN_SECONDS) - _MARGIN_SECONDS
        async with asyncio.timeout(max(_MARGIN_SECONDS, allowed)):
            return await handlers.place_order(
                command,
                store=self.store,
                catalog=self.catalog,
                clock=self.clock,
                new_id=new_id,
                release_later=self.release_later,
            )

    async def get_own(self, order_id: str, caller: Caller) -> Order:
        """Find an order that the caller may see; somebody else's is a 404, as an unknown one is."""
        order = await self.store.find(order_id)
        if order is None or (order.user_id != caller.user_id and not caller.is_admin):
            raise ProblemError(404, "not_found", f"There is no order {order_id}")
        _mark(order_id)
        return order

    async def apply(self, order_id: str, trigger: Trigger, reason: str | None = None) -> Order:
        """Apply what a caller did to an order; what its state does not allow is a 409."""
        try:
            order = await handlers.apply_trigger(order_id, trigger, reason, store=self.store, clock=self.clock)
        except domain.OrderError as error:
            raise ProblemError(409, "conflict", str(error)) from error
        assert order is not None
        return order

    async def outcome(self, order: Order) -> Order:
        """Wait a moment for the end of a cancellation: payment has to answer first."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + deadlines.remaining(self.settings.cancel_wait_seconds)
        unresolved = order.status
        while order.status is unresolved and order.step is not domain.Step.NONE and loop.time() < ends_at:
            await asyncio.sleep(_POLL_SECONDS)
            order = await self.store.find(order.id) or order
        return order


def routes(controller: Controller) -> APIRouter:
    """Return the routes of orders; `/orders` is the old name of `/api/v1/orders`."""
    router = APIRouter(tags=["orders"])
    exact: dict[int | str, dict[str, Any]] = {
        400: {"model": ContractError, "description": "Insufficient stock, or the body is not JSON"},
        500: {"model": ContractError, "description": "Order creation error"},
    }

    @router.post("/orders", status_code=201, operation_id="create_order", responses=exact)
    async def create_order(body: NewOrder, caller: User, key: IdempotencyKey = None) -> OrderView:
        """Place an order; with an Idempotency-Key it is placed once, however often it is asked for."""
        return await controller.place_order(body, caller, key)

    @router.post("/api/v1/orders", status_code=201, operation_id="create_order_v1", responses=exact)
    async def create_order_v1(body: NewOrder, caller: User, key: IdempotencyKey = None) -> OrderView:
        """Place an order; with an Idempotency-Key it is placed once, however often it is asked for."""
        return await controller.place_order(body, caller, key)

    _add_reading(router, controller)
    _add_changing(router, controller)
    return router


def _add_reading(router: APIRouter, controller: Controller) -> None:
    async def list_orders(
        caller: User,
        limit: Annotated[int, Query(ge=1, le=100)] = 20,
        cursor: Annotated[str | None, Query(pattern=CURSOR)] = None,
    ) -> OrderList:
        """List one's own orders, the newest first."""
        orders, after = await handlers.history(caller.user_id, cursor, limit, store=controller.store)
        return OrderList(items=[_order_view(order) for order in orders], next_cursor=after)

    async def get_order(order_id: Identifier, caller: User) -> OrderView:
        """Show one of one's own orders."""
        return _order_view(await controller.get_own(order_id, caller))

    async def get_timeline(order_id: Identifier, caller: User) -> Timeline:
        """Tell what happened to one of one's own orders."""
        order = await controller.get_own(order_id, caller)
        entries = await handlers.timeline(order_id, store=controller.store)
        return Timeline(order_id=order_id, status=order.status, items=[_entry_view(entry) for entry in entries])

    for prefix, suffix in (("/api/v1/orders", "_v1"), ("/orders", "")):
        add = router.add_api_route
        add(prefix, list_orders, methods=["GET"], operation_id=f"list_orders{suffix}")
        add(f"{prefix}/{{order_id}}", get_order, methods=["GET"], operation_id=f"get_order{suffix}")
        add(f"{prefix}/{{order_id}}/timeline", get_timeline, methods=["GET"], operation_id=f"get_timeline{suffix}")


def _add_changing(router: APIRouter, controller: Controller) -> None:
    async def cancel_order(order_id: Identifier, caller: User) -> OrderView:
        """Cancel one of one's own orders; what was charged is refunded."""
        await controller.get_own(order_id, caller)
        cancelling = await controller.apply(order_id, Trigger.CANCEL_REQUESTED)
        controller.log.info("cancellation asked for", order_id=order_id, status=cancelling.status)
        return _order_view(await controller.outcome(cancelling))

    async def ship_order(order_id: Identifier, caller: Admin) -> OrderView:
        """Say that a confirmed order has left the house."""
        await controller.get_own(order_id, caller)
        return _order_view(await controller.apply(order_id, Trigger.SHIPPED))

    for prefix, suffix in (("/api/v1/orders", "_v1"), ("/orders", "")):
        add = router.add_api_route
        add(f"{prefix}/{{order_id}}/cancel", cancel_order, methods=["POST"], operation_id=f"cancel_order{suffix}")
        add(f"{prefix}/{{order_id}}/ship", ship_order, methods=["POST"], operation_id=f"ship_order{suffix}")


def _mark(order_id: str) -> None:
    trace.get_current_span().set_attribute("shop.order.id", order_id)


def _order_view(order: Order) -> OrderView:
    return OrderView(
        id=order.id,
        user_id=order.user_id,
        status=order.status.value,
        items=[_item_view(line, order.currency) for line in order.lines],
        total=Money(amount=order.amount, currency=order.currency),
        payment_method=order.payment_method,
        cancel_requested=order.is_cancel_requested,
        reason=order.reason,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


def _item_view(line: Line, currency: str) -> ItemView:
    return ItemView(
        product_id=line.product_id,
        name=line.name,
        quantity=line.quantity,
        unit_price=Money(amount=line.unit_price, currency=currency),
        total=Money(amount=line.total, currency=currency),
    )


def _entry_view(entry: Entry) -> EntryView:
    return EntryView(at=entry.at, status=entry.status.value, what=entry.what)
