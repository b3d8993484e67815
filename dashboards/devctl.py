"""devctl itself: services it restarted, how they started, what the hub took in and passed on."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import Panels, arrange, frame
from dashboards.panels import BLUE, GREEN, RED, YELLOW, bars, listing, number, series

SPANS = "devctl_hub_spans"
RELAY = "devctl_relay"


def build() -> Dashboard:
    """Return the board."""
    return arrange(
        frame("devctl", "devctl", "What devctl does: starts, restarts, telemetry taken in and passed on."),
        *_health(),
        *_hub_now(),
        *_slowest_start(),
        "Services",
        *_services(),
        "Hub",
        *_hub(),
        "Relay",
        *_relay_connections(),
        *_relay_instances(),
        "Prometheus",
        *_prometheus(),
    )


def _health() -> Panels:
    """Return how many instances were restarted and how many are down."""
    return [
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
    ]


def _hub_now() -> Panels:
    """Return what the hub takes in, drops and holds back now."""
    return [
        number(
            "Spans taken in", "Spans a second that the hub accepted.", "ops", f"sum(rate({SPANS}_accepted_total[1m]))"
        ),
        number(
            "Spans dropped",
            "Spans that an exporter did not get.",
            "short",
            f"sum({SPANS}_dropped_total) or vector(0)",
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
    ]


def _slowest_start() -> Panels:
    """Return how long the slowest service took to start."""
    return [
        number(
            "Slowest start",
            "The service that took longest from start to ready.",
            "s",
            "max(devctl_service_start_duration_seconds)",
            (None, BLUE),
        ),
    ]


def _services() -> Panels:
    """Return how each service starts and how often it is restarted."""
    return [
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
    ]


def _hub() -> Panels:
    """Return the spans that go through the hub, on to the exporters, and wait for them."""
    return [
        series(
            "Spans",
            "Spans a second through the hub.",
            "ops",
            *(
                (f"sum(rate({SPANS}_{what}_total[$__rate_interval]))", what)
                for what in ("accepted", "stored", "evicted")
            ),
            width=8,
        ),
        series(
            "Passed on",
            "Spans a second to each exporter.",
            "ops",
            (f"sum by (exporter) (rate({SPANS}_forwarded_total[$__rate_interval]))", "{{exporter}}"),
            width=8,
        ),
        series(
            "Waiting",
            "Spans that wait for an exporter.",
            "short",
            ("sum by (exporter) (devctl_hub_queue_spans)", "{{exporter}}"),
            width=8,
        ),
    ]


def _relay_connections() -> Panels:
    """Return the connections and bytes that the relay passes on, and what it refused."""
    return [
        series(
            "Connections",
            "Connections a second to each relayed service.",
            "ops",
            (f"sum by (service) (rate({RELAY}_connections_total[$__rate_interval]))", "{{service}}"),
            width=8,
        ),
        series(
            "Bytes",
            "Bytes a second to the instances (upstream) and back.",
            "Bps",
            (
                f"sum by (service, direction) (rate({RELAY}_bytes_total[$__rate_interval]))",
                "{{service}} {{direction}}",
            ),
            width=8,
        ),
        series(
            "Refused",
            "Connections in five minutes that no instance took.",
            "short",
            (f"sum by (service) (increase({RELAY}_connections_refused_total[5m]))", "{{service}}"),
            width=8,
        ),
    ]


def _relay_instances() -> Panels:
    """Return how connections are shared out, how long drains take, and which faults are in force."""
    return [
        series(
            "Picks of each instance",
            "Connections a second that each instance was given.",
            "ops",
            (f"sum by (instance) (rate({RELAY}_picks_total[$__rate_interval]))", "{{instance}}"),
            width=8,
        ),
        series(
            "Drain time",
            "How long instances took to finish their connections before they were stopped, 95th percentile of an hour.",
            "s",
            (
                f"histogram_quantile(0.95, sum by (service, le) (increase({RELAY}_drain_seconds_bucket[1h])))",
                "{{service}}",
            ),
            width=8,
        ),
        listing(
            "Wire faults in force",
            "Faults that `devctl fault` put on a wire.",
            "short",
            (f"{RELAY}_faults", ""),
            width=8,
        ),
    ]


def _prometheus() -> Panels:
    """Return how long scrapes take and how much Prometheus holds."""
    return [
        series(
            "Scrapes",
            "How long a scrape of each service takes.",
            "s",
            ("max by (service) (scrape_duration_seconds)", "{{service}}"),
        ),
        series(
            "Series", "Series that Prometheus holds in memory.", "short", ("sum(prometheus_tsdb_head_series)", "series")
        ),
    ]
