"""An order's way: statuses, payment, stock, messages."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import arrange, frame
from dashboards.panels import GREEN, RED, YELLOW, number, series


def build() -> Dashboard:
    """Return the board."""
    return arrange(
        frame("order-saga", "Order saga", "Do orders reach their end? Statuses, payment, stock, messages."),
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
        number(
            "Declined",
            "Share of charges that the provider declined, in 15 minutes.",
            "percentunit",
            '(sum(increase(shop_payments_total{type="charge", status="declined"}[15m])) or vector(0))'
            ' / clamp_min(sum(increase(shop_payments_total{type="charge"}[15m])) or vector(0), 1e-9)',
            (None, GREEN),
            (0.2, YELLOW),
        ),
        "Orders",
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
        "What the others do",
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
    )
