"""What the Kafka client reports becomes metrics that go on counting when a client is replaced."""

import json

from services.common.events.kafka_stats import ClientStats
from services.common.runtime.metrics import Metrics


def report(sent: int, received: int, *, p95: int = 2500, waiting: int = 0) -> str:
    brokers = {"a:9092/1": {"rtt": {"p95": p95}}, "GroupCoordinator": {"rtt": {"p95": 0}}}
    counts = {"tx": sent, "rx": received, "tx_bytes": sent * 100, "rx_bytes": received * 10}
    return json.dumps({**counts, "msg_cnt": waiting, "brokers": brokers})


def test_a_report_becomes_requests_bytes_round_trip_and_what_waits() -> None:
    metrics = Metrics(with_process=False)
    stats = ClientStats(metrics)

    stats.take("producer", report(3, 2, waiting=7))
    stats.take("producer", report(5, 4, p95=4000, waiting=1))

    page = metrics.page().decode()
    assert 'shop_kafka_requests_total{client="producer",direction="sent"} 5.0' in page
    assert 'shop_kafka_bytes_total{client="producer",direction="received"} 40.0' in page
    assert 'shop_kafka_round_trip_seconds{client="producer"} 0.004' in page
    assert 'shop_kafka_waiting_messages{client="producer"} 1.0' in page


def test_a_client_that_replaced_another_counts_on() -> None:
    metrics = Metrics(with_process=False)
    stats = ClientStats(metrics)

    for text in (report(5, 5), report(1, 1), report(2, 2)):
        stats.take("order", text)

    assert 'shop_kafka_requests_total{client="order",direction="sent"} 7.0' in metrics.page().decode()


def test_a_report_without_brokers_is_no_trouble() -> None:
    metrics = Metrics(with_process=False)
    ClientStats(metrics).take("order", "{}")

    assert 'shop_kafka_round_trip_seconds{client="order"} 0.0' in metrics.page().decode()
