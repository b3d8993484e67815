"""The routes of payment: one's own charges and refunds, and what the order service may ask."""

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query
from opentelemetry import trace

from services.common.http.auth import Service, User
from services.common.http.problems import ProblemError
from services.common.http.schemas import Answer, Moment
from services.common.runtime.ids import Identifier
from services.payment.adapters import SqlPayments
from services.payment.domain import Charge, ChargeStatus, RefundStatus


class PaymentView(Answer):
    """A charge or a refund; `amount` is in minor units of `currency`."""

    id: str
    order_id: str
    type: Literal["charge", "refund"]
    status: str
    amount: int
    currency: str
    reason: str | None
    created_at: Moment
    updated_at: Moment


class PaymentList(Answer):
    """Charges and refunds, the newest order first."""

    items: list[PaymentView]


class ChargeView(Answer):
    """The state of the charge of an order, for the order service."""

    id: str
    order_id: str
    status: ChargeStatus
    refund_status: RefundStatus | None
    reason: str | None
    amount: int
    currency: str


class Balance(Answer):
    """The balance of each account, in minor units; all accounts add up to zero."""

    accounts: dict[str, int]
    total: int


def routes(store: SqlPayments) -> APIRouter:
    """Return the routes of payment."""
    router = APIRouter(tags=["payments"])

    @router.get("/api/v1/payments", operation_id="list_payments")
    async def list_payments(
        caller: User,
        order_id: Annotated[Identifier | None, Query(alias="orderId")] = None,
        limit: Annotated[int, Query(ge=1, le=200)] = 100,
    ) -> PaymentList:
        """List one's own charges and refunds, of one order or of all."""
        charges = await store.of_user(caller.user_id, order_id, limit)
        return PaymentList(items=[view for charge in charges for view in _views(charge)])

    @router.get("/charges/{order_id}", operation_id="get_charge")
    async def get_charge(order_id: Identifier, _: Service) -> ChargeView:
        """Return the state of the charge of an order."""
        trace.get_current_span().set_attribute("shop.order.id", order_id)
        charge = await store.find(order_id)
        if charge is None:
            raise ProblemError(404, "not_found", "There is no charge for this order")
        return ChargeView(
            id=charge.id,
            order_id=charge.order_id,
            status=charge.status,
            refund_status=charge.refund_status,
            reason=charge.reason,
            amount=charge.amount,
            currency=charge.currency,
        )

    @router.get("/ledger/balance", operation_id="get_balance")
    async def get_balance(_: Service) -> Balance:
        """Return the balance of each account."""
        balances = await store.balances()
        accounts = {account.value: amount for account, amount in balances.items()}
        return Balance(accounts=accounts, total=sum(balances.values()))

    return router


def _views(charge: Charge) -> Sequence[PaymentView]:
    views = [_view(charge, charge.id, "charge", charge.status.value)]
    if charge.refund_id is not None and charge.refund_status is not None:
        views.append(_view(charge, charge.refund_id, "refund", charge.refund_status.value))
    return views


def _view(charge: Charge, payment_id: str, kind: Literal["charge", "refund"], status: str) -> PaymentView:
    return PaymentView(
        id=payment_id,
        order_id=charge.order_id,
        type=kind,
        status=status,
        amount=charge.amount,
        currency=charge.currency,
        reason=charge.reason,
        created_at=charge.created_at,
        updated_at=charge.updated_at,
    )
