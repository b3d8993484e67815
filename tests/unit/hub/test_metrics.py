"""OTLP metrics as Prometheus text."""

from typing import Any

from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, ResourceMetrics

from devctl.hub.metrics import Metrics


def _group(**metric: Any) -> ResourceMetrics:
    group = ResourceMetrics()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    group.scope_metrics.add().metrics.add(**metric)
    return group


def _counter(value: int, temporality: int) -> ResourceMetrics:
    group = _group(name="orders.placed", unit="{order}")
    data = group.scope_metrics[0].metrics[0].sum
    data.is_monotonic = True
    data.aggregation_temporality = temporality  # type: ignore[assignment]
    point = data.data_points.add(as_int=value)
    point.attributes.add(key="state").value.string_value = 'a"b'
    return group


def test_a_counter_gets_its_suffix_and_its_labels_are_escaped() -> None:
    metrics = Metrics()
    metrics.add([_counter(3, AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE)])
    assert 'orders_placed_total{job="shop",state="a\\"b"} 3\n' in metrics.exposition()


def test_deltas_add_up_and_cumulative_values_replace() -> None:
    deltas, totals = Metrics(), Metrics()
    for _ in range(2):
        deltas.add([_counter(3, AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA)])
        totals.add([_counter(3, AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE)])
    assert deltas.exposition().endswith(" 6\n")
    assert totals.exposition().endswith(" 3\n")


def test_a_histogram_has_cumulative_buckets_sum_and_count() -> None:
    group = _group(name="request.duration", unit="s")
    point = group.scope_metrics[0].metrics[0].histogram.data_points.add(sum=1.5, count=3)
    point.explicit_bounds.extend([0.1, 1.0])
    point.bucket_counts.extend([1, 1, 1])
    metrics = Metrics()
    metrics.add([group])
    text = metrics.exposition()
    assert 'request_duration_seconds_bucket{job="shop",le="1.0"} 2\n' in text
    assert 'request_duration_seconds_bucket{job="shop",le="+Inf"} 3\n' in text
    assert 'request_duration_seconds_count{job="shop"} 3\n' in text


def test_an_exponential_histogram_becomes_one_with_bounds() -> None:
    group = _group(name="wait", unit="s")
    point = group.scope_metrics[0].metrics[0].exponential_histogram.data_points.add(sum=9.0, count=6, zero_count=1)
    point.scale, point.positive.offset = 0, 0
    point.positive.bucket_counts.extend([2, 3])
    metrics = Metrics()
    metrics.add([group])
    text = metrics.exposition()
    counts = [("0.0", 1), ("2.0", 3), ("4.0", 6), ("+Inf", 6)]
    assert all(f'wait_seconds_bucket{{job="shop",le="{bound}"}} {count}\n' in text for bound, count in counts)


def test_a_summary_keeps_its_quantiles() -> None:
    group = _group(name="wait", unit="s")
    point = group.scope_metrics[0].metrics[0].summary.data_points.add(sum=9.0, count=6)
    point.quantile_values.add(quantile=0.5, value=1.5)
    metrics = Metrics()
    metrics.add([group])
    assert 'wait_seconds{job="shop",quantile="0.5"} 1.5\n' in metrics.exposition()


def test_attributes_cannot_make_a_label_twice_or_stand_in_for_a_reserved_one() -> None:
    group = _group(name="x")
    point = group.scope_metrics[0].metrics[0].gauge.data_points.add(as_int=1)
    for key in ("a.b", "a_b", "job", "__name__", "1st", "le", ""):
        point.attributes.add(key=key).value.string_value = f"v{key}"
    metrics = Metrics()
    metrics.add([group])
    labels = (
        'a_b="va.b;va_b",exported_job="vjob",exported_le="vle",job="shop",key="v",key_1st="v1st",name__="v__name__"'
    )
    assert f"x{{{labels}}} 1\n" in metrics.exposition()
