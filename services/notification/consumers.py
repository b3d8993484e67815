"""What notification does with the events of orders, payments and users."""

from collections.abc import Mapping, Sequence

from opentelemetry import trace

from services.common.data.database import AsyncConnection, after_commit
from services.common.events.consumer import Handler
from services.common.events.event import Event
from services.common.runtime.clock import Clock
from services.common.runtime.ids import new_id
from services.notification import domain, handlers
from services.notification.adapters import SqlNotifications
from services.notification.domain import Channel
from services.notification.sender import Sender

TOPICS = ("shop.order.v1", "shop.payment.v1", "shop.user.v1")


def build(store: SqlNotifications, sender: Sender, channels: Sequence[Channel], clock: Clock) -> Mapping[str, Handler]:
    """Return what is done with each type of event."""

    async def queue(event: Event, connection: AsyncConnection) -> None:
        if "orderId" in event.data:
            trace.get_current_span().set_attribute("shop.order.id", str(event.data["orderId"]))
        queued = await handlers.queue(
            store.on(connection), event.type, event.data, channels=channels, clock=clock, new_id=new_id
        )
        after_commit(connection, lambda: sender.send(queued))

    async def forget(event: Event, connection: AsyncConnection) -> None:
        await handlers.forget(store.on(connection), str(event.data["userId"]))

    return dict.fromkeys(domain.event_types(), queue) | {"user.deleted": forget}
