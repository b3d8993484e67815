"""One service: its requests, its resources, its calls, its database and its outbox."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import BUDGET, FAILED, REQUESTS, arrange, frame, service_variable
from dashboards.panels import BLUE, GREEN, RED, YELLOW, heat_map, number, series


def build() -> Dashboard:
    """Return the board."""
    mine = 'service=~"$service"'
    rate = f"rate({REQUESTS}_count{{{mine}}}[$__rate_interval])"
    return arrange(
        frame("service", "Service", "One service: requests, resources, calls, database, outbox.").with_variable(
            service_variable()
        ),
        number(
            "Instances up", "Instances that Prometheus reaches.", "short", f"sum(up{{{mine}}})", (None, RED), (1, GREEN)
        ),
        number("Requests", "Requests a second.", "reqps", f"sum({rate})"),
        number(
            "Failed",
            "Share of requests that failed (5xx).",
            "percentunit",
            f"(sum(rate({REQUESTS}_count{{{mine}, {FAILED}}}[5m])) or vector(0))"
            f" / clamp_min(sum(rate({REQUESTS}_count{{{mine}}}[5m])) or vector(0), 1e-9)",
            (None, GREEN),
            (BUDGET, YELLOW),
            (10 * BUDGET, RED),
        ),
        number("In flight", "Requests in work now.", "short", f"sum(http_server_active_requests{{{mine}}})"),
        number(
            "Outbox age",
            "Age of the oldest event that is not yet published.",
            "s",
            f"max(shop_outbox_oldest_age_seconds{{{mine}}})",
            (None, GREEN),
            (5, YELLOW),
            (30, RED),
        ),
        number(
            "Up for",
            "Since the youngest instance started.",
            "s",
            f"min(time() - process_start_time_seconds{{{mine}}})",
            (None, BLUE),
        ),
        "Requests",
        series(
            "Rate by route",
            "Requests a second.",
            "reqps",
            (f"sum by (http_request_method, http_route) ({rate})", "{{http_request_method}} {{http_route}}"),
        ),
        series(
            "Rate by status",
            "Requests a second.",
            "reqps",
            (f"sum by (http_response_status_code) ({rate})", "{{http_response_status_code}}"),
            stacked=True,
        ),
        heat_map(
            "Time",
            "How long requests take. Points lead to traces.",
            "s",
            f"sum by (le) (rate({REQUESTS}_bucket{{{mine}}}[$__rate_interval]))",
        ),
        series(
            "Time by percentile",
            "Half, nineteen of twenty, and ninety-nine of a hundred are quicker.",
            "s",
            *(
                (f"histogram_quantile({q}, sum by (le) (rate({REQUESTS}_bucket{{{mine}}}[$__rate_interval])))", name)
                for q, name in ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
            ),
            exemplars=True,
        ),
        "Resources",
        series(
            "CPU",
            "Cores in use.",
            "short",
            (f"sum by (service) (rate(process_cpu_seconds_total{{{mine}}}[$__rate_interval]))", "{{service}}"),
            width=8,
        ),
        series(
            "Memory",
            "Resident memory.",
            "bytes",
            (f"sum by (service) (process_resident_memory_bytes{{{mine}}})", "{{service}}"),
            width=8,
        ),
        series(
            "Open files",
            "File descriptors in use.",
            "short",
            (f"sum by (service) (process_open_fds{{{mine}}})", "{{service}}"),
            width=8,
        ),
        series(
            "Garbage collection",
            "Collections a second, by generation.",
            "ops",
            (
                f"sum by (generation) (rate(python_gc_collections_total{{{mine}}}[$__rate_interval]))",
                "generation {{generation}}",
            ),
            width=8,
        ),
        series(
            "Database statements",
            "95th percentile of one statement.",
            "s",
            (
                "histogram_quantile(0.95, sum by (db_operation_name, le) "
                f"(rate(db_client_operation_duration_seconds_bucket{{{mine}}}[$__rate_interval])))",
                "{{db_operation_name}}",
            ),
            width=8,
        ),
        series(
            "Database connections",
            "Connections of the pool in use.",
            "short",
            (f"sum by (service) (shop_db_pool_connections_used{{{mine}}})", "{{service}}"),
            width=8,
        ),
        "Calls and events",
        series(
            "Calls to others",
            "95th percentile of calls to other services.",
            "s",
            (
                "histogram_quantile(0.95, sum by (upstream, le) "
                f"(rate(http_client_request_duration_seconds_bucket{{{mine}}}[$__rate_interval])))",
                "{{upstream}}",
            ),
            width=8,
        ),
        series(
            "Events published",
            "Events a second handed to the broker.",
            "ops",
            (f"sum by (type) (rate(shop_events_published_total{{{mine}}}[$__rate_interval]))", "{{type}}"),
            width=8,
        ),
        series(
            "Events consumed",
            "Events a second taken in.",
            "ops",
            (
                f"sum by (type, result) (rate(shop_events_consumed_total{{{mine}}}[$__rate_interval]))",
                "{{type}} {{result}}",
            ),
            width=8,
        ),
    )
