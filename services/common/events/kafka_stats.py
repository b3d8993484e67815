"""What the Kafka client measures of the broker: requests, bytes, how long answers take, what is not sent yet."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from services.common.runtime.metrics import Metrics

INTERVAL_MS = 5000  # as often as Prometheus looks
_MICROSECONDS = 1e-6
_DIRECTIONS = {"sent": ("tx", "tx_bytes"), "received": ("rx", "rx_bytes")}


class ClientStats:
    """Publishes the statistics of the clients of one service (STATISTICS.md of librdkafka)."""

    def __init__(self, metrics: "Metrics") -> None:
        self._requests = metrics.counter(
            "shop_kafka_requests", "Requests to the broker and answers from it", ["client", "direction"]
        )
        self._bytes = metrics.counter("shop_kafka_bytes", "Bytes to the broker and from it", ["client", "direction"])
        self._round_trip = metrics.gauge(
            "shop_kafka_round_trip_seconds", "95th percentile of the time until the broker answers", ["client"]
        )
        self._waiting = metrics.gauge(
            "shop_kafka_waiting_messages", "Messages that the client has not sent", ["client"]
        )
        self._before: dict[str, dict[str, int]] = {}

    def config(self, client: str) -> dict[str, Any]:
        """Return the settings that make a client report."""
        return {"statistics.interval.ms": INTERVAL_MS, "stats_cb": lambda text: self.take(client, text)}

    def take(self, client: str, text: str) -> None:
        """Publish a report. A client that replaced another counts from 0 again."""
        report = json.loads(text)
        before = self._before.get(client, {})
        for direction, (requests, size) in _DIRECTIONS.items():
            self._requests.labels(client, direction).inc(_increase(report, before, requests))
            self._bytes.labels(client, direction).inc(_increase(report, before, size))
        self._before[client] = {name: report.get(name, 0) for names in _DIRECTIONS.values() for name in names}
        self._waiting.labels(client).set(report.get("msg_cnt", 0))
        times = [broker.get("rtt", {}).get("p95", 0) for broker in report.get("brokers", {}).values()]
        self._round_trip.labels(client).set(max(times, default=0) * _MICROSECONDS)


def _increase(report: dict[str, Any], before: dict[str, int], name: str) -> int:
    value = int(report.get(name, 0))
    last = before.get(name, 0)
    return value - last if value >= last else value
