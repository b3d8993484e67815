"""The worker of payment: brings charges and refunds to their end, at once when they are new and later when not."""

from typing import TYPE_CHECKING

from services.common.runtime.background import Background
from services.common.runtime.clock import Clock
from services.common.runtime.metrics import Metrics
from services.payment import handlers
from services.payment.domain import Change, Charge, ChargeStatus, RefundStatus
from services.payment.handlers import PollPolicy
from services.payment.ports import PaymentStore, Provider

if TYPE_CHECKING:
    from services.common.runtime.logs import Logger

# Each way that a charge or refund ends.
_SETTLED = (
    *(("charge", status.value) for status in ChargeStatus if status is not ChargeStatus.PENDING),
    ("refund", RefundStatus.SUCCEEDED.value),
)


class Cashier:
    """Works on the charges that have work."""

    def __init__(
        self, provider: Provider, poll_policy: PollPolicy, clock: Clock, metrics: Metrics, log: "Logger"
    ) -> None:
        self._provider, self._patience, self._clock, self._log = provider, poll_policy, clock, log
        self.background = Background("work on a charge", log, at_once=16)
        self._settled = metrics.counter(
            "shop_payments", "Charges and refunds that ended", ["type", "status"], zeros=_SETTLED
        )
        self._declines = metrics.counter(
            "shop_payment_declines",
            "Charges that the provider declined",
            ["reason"],
            zeros=[("declined",), ("rule",)],
        )
        self._amount = metrics.counter(
            "shop_payment_amount_minor_units", "Amounts captured and refunded", ["type", "currency"]
        )

    def work(self, charge: Charge, store: PaymentStore, *, is_fresh: bool = False) -> None:
        """Bring a charge to its end soon, or its refund."""
        # A refund may begin while the work on its charge is not out of the way yet.
        self.background.start(
            f"{charge.order_id} {charge.status}",
            lambda: handlers.work(
                charge,
                is_fresh=is_fresh,
                store=store,
                provider=self._provider,
                clock=self._clock,
                poll_policy=self._patience,
            ),
            order_id=charge.order_id,
        )

    async def sweep(self, store: PaymentStore) -> None:
        """Work on the charges whose work is overdue."""
        for charge in await handlers.take_due(store=store, clock=self._clock):
            self.work(charge, store)

    def on_change(self, change: Change) -> None:
        """Count and log a change that is committed."""
        charge = change.charge
        for event_type in change.events:
            self._log.info(event_type, order_id=charge.order_id, payment_id=charge.id, reason=charge.reason)
        if charge.status is ChargeStatus.DECLINED and change.events:
            self._declines.labels("declined" if charge.reason == "declined" else "rule").inc()
        if "payment.refunded" in change.events and charge.refund_status is RefundStatus.SUCCEEDED:
            self._settled.labels("refund", "succeeded").inc()
            self._amount.labels("refund", charge.currency).inc(charge.amount)
        elif change.events:
            self._settled.labels("charge", charge.status.value).inc()
            captured = charge.amount if charge.status is ChargeStatus.CAPTURED else 0
            self._amount.labels("charge", charge.currency).inc(captured)
