"""What order does with the events of payment."""

from collections.abc import Mapping

from opentelemetry import trace

from services.common.data.database import AsyncConnection
from services.common.events.consumer import Handler
from services.common.events.event import Event
from services.common.runtime.clock import Clock
from services.order import handlers
from services.order.adapters import SqlOrders
from services.order.domain import Trigger

TOPICS = ("shop.payment.v1",)
_TRIGGERS = {
    "payment.succeeded": Trigger.PAYMENT_SUCCEEDED,
    "payment.failed": Trigger.PAYMENT_FAILED,
    "payment.refunded": Trigger.PAYMENT_REFUNDED,
}


def build(store: SqlOrders, clock: Clock) -> Mapping[str, Handler]:
    """Return what is done with each type of event."""

    async def record(event: Event, connection: AsyncConnection) -> None:
        order_id = str(event.data["orderId"])
        trace.get_current_span().set_attribute("shop.order.id", order_id)
        reason = event.data.get("reason")
        await handlers.apply_trigger_in(
            store.on(connection), order_id, _TRIGGERS[event.type], reason and str(reason), clock=clock
        )

    return dict.fromkeys(_TRIGGERS, record)
