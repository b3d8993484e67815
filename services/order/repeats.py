"""When a step of an order is tried again, and when an event that must have been lost is published again.

Pure, as the domain is.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from services.order.domain import STEP_TIMEOUT, Change, Order, Step

_LONGEST_PAUSE = timedelta(seconds=30)  # between two tries: short enough that nobody waits long after an outage
# An event that has not come after this long is lost; before, it is only late, and publishing it again would make a busy
# shop busier. Each repetition waits twice as long as the one before: a consumer that did not take the first will hardly
# take the next. The last comes three hours after the first, and then only people can help.
_EVENT_LOST_AFTER = timedelta(seconds=40)
MOST_REPEATS = 8


def postpone(order: Order, now: datetime) -> Order:
    """Try the step of this order again later, each time after a longer pause."""
    pause = min(_LONGEST_PAUSE, STEP_TIMEOUT[order.step] / 3 * 2 ** min(order.attempts, 10))
    return replace(order, due_at=now + pause, attempts=order.attempts + 1)


def is_event_lost(order: Order, now: datetime) -> bool:
    """Say whether the last event about this order must have been lost on its way, and may be published again."""
    last_published = order.repeated_at or order.updated_at
    return order.repeats < MOST_REPEATS and now - last_published >= _EVENT_LOST_AFTER * 2**order.repeats


def publish_again(order: Order, now: datetime, *, is_known: bool) -> Change:
    """Repeat what payment must have missed; `is_known` says whether it knows the order at all."""
    missed: tuple[str, ...] = () if is_known else ("order.created",)
    if order.is_cancel_requested and order.step in (Step.AWAIT_PAYMENT, Step.AWAIT_REFUND):
        missed += ("order.cancel_requested",)
    if not missed:
        return Change(order)
    return Change(replace(order, repeats=order.repeats + 1, repeated_at=now), repeats=missed)
