"""One service: its requests, its resources, its calls, its database and its outbox."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import BUDGET, FAILED, REQUESTS, Panels, arrange, frame, service_variable
from dashboards.panels import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    heat_map,
    listing,
    log_lines,
    number,
    series,
    to_traces,
)

ROUTE = "{{http_request_method}} {{http_route}}"
MINE = 'service=~"$service"'
RATE = f"rate({REQUESTS}_count{{{MINE}}}[$__rate_interval])"


def build() -> Dashboard:
    """Return the board."""
    return arrange(
        frame("service", "Service", "One service: requests, resources, calls, database, outbox.").with_variable(
            service_variable()
        ),
        *_instances_and_requests(),
        *_outbox_and_uptime(),
        "Requests",
        *_request_rates(),
        *_request_times(),
        *_routes(),
        "Resources",
        *_process(),
        "Python runtime",
        *_garbage_collection(),
        *_interpreter(),
        "Database",
        *_database(),
        "Calls and events",
        *_calls(),
        *_events(),
        "Logs",
        *_logs(),
    )


def _instances_and_requests() -> Panels:
    """Return the instances that are up, and their requests now."""
    return [
        number(
            "Instances up", "Instances that Prometheus reaches.", "short", f"sum(up{{{MINE}}})", (None, RED), (1, GREEN)
        ),
        number("Requests", "Requests a second.", "reqps", f"sum({RATE})"),
        number(
            "Failed",
            "Share of requests that failed (5xx).",
            "percentunit",
            f"(sum(rate({REQUESTS}_count{{{MINE}, {FAILED}}}[5m])) or vector(0))"
            f" / clamp_min(sum(rate({REQUESTS}_count{{{MINE}}}[5m])) or vector(0), 1e-9)",
            (None, GREEN),
            (BUDGET, YELLOW),
            (10 * BUDGET, RED),
        ),
        number("In flight", "Requests in work now.", "short", f"sum(http_server_active_requests{{{MINE}}})"),
    ]


def _outbox_and_uptime() -> Panels:
    """Return the age of the outbox and of the youngest instance."""
    return [
        number(
            "Outbox age",
            "Age of the oldest event that is not yet published.",
            "s",
            f"max(shop_outbox_oldest_age_seconds{{{MINE}}})",
            (None, GREEN),
            (5, YELLOW),
            (30, RED),
        ),
        number(
            "Up for",
            "Since the youngest instance started.",
            "s",
            f"min(time() - process_start_time_seconds{{{MINE}}})",
            (None, BLUE),
        ),
    ]


def _request_rates() -> Panels:
    """Return the rate of requests by route and by status."""
    return [
        series(
            "Rate by route",
            "Requests a second.",
            "reqps",
            (f"sum by (http_request_method, http_route) ({RATE})", ROUTE),
        ),
        series(
            "Rate by status",
            "Requests a second.",
            "reqps",
            (f"sum by (http_response_status_code) ({RATE})", "{{http_response_status_code}}"),
            stacked=True,
        ),
    ]


def _request_times() -> Panels:
    """Return how long requests take, as a heat map and by percentile."""
    return [
        heat_map(
            "Time",
            "How long requests take. Points lead to traces.",
            "s",
            f"sum by (le) (rate({REQUESTS}_bucket{{{MINE}}}[$__rate_interval]))",
        ),
        series(
            "Time by percentile",
            "Half, nineteen of twenty, and ninety-nine of a hundred are quicker.",
            "s",
            *(
                (f"histogram_quantile({q}, sum by (le) (rate({REQUESTS}_bucket{{{MINE}}}[$__rate_interval])))", name)
                for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
            ),
            exemplars=True,
        ),
    ]


def _routes() -> Panels:
    """Return how long the requests of each route take, and which of them fail."""
    by_route = "http_request_method, http_route"
    buckets = f"sum by ({by_route}, le) (rate({REQUESTS}_bucket{{{MINE}}}[$__rate_interval]))"
    failed = f"rate({REQUESTS}_count{{{MINE}, {FAILED}}}[$__rate_interval])"
    return [
        to_traces(
            series(
                "95th percentile by route",
                "Nineteen of twenty requests of a route are quicker. Points lead to traces.",
                "s",
                (f"histogram_quantile(0.95, {buckets})", ROUTE),
                exemplars=True,
            ),
            "$service",
        ),
        to_traces(
            series(
                "Errors by route",
                "Share of the requests of a route that failed (5xx).",
                "percentunit",
                (
                    f"(sum by ({by_route}) ({failed}) or 0 * sum by ({by_route}) ({RATE})) "
                    f"/ (sum by ({by_route}) ({RATE}) > 0)",
                    ROUTE,
                ),
            ),
            "$service",
        ),
    ]


def _process() -> Panels:
    """Return the CPU, memory and files that the processes use."""
    return [
        series(
            "CPU",
            "Cores in use.",
            "short",
            (f"sum by (service) (rate(process_cpu_seconds_total{{{MINE}}}[$__rate_interval]))", "{{service}}"),
            width=8,
        ),
        series(
            "Memory",
            "Resident memory.",
            "bytes",
            (f"sum by (service) (process_resident_memory_bytes{{{MINE}}})", "{{service}}"),
            width=8,
        ),
        series(
            "Open files",
            "File descriptors in use.",
            "short",
            (f"sum by (service) (process_open_fds{{{MINE}}})", "{{service}}"),
            width=8,
        ),
    ]


def _garbage_collection() -> Panels:
    """Return how often garbage is collected."""
    return [
        series(
            "Garbage collection",
            "Collections a second, by generation.",
            "ops",
            (
                f"sum by (generation) (rate(python_gc_collections_total{{{MINE}}}[$__rate_interval]))",
                "generation {{generation}}",
            ),
            width=8,
        ),
    ]


def _interpreter() -> Panels:
    """Return the Python that each service runs on, and what its collector could not free."""
    return [
        series(
            "Uncollectable objects",
            "Objects that the collector found and could not free, since the start.",
            "short",
            (f"sum by (service) (python_gc_objects_uncollectable_total{{{MINE}}})", "{{service}}"),
            width=8,
        ),
        listing(
            "Python",
            "The interpreter of each instance.",
            "short",
            (f"python_info{{{MINE}}}", ""),
            width=8,
        ),
    ]


def _logs() -> Panels:
    """Return the log lines that tell of trouble."""
    return [
        log_lines(
            "Errors in the logs",
            "Lines of level error. devctl's viewer reads them from the run; Grafana needs a Loki for them.",
            '{service_name=~"$service", level="error"}',
            width=24,
        )
    ]


def _database() -> Panels:
    """Return how long statements take and how many connections are in use."""
    return [
        series(
            "Database statements",
            "95th percentile of one statement.",
            "s",
            (
                "histogram_quantile(0.95, sum by (db_operation_name, le) "
                f"(rate(db_client_operation_duration_seconds_bucket{{{MINE}}}[$__rate_interval])))",
                "{{db_operation_name}}",
            ),
            width=8,
        ),
        series(
            "Database connections",
            "Connections of the pool in use.",
            "short",
            (f"sum by (service) (shop_db_pool_connections_used{{{MINE}}})", "{{service}}"),
            width=8,
        ),
    ]


def _calls() -> Panels:
    """Return how long calls to other services take."""
    return [
        series(
            "Calls to others",
            "95th percentile of calls to other services.",
            "s",
            (
                "histogram_quantile(0.95, sum by (upstream, le) "
                f"(rate(http_client_request_duration_seconds_bucket{{{MINE}}}[$__rate_interval])))",
                "{{upstream}}",
            ),
            width=8,
        ),
    ]


def _events() -> Panels:
    """Return the events published and consumed."""
    return [
        series(
            "Events published",
            "Events a second handed to the broker.",
            "ops",
            (f"sum by (type) (rate(shop_events_published_total{{{MINE}}}[$__rate_interval]))", "{{type}}"),
            width=8,
        ),
        series(
            "Events consumed",
            "Events a second taken in.",
            "ops",
            (
                f"sum by (type, result) (rate(shop_events_consumed_total{{{MINE}}}[$__rate_interval]))",
                "{{type}} {{result}}",
            ),
            width=8,
        ),
    ]
