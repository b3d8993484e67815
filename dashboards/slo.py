"""The objective (99.5 % without a server error) and how fast its budget burns."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import BUDGET, Panels, arrange, frame
from dashboards.panels import GREEN, RED, YELLOW, listing, number, series

RATIO = "service:http_server_errors:ratio_rate"


def build() -> Dashboard:
    """Return the board."""
    return arrange(
        frame("slo", "SLO", "99.5 % of requests without a server error: what is left, and how fast it burns."),
        *_budget(),
        *_burn_and_alerts(),
        "Burn rate of each service",
        *_burn_rates(),
        "Latency",
        *_latency_and_alerts(),
    )


def _budget() -> Panels:
    """Return the availability and what is left of the error budget."""
    return [
        number(
            "Availability",
            "Share of requests at the gateway that did not fail, in an hour.",
            "percentunit",
            f'1 - {RATIO}1h{{service="gateway"}}',
            (None, RED),
            (1 - BUDGET, GREEN),
            width=6,
            empty="no traffic",
        ),
        number(
            "Budget left",
            "What the last six hours left of the error budget at the gateway.",
            "percentunit",
            f'1 - {RATIO}6h{{service="gateway"}} / {BUDGET}',
            (None, RED),
            (0.25, YELLOW),
            (0.5, GREEN),
            width=6,
            empty="no traffic",
        ),
    ]


def _burn_and_alerts() -> Panels:
    """Return how fast the budget burns and how many alerts fire."""
    return [
        number(
            "Burn now",
            "How many times too fast the budget burns, over five minutes.",
            "short",
            f'{RATIO}5m{{service="gateway"}} / {BUDGET}',
            (None, GREEN),
            (6, YELLOW),
            (14.4, RED),
            width=6,
            empty="no traffic",
        ),
        number(
            "Alerts",
            "Alerts that fire now.",
            "short",
            'count(ALERTS{alertstate="firing"}) or vector(0)',
            (None, GREEN),
            (1, RED),
            width=6,
        ),
    ]


def _burn_rates() -> Panels:
    """Return the burn rate of each service in both windows."""
    return [
        series(
            "Fast window",
            "Burn over 5 minutes; 14.4 for 30 s fires.",
            "short",
            (f"{RATIO}5m / {BUDGET}", "{{service}}"),
            marks=((None, GREEN), (14.4, RED)),
        ),
        series(
            "Slow window",
            "Burn over 30 minutes; 6 for 5 minutes fires.",
            "short",
            (f"{RATIO}30m / {BUDGET}", "{{service}}"),
            marks=((None, GREEN), (6, RED)),
        ),
    ]


def _latency_and_alerts() -> Panels:
    """Return the latency of each service and the alerts that fire."""
    return [
        series(
            "95th percentile",
            "Nineteen of twenty requests are quicker; over 1 s for a minute fires.",
            "s",
            ("service:http_server_request_duration_seconds:p95_5m", "{{service}}"),
            marks=((None, GREEN), (1, RED)),
        ),
        listing(
            "Alerts firing",
            "Alerts that fire now, with what they are about.",
            "short",
            ('ALERTS{alertstate="firing"}', ""),
        ),
    ]
