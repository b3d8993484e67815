"""devctl itself: services it restarted, how they started, what the hub took in and passed on."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import arrange, frame
from dashboards.panels import BLUE, GREEN, RED, YELLOW, bars, number, series


def build() -> Dashboard:
    """Return the board."""
    spans = "devctl_hub_spans"
    return arrange(
        frame("devctl", "devctl", "What devctl does: starts, restarts, telemetry taken in and passed on."),
        number(
            "Restarts",
            "Instances started again by themselves, in 15 minutes.",
            "short",
            "sum(increase(devctl_service_restarts_total[15m])) or vector(0)",
            (None, GREEN),
            (1, YELLOW),
            (5, RED),
        ),
        number(
            "Targets down",
            "Instances that Prometheus cannot reach.",
            "short",
            "count(up == 0) or vector(0)",
            (None, GREEN),
            (1, RED),
        ),
        number(
            "Spans taken in", "Spans a second that the hub accepted.", "ops", f"sum(rate({spans}_accepted_total[1m]))"
        ),
        number(
            "Spans dropped",
            "Spans that an exporter did not get.",
            "short",
            f"sum({spans}_dropped_total) or vector(0)",
            (None, GREEN),
            (1, RED),
        ),
        number(
            "Oldest in a queue",
            "Age of the oldest span that waits for an exporter.",
            "s",
            "max(devctl_hub_queue_age_seconds) or vector(0)",
            (None, GREEN),
            (10, YELLOW),
            (60, RED),
        ),
        number(
            "Slowest start",
            "The service that took longest from start to ready.",
            "s",
            "max(devctl_service_start_duration_seconds)",
            (None, BLUE),
        ),
        "Services",
        bars(
            "Start",
            "From start to ready, the last start of each instance.",
            "s",
            ("max by (service) (devctl_service_start_duration_seconds)", "{{service}}"),
        ),
        series(
            "Restarts of each service",
            "Started again by themselves, in five minutes.",
            "short",
            ("sum by (service) (increase(devctl_service_restarts_total[5m]))", "{{service}}"),
        ),
        "Hub",
        series(
            "Spans",
            "Spans a second through the hub.",
            "ops",
            *(
                (f"sum(rate({spans}_{what}_total[$__rate_interval]))", what)
                for what in ("accepted", "stored", "evicted")
            ),
            width=8,
        ),
        series(
            "Passed on",
            "Spans a second to each exporter.",
            "ops",
            (f"sum by (exporter) (rate({spans}_forwarded_total[$__rate_interval]))", "{{exporter}}"),
            width=8,
        ),
        series(
            "Waiting",
            "Spans that wait for an exporter.",
            "short",
            ("sum by (exporter) (devctl_hub_queue_spans)", "{{exporter}}"),
            width=8,
        ),
        "Prometheus",
        series(
            "Scrapes",
            "How long a scrape of each service takes.",
            "s",
            ("max by (service) (scrape_duration_seconds)", "{{service}}"),
        ),
        series(
            "Series", "Series that Prometheus holds in memory.", "short", ("sum(prometheus_tsdb_head_series)", "series")
        ),
    )
