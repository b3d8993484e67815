"""The worker of the saga: takes the steps of orders at once when they change, and later when they are stuck."""

from typing import TYPE_CHECKING

from services.common.runtime.background import Background
from services.common.runtime.clock import Clock
from services.order import handlers
from services.order.domain import Change, Order, Step
from services.order.ports import Catalog, OrderStore, Payments, UpstreamUnavailable

if TYPE_CHECKING:
    from services.common.runtime.logs import Logger

# The steps that are ours to do; the others wait for an event.
_ACTIVE = frozenset({Step.CONFIRM_STOCK, Step.RELEASE_STOCK})


class Saga:
    """Brings orders to their end."""

    def __init__(
        self,
        store: OrderStore,
        catalog: Catalog,
        payments: Payments,
        clock: Clock,
        log: "Logger",
    ) -> None:
        self._store, self._catalog, self._payments = store, catalog, payments
        self._clock, self._log = clock, log
        self.background = Background("step of an order", log)

    def on_change(self, change: Change) -> None:
        """Take the next step of an order that has just changed; a postponed one waits for the detector."""
        if change.entries and change.order.step in _ACTIVE:
            self._start(change.order)

    def release_later(self, order_id: str) -> None:
        """Release what an order that was never placed may hold, soon; if that fails, the reservation expires."""
        self.background.start(f"{order_id} release", lambda: self._catalog.release(order_id), order_id=order_id)

    async def detect(self) -> None:
        """Look after the orders whose step took too long."""
        for order in await handlers.take_due(store=self._store, clock=self._clock):
            if order.attempts:
                self._log.warning("order is stuck", order_id=order.id, step=order.step, attempts=order.attempts)
            self._start(order)

    def _start(self, order: Order) -> None:
        # The step is in the key: one that ends may begin the next before it is out of the way itself.
        self.background.start(f"{order.id} {order.step}", lambda: self._step(order), order_id=order.id)

    async def _step(self, order: Order) -> None:
        try:
            await handlers.take_step(
                order, store=self._store, catalog=self._catalog, payments=self._payments, clock=self._clock
            )
        except UpstreamUnavailable as unavailable:
            self._log.info("step of an order waits", order_id=order.id, why=str(unavailable))
