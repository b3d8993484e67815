"""What can be seen of orders from outside: metrics and a log line per change."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from services.common.runtime.metrics import Metrics
from services.order.domain import Change, Status
from services.order.repeats import MOST_REPEATS

if TYPE_CHECKING:
    from services.common.runtime.logs import Logger

# What the saga publishes again (repeats.publish_again); counted from 0 on, so that the first is an increase.
_REPEATED = ("order.created", "order.cancel_requested")


class Observer:
    """Counts orders and logs each change."""

    def __init__(self, metrics: Metrics, log: "Logger") -> None:
        self._log = log
        self._reached = metrics.counter("shop_orders", "Orders that reached a status", ["status"])
        self._amount = metrics.counter(
            "shop_order_amount_minor_units", "Amounts of the orders that reached a status", ["status", "currency"]
        )
        self._current = metrics.gauge("shop_orders_current", "Orders by status", ["status"])
        self._stuck = metrics.gauge("shop_orders_stuck", "Orders whose next step takes too long")
        self._repeated = metrics.counter("shop_order_events_repeated", "Events published again as lost", ["type"])
        self._given_up = metrics.gauge("shop_orders_given_up", "Orders whose events are not published again any more")
        for status in Status:
            self._reached.labels(status.value)
        for event_type in _REPEATED:
            self._repeated.labels(event_type)

    def on_change(self, change: Change) -> None:
        """Count and log a change that is committed."""
        order = change.order
        for entry in change.entries:
            self._reached.labels(entry.status.value).inc()
            self._log.info(f"order {entry.status.value}: {entry.what}", order_id=order.id, status=entry.status.value)
        if change.events:
            self._amount.labels(order.status.value, order.currency).inc(order.amount)
        for event_type in change.repeats:
            self._repeated.labels(event_type).inc()
        if change.repeats and order.repeats == MOST_REPEATS:
            self._log.error("order is given up: its events are not published again", order_id=order.id, step=order.step)

    def count(self, by_status: Mapping[Status, int], stuck: int, given_up: int) -> None:
        """Show how many orders there are now."""
        for status, number in by_status.items():
            self._current.labels(status.value).set(number)
        self._stuck.set(stuck)
        self._given_up.set(given_up)
