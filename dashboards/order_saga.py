"""An order's way: statuses, payment, stock, messages."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import Panels, arrange, frame
from dashboards.panels import GREEN, RED, YELLOW, number, series


def build() -> Dashboard:
    """Return the board."""
    return arrange(
        frame("order-saga", "Order saga", "Do orders reach their end? Statuses, payment, stock, messages."),
        *_open_orders(),
        *_closed_orders(),
        *_declined_share(),
        "Orders",
        *_orders(),
        "What the others do",
        *_payments_and_reservations(),
        *_messages_and_money(),
    )


def _open_orders() -> Panels:
    """Return how many orders are stuck and how many in progress."""
    return [
        number(
            "Orders stuck",
            "Orders whose next step takes too long.",
            "short",
            "sum(shop_orders_stuck)",
            (None, GREEN),
            (1, RED),
        ),
        number(
            "In progress",
            "Orders that wait for their payment.",
            "short",
            'sum(shop_orders_current{status=~"pending|paid"})',
        ),
    ]


def _closed_orders() -> Panels:
    """Return how many orders were confirmed, rejected and taken back."""
    return [
        number(
            "Confirmed",
            "Orders that were paid and confirmed.",
            "short",
            'sum(shop_orders_total{status="confirmed"})',
            (None, GREEN),
        ),
        number(
            "Rejected",
            "Orders whose payment was declined.",
            "short",
            'sum(shop_orders_total{status="rejected"})',
            (None, YELLOW),
        ),
        number(
            "Cancelled or refunded",
            "Orders that were taken back.",
            "short",
            'sum(shop_orders_total{status=~"cancelled|refunded"})',
            (None, YELLOW),
        ),
    ]


def _declined_share() -> Panels:
    """Return the share of charges that the provider declined."""
    return [
        number(
            "Declined",
            "Share of charges that the provider declined, in 15 minutes.",
            "percentunit",
            '(sum(increase(shop_payments_total{type="charge", status="declined"}[15m])) or vector(0))'
            ' / clamp_min(sum(increase(shop_payments_total{type="charge"}[15m])) or vector(0), 1e-9)',
            (None, GREEN),
            (0.2, YELLOW),
        ),
    ]


def _orders() -> Panels:
    """Return the orders in each status and how many reach it."""
    return [
        series(
            "Orders by status",
            "Orders now.",
            "short",
            ("sum by (status) (shop_orders_current)", "{{status}}"),
            stacked=True,
        ),
        series(
            "Changes",
            "Orders a minute that reached a status.",
            "opm",
            ("sum by (status) (rate(shop_orders_total[$__rate_interval])) * 60", "{{status}}"),
        ),
    ]


def _payments_and_reservations() -> Panels:
    """Return what became of payments and reservations."""
    return [
        series(
            "Payments",
            "Charges and refunds a minute that ended.",
            "opm",
            ("sum by (type, status) (rate(shop_payments_total[$__rate_interval])) * 60", "{{type}} {{status}}"),
            width=8,
        ),
        series(
            "Declines",
            "Declined charges a minute, by reason.",
            "opm",
            ("sum by (reason) (rate(shop_payment_declines_total[$__rate_interval])) * 60", "{{reason}}"),
            width=8,
        ),
        series(
            "Reservations",
            "What became of reservations, a minute.",
            "opm",
            ("sum by (result) (rate(shop_reservations_total[$__rate_interval])) * 60", "{{result}}"),
            width=8,
        ),
    ]


def _messages_and_money() -> Panels:
    """Return the messages tried, the balances and the value of orders."""
    return [
        series(
            "Messages",
            "Tries to send a message, a minute.",
            "opm",
            ("sum by (type, result) (rate(shop_notifications_total[$__rate_interval])) * 60", "{{type}} {{result}}"),
            width=8,
        ),
        series(
            "Ledger",
            "Balance of each account, in whole units of the currency.",
            "short",
            ("sum by (account) (shop_ledger_balance_minor_units) / 100", "{{account}}"),
            width=8,
        ),
        series(
            "Amounts",
            "Value of the orders that reached a status, a minute.",
            "short",
            (
                "sum by (status, currency) (rate(shop_order_amount_minor_units_total[$__rate_interval])) * 60 / 100",
                "{{status}} {{currency}}",
            ),
            width=8,
        ),
    ]
