"""Topics, consumers, delivery, dead letters."""

from __future__ import annotations

from grafana_foundation_sdk.builders.dashboard import Dashboard

from dashboards.frame import Panels, arrange, frame
from dashboards.panels import GREEN, RED, YELLOW, listing, number, series


def build() -> Dashboard:
    """Return the board."""
    return arrange(
        frame("kafka-events", "Kafka and events", "Do events arrive? Lag, age, rate, dead letters."),
        *_backlog(),
        *_dead_and_published(),
        *_delivery_and_outboxes(),
        "Flow",
        *_flow(),
        "Kafka itself",
        *_broker(),
        "Waiting",
        *_waiting(),
        *_partitions_and_dead_letters(),
    )


def _backlog() -> Panels:
    """Return how much waits for consumers, and how long in outboxes."""
    return [
        number(
            "Messages behind",
            "Messages that no consumer has taken in yet.",
            "short",
            "sum(shop_consumer_lag_messages) or vector(0)",
            (None, GREEN),
            (100, YELLOW),
            (1000, RED),
        ),
        number(
            "Oldest in an outbox",
            "Age of the oldest event that is not yet published.",
            "s",
            "max(shop_outbox_oldest_age_seconds)",
            (None, GREEN),
            (5, YELLOW),
            (30, RED),
        ),
    ]


def _dead_and_published() -> Panels:
    """Return how many messages were given up and how many events are published."""
    return [
        number(
            "Dead letters",
            "Messages that were given up, since the services started.",
            "short",
            "sum(shop_dead_letters_total) or vector(0)",
            (None, GREEN),
            (1, RED),
        ),
        number("Published", "Events a second.", "ops", "sum(rate(shop_events_published_total[1m])) or vector(0)"),
    ]


def _delivery_and_outboxes() -> Panels:
    """Return how long delivery takes and how much is not yet published."""
    return [
        number(
            "Delivery",
            "95th percentile from the making of an event to its effect.",
            "s",
            "histogram_quantile(0.95, sum by (le) (rate(shop_event_delivery_seconds_bucket[5m])))",
            (None, GREEN),
            (1, YELLOW),
            (5, RED),
        ),
        number(
            "In outboxes",
            "Events that are not yet published.",
            "short",
            "sum(shop_outbox_pending_events)",
            (None, GREEN),
            (100, YELLOW),
        ),
    ]


def _flow() -> Panels:
    """Return what is published, consumed and delivered over time."""
    return [
        series(
            "Published by topic",
            "Events a second handed to the broker.",
            "ops",
            ("sum by (topic) (rate(shop_events_published_total[$__rate_interval]))", "{{topic}}"),
            width=8,
        ),
        series(
            "Consumed by group",
            "Events a second taken in.",
            "ops",
            ("sum by (group, result) (rate(shop_events_consumed_total[$__rate_interval]))", "{{group}} {{result}}"),
            width=8,
        ),
        series(
            "Delivery by group",
            "95th percentile from the making of an event to its effect. Points lead to traces.",
            "s",
            (
                "histogram_quantile(0.95, sum by (group, le) "
                "(rate(shop_event_delivery_seconds_bucket[$__rate_interval])))",
                "{{group}}",
            ),
            width=8,
            exemplars=True,
        ),
    ]


def _broker() -> Panels:
    """Return what the clients measure of the broker: how much it is asked, and how quickly it answers."""
    return [
        series(
            "Requests to Kafka",
            "Requests a second of each client of each service.",
            "reqps",
            (
                'sum by (service, client) (rate(shop_kafka_requests_total{direction="sent"}[$__rate_interval]))',
                "{{service}} {{client}}",
            ),
            width=8,
        ),
        series(
            "Answers of Kafka",
            "95th percentile of the time until the broker answers a producer.",
            "s",
            ('max by (service) (shop_kafka_round_trip_seconds{client="producer"})', "{{service}}"),
            width=8,
        ),
        series(
            "Bytes to and from Kafka",
            "Bytes a second of all clients.",
            "Bps",
            ("sum by (direction) (rate(shop_kafka_bytes_total[$__rate_interval]))", "{{direction}}"),
            width=8,
        ),
    ]


def _waiting() -> Panels:
    """Return what waits for consumers and in outboxes over time."""
    return [
        series(
            "Lag",
            "Messages that a group has not taken in yet.",
            "short",
            ("sum by (group, topic) (shop_consumer_lag_messages)", "{{group}} {{topic}}"),
            width=8,
        ),
        series(
            "Outbox age",
            "Age of the oldest event that is not yet published.",
            "s",
            ("max by (service) (shop_outbox_oldest_age_seconds)", "{{service}}"),
            width=8,
            marks=((None, GREEN), (30, RED)),
        ),
        series(
            "Outbox events",
            "Events that are not yet published.",
            "short",
            ("sum by (service) (shop_outbox_pending_events)", "{{service}}"),
            width=8,
        ),
    ]


def _partitions_and_dead_letters() -> Panels:
    """Return the lag of each partition and the messages given up."""
    return [
        listing(
            "Lag by partition",
            "Messages that a group has not taken in yet.",
            "short",
            ("sum by (group, topic, partition) (shop_consumer_lag_messages)", ""),
        ),
        series(
            "Given up",
            "Messages given up in five minutes.",
            "short",
            ("sum by (topic, group) (increase(shop_dead_letters_total[5m]))", "{{group}} {{topic}}"),
        ),
    ]
