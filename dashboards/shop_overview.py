"""How the shop is doing: requests, errors, time; orders and money."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import BUDGET, FAILED, REQUESTS, Panels, arrange, frame
from dashboards.panels import BLUE, GREEN, RED, YELLOW, bars, number, series

RATE = f"rate({REQUESTS}_count[$__rate_interval])"
FAILED_RATE = f"rate({REQUESTS}_count{{{FAILED}}}[$__rate_interval])"
BUCKETS = f"rate({REQUESTS}_bucket[$__rate_interval])"


def build() -> Dashboard:
    """Return the board."""
    return arrange(
        frame("shop-overview", "Shop overview", "Is the shop well? Requests, errors and time; orders and money."),
        *_alarms(),
        *_gateway(),
        *_orders_now(),
        "Requests of each service",
        *_requests(),
        "Orders and money",
        *_orders_and_money(),
        *_stock_and_breakers(),
    )


def _alarms() -> Panels:
    """Return how many services are down and how many alerts fire."""
    return [
        number(
            "Services down",
            "Instances that Prometheus cannot reach.",
            "short",
            'count(up{job!="otlp"} == 0) or vector(0)',
            (None, GREEN),
            (1, RED),
        ),
        number(
            "Alerts firing",
            "Alerts of stack/prometheus/rules that fire now.",
            "short",
            'count(ALERTS{alertstate="firing"}) or vector(0)',
            (None, GREEN),
            (1, RED),
        ),
    ]


def _gateway() -> Panels:
    """Return how many requests at the gateway fail, and how long they take."""
    return [
        number(
            "Failed requests",
            "Share of requests at the gateway that failed (5xx).",
            "percentunit",
            f'(sum(rate({REQUESTS}_count{{service="gateway", {FAILED}}}[5m])) or vector(0))'
            f' / clamp_min(sum(rate({REQUESTS}_count{{service="gateway"}}[5m])) or vector(0), 1e-9)',
            (None, GREEN),
            (BUDGET, YELLOW),
            (10 * BUDGET, RED),
        ),
        number(
            "95th percentile",
            "Nineteen of twenty requests at the gateway are quicker.",
            "s",
            f'histogram_quantile(0.95, sum by (le) (rate({REQUESTS}_bucket{{service="gateway"}}[5m])))',
            (None, GREEN),
            (0.5, YELLOW),
            (1, RED),
        ),
    ]


def _orders_now() -> Panels:
    """Return how many orders are confirmed and how many are stuck."""
    return [
        number(
            "Orders a minute",
            "Orders that were confirmed in the last minute.",
            "short",
            'sum(increase(shop_orders_total{status="confirmed"}[1m]))',
            (None, BLUE),
        ),
        number(
            "Orders stuck",
            "Orders whose next step takes too long.",
            "short",
            "sum(shop_orders_stuck)",
            (None, GREEN),
            (1, RED),
        ),
    ]


def _requests() -> Panels:
    """Return the rate, errors and time of each service."""
    return [
        series("Rate", "Requests a second.", "reqps", (f"sum by (service) ({RATE})", "{{service}}"), width=8),
        series(
            "Errors",
            "Share of requests that failed (5xx).",
            "percentunit",
            (
                f"(sum by (service) ({FAILED_RATE}) or 0 * sum by (service) ({RATE}))"
                f" / clamp_min(sum by (service) ({RATE}), 1e-9)",
                "{{service}}",
            ),
            width=8,
            marks=((None, GREEN), (BUDGET, RED)),
        ),
        series(
            "Time",
            "95th percentile. Points lead to traces.",
            "s",
            (f"histogram_quantile(0.95, sum by (service, le) ({BUCKETS}))", "{{service}}"),
            width=8,
            exemplars=True,
        ),
    ]


def _orders_and_money() -> Panels:
    """Return the orders in each status and the money moved."""
    return [
        bars(
            "Orders funnel",
            "How many orders reached each status, since the services started.",
            "short",
            ("sum by (status) (shop_orders_total)", "{{status}}"),
            width=8,
        ),
        series(
            "Orders",
            "Orders a minute that reached a status.",
            "opm",
            ("sum by (status) (rate(shop_orders_total[$__rate_interval])) * 60", "{{status}}"),
            width=8,
        ),
        series(
            "Money",
            "Captured and refunded a minute, in whole units of the currency.",
            "short",
            (
                "sum by (type, currency) (rate(shop_payment_amount_minor_units_total[$__rate_interval])) * 60 / 100",
                "{{type}} {{currency}}",
            ),
            width=8,
        ),
    ]


def _stock_and_breakers() -> Panels:
    """Return the units in stock and the state of the breakers."""
    return [
        series(
            "Stock",
            "Units of all products, by state.",
            "short",
            ("sum by (state) (shop_stock_units)", "{{state}}"),
            stacked=True,
        ),
        series(
            "Breakers",
            "Circuit breakers of the gateway: 0 closed, 1 half open, 2 open.",
            "short",
            ('max by (upstream) (shop_breaker_state{service="gateway"})', "{{upstream}}"),
        ),
    ]
