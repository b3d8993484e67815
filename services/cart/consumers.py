"""What cart does with the events of products and users."""

from collections.abc import Mapping

from services.cart import handlers
from services.cart.adapters import SqlCarts
from services.common.data.database import AsyncConnection
from services.common.events.consumer import Handler
from services.common.events.event import Event
from services.common.runtime.clock import Clock

TOPICS = ("shop.product.v1", "shop.user.v1")


def build(store: SqlCarts, clock: Clock) -> Mapping[str, Handler]:
    """Return what is done with each type of event."""

    async def price_changed(event: Event, connection: AsyncConnection) -> None:
        data = event.data
        await handlers.refresh_price(
            store.on(connection), str(data["productId"]), int(data["amount"]), str(data["currency"]), clock=clock
        )

    async def user_deleted(event: Event, connection: AsyncConnection) -> None:
        await store.on(connection).forget(str(event.data["userId"]))

    return {"price.changed": price_changed, "user.deleted": user_deleted}
