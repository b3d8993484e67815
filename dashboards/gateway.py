"""The gateway: what it refuses and repeats, whom it holds back, which versions answer, what is slow."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import FAILED, REQUESTS, Panels, arrange, frame
from dashboards.panels import GREEN, RED, YELLOW, listing, log_lines, number, series, slow_traces, to_traces

GATE = 'service="gateway"'
RATE = f"rate({REQUESTS}_count{{{GATE}}}[$__rate_interval])"
ROUTE = "{{http_request_method}} {{http_route}}"
SLOW = "100ms"
"""A trace of the gateway that takes longer is worth a look: most take a fifth of it."""


def build() -> Dashboard:
    """Return the board."""
    return arrange(
        frame("gateway", "Gateway", "The gateway: rate limits, retries, breakers, versions, slow traces."),
        *_now(),
        "Requests",
        *_requests(),
        "Protection",
        *_protection(),
        "Versions and instances",
        *_versions(),
        "Slow traces and logs",
        *_traces_and_logs(),
    )


def _now() -> Panels:
    """Return what the gateway does and refuses now."""
    return [
        number("Requests", "Requests a second.", "reqps", f"sum(rate({REQUESTS}_count{{{GATE}}}[1m]))", width=6),
        number(
            "Refused as too many",
            "Calls refused by a rate limit, in five minutes.",
            "short",
            "sum(increase(shop_gateway_rate_limited_total[5m]))",
            (None, GREEN),
            (1, YELLOW),
            width=6,
        ),
        number(
            "Sent again",
            "Calls that were sent to another instance, in five minutes.",
            "short",
            "sum(increase(shop_gateway_retries_total[5m]))",
            (None, GREEN),
            (1, YELLOW),
            width=6,
        ),
        number(
            "Breakers open",
            "Services that the gateway leaves alone for a while.",
            "short",
            f"count(shop_breaker_state{{{GATE}}} == 2) or vector(0)",
            (None, GREEN),
            (1, RED),
            width=6,
        ),
    ]


def _requests() -> Panels:
    """Return how long the requests of each route take, and which of them fail."""
    buckets = f"rate({REQUESTS}_bucket{{{GATE}}}[$__rate_interval])"
    by_route = "http_request_method, http_route"
    return [
        to_traces(
            series(
                "95th percentile by route",
                "Nineteen of twenty requests of a route are quicker. Points lead to traces.",
                "s",
                (f"histogram_quantile(0.95, sum by ({by_route}, le) ({buckets}))", ROUTE),
                exemplars=True,
            ),
            "gateway",
        ),
        to_traces(
            series(
                "Errors by route",
                "Share of the requests of a route that failed (5xx).",
                "percentunit",
                (
                    f"(sum by ({by_route}) (rate({REQUESTS}_count{{{GATE}, {FAILED}}}[$__rate_interval]))"
                    f" or 0 * sum by ({by_route}) ({RATE})) / (sum by ({by_route}) ({RATE}) > 0)",
                    ROUTE,
                ),
            ),
            "gateway",
        ),
    ]


def _protection() -> Panels:
    """Return what rate limits refuse, what is sent again, and the breakers."""
    return [
        series(
            "Rate limits",
            "Calls a second refused as too many, of one address or one user.",
            "reqps",
            ("sum by (scope) (rate(shop_gateway_rate_limited_total[$__rate_interval]))", "{{scope}}"),
            width=8,
        ),
        series(
            "Retries",
            "Calls a second that were sent again, by the service that did not answer.",
            "reqps",
            ("sum by (upstream) (rate(shop_gateway_retries_total[$__rate_interval]))", "{{upstream}}"),
            width=8,
        ),
        series(
            "Breakers",
            "State of each breaker: 0 closed, 1 half open, 2 open.",
            "short",
            (f"max by (upstream) (shop_breaker_state{{{GATE}}})", "{{upstream}}"),
            width=8,
            marks=((None, GREEN), (1, YELLOW), (2, RED)),
        ),
    ]


def _versions() -> Panels:
    """Return which version of each service answers, and how many instances are healthy."""
    return [
        series(
            "Answers by version",
            "Answers a second of each version of each service.",
            "reqps",
            (
                "sum by (upstream, version) (rate(shop_gateway_served_total[$__rate_interval]))",
                "{{upstream}} {{version}}",
            ),
            width=8,
            stacked=True,
        ),
        series(
            "Healthy instances",
            "Instances of each service that the gateway sends calls to.",
            "short",
            ("max by (upstream) (shop_gateway_instances)", "{{upstream}}"),
            width=8,
        ),
        listing(
            "Answers since the start",
            "Answers of each version, by status.",
            "short",
            ("sum by (upstream, version, http_response_status_code) (shop_gateway_served_total)", ""),
            width=8,
        ),
    ]


def _traces_and_logs() -> Panels:
    """Return the slow traces and the lines that tell of trouble."""
    return [
        slow_traces("Slow traces", f"Traces of the gateway that took longer than {SLOW}.", "gateway", SLOW),
        log_lines(
            "Warnings of the gateway",
            "Lines of level warning and above. devctl's viewer reads them from the run; Grafana needs a Loki for them.",
            '{service_name="gateway", level="warning"}',
        ),
    ]
