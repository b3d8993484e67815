"""What order learns from the events of payment."""

from collections.abc import Mapping

from opentelemetry import trace

from services.common.data.database import AsyncConnection
from services.common.events.consumer import Handler
from services.common.events.event import Event
from services.common.runtime.clock import Clock
from services.order import handlers
from services.order.adapters import SqlOrders
from services.order.domain import Fact

TOPICS = ("shop.payment.v1",)
_FACTS = {
    "payment.succeeded": Fact.PAYMENT_SUCCEEDED,
    "payment.failed": Fact.PAYMENT_FAILED,
    "payment.refunded": Fact.PAYMENT_REFUNDED,
}


def build(store: SqlOrders, clock: Clock) -> Mapping[str, Handler]:
    """Return what is done with each type of event."""

    async def record(event: Event, connection: AsyncConnection) -> None:
        order_id = str(event.data["orderId"])
        trace.get_current_span().set_attribute("shop.order.id", order_id)
        reason = event.data.get("reason")
        await handlers.record_in(
            store.on(connection), order_id, _FACTS[event.type], reason and str(reason), clock=clock
        )

    return dict.fromkeys(_FACTS, record)
