"""What payment does with the events of orders."""

from collections.abc import Mapping

from opentelemetry import trace

from services.common.data.database import AsyncConnection, after_commit
from services.common.events.consumer import Handler
from services.common.events.event import Event
from services.common.runtime.clock import Clock
from services.common.runtime.ids import new_id
from services.payment import handlers
from services.payment.adapters import SqlPayments
from services.payment.cashier import Cashier
from services.payment.domain import ChargeRequest

TOPICS = ("shop.order.v1",)


def build(store: SqlPayments, cashier: Cashier, clock: Clock) -> Mapping[str, Handler]:
    """Return what is done with each type of event."""

    async def created(event: Event, connection: AsyncConnection) -> None:
        request = _charge_request(event)
        charge = await handlers.open_charge(store.on(connection), request, clock=clock, new_id=new_id)
        if charge is not None:
            after_commit(connection, lambda: cashier.work(charge, store, is_fresh=True))

    async def cancel_requested(event: Event, connection: AsyncConnection) -> None:
        charge = await handlers.request_cancel(store.on(connection), _charge_request(event), clock=clock, new_id=new_id)
        if charge.refund_id is not None and charge.has_work:
            after_commit(connection, lambda: cashier.work(charge, store))

    return {"order.created": created, "order.cancel_requested": cancel_requested}


def _charge_request(event: Event) -> ChargeRequest:
    data = event.data
    request = ChargeRequest(
        order_id=str(data["orderId"]),
        user_id=str(data["userId"]),
        amount=data["amount"],
        currency=str(data.get("currency") or "EUR"),
        method=data.get("paymentMethod"),
    )
    if type(request.amount) is not int or request.amount < 0:
        raise ValueError(f"the amount {request.amount!r} is no whole number of minor units")
    trace.get_current_span().set_attribute("shop.order.id", request.order_id)
    return request
