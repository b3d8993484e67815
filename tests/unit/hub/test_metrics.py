"""OTLP metrics as Prometheus text."""

import math
import re
from typing import Any

import pytest
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


def test_attributes_cannot_make_a_label_twice_or_emulator_for_a_reserved_one() -> None:
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


def _exponential(*, scale: int, offset: int, counts: list[int], zero_threshold: float = 0.0) -> str:
    group = _group(name="wait")
    point = group.scope_metrics[0].metrics[0].exponential_histogram.data_points.add(count=sum(counts))
    point.scale, point.zero_threshold, point.positive.offset = scale, zero_threshold, offset
    point.positive.bucket_counts.extend(counts)
    metrics = Metrics()
    assert metrics.add([group]) == 0
    return metrics.exposition()


@pytest.mark.parametrize("offset", [0, -1, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("scale", [-(2**31), -11, -10, 0, 20, 21, 2**31 - 1])
def test_an_exponential_histogram_may_have_any_scale_and_offset(scale: int, offset: int) -> None:
    text = _exponential(scale=scale, offset=offset, counts=[1, 2])
    assert 'wait_bucket{job="shop",le="+Inf"} 3\n' in text
    assert "nan" not in text


def test_the_bounds_of_an_exponential_histogram_follow_its_scale() -> None:
    assert 'le="1.0"} 2\n' in _exponential(scale=-10, offset=-1, counts=[2, 1])
    assert f'le="{2.0**0.25}"}} 2\n' in _exponential(scale=2, offset=0, counts=[2, 1])


def _bounds(text: str) -> list[tuple[float, float]]:
    bounds = re.findall(r'_bucket\{.*le="([^"]+)"\} (\S+)', text)
    return [(float(bound), float(count)) for bound, count in bounds]


@pytest.mark.parametrize("threshold", [0.0, 3.0, 1e300, math.nan, math.inf, -1.0])
def test_buckets_have_rising_bounds_each_once_whatever_is_sent(threshold: float) -> None:
    exponential = _bounds(_exponential(scale=0, offset=-1, counts=[1, 1, 1], zero_threshold=threshold))
    group = _group(name="plain")
    point = group.scope_metrics[0].metrics[0].histogram.data_points.add(count=3)
    point.explicit_bounds.extend([math.nan, 5.0, threshold, 5.0, math.inf])
    point.bucket_counts.extend([1, 0, 1, 0, 1])
    metrics = Metrics()
    metrics.add([group])
    for buckets in (exponential, _bounds(metrics.exposition())):
        assert [bound for bound, _ in buckets] == sorted({bound for bound, _ in buckets})
        assert [count for _, count in buckets] == sorted(count for _, count in buckets)
        assert buckets[-1] == (math.inf, 3)


def test_points_beyond_the_bound_of_series_are_counted_as_rejected() -> None:
    group = _group(name="x")
    for number in range(5):
        point = group.scope_metrics[0].metrics[0].gauge.data_points.add(as_int=number)
        point.attributes.add(key="n").value.int_value = number
    assert Metrics(most_series=3).add([group]) == 2


def test_a_point_without_a_recorded_value_ends_its_series() -> None:
    group = _group(name="x")
    point = group.scope_metrics[0].metrics[0].gauge.data_points.add(as_int=7)
    metrics = Metrics()
    metrics.add([group])
    point.ClearField("as_int")
    point.flags = 1
    metrics.add([group])
    assert metrics.exposition() == ""


def test_an_empty_attribute_is_no_label_so_that_no_series_stands_twice() -> None:
    group = _group(name="x")
    data = group.scope_metrics[0].metrics[0].gauge
    data.data_points.add(as_int=1)
    data.data_points.add(as_int=2).attributes.add(key="a").value.string_value = ""
    metrics = Metrics()
    metrics.add([group])
    assert metrics.exposition().count('x{job="shop"}') == 1


def test_no_text_holds_the_byte_at_which_prometheus_ends_reading() -> None:
    group = _group(name="x", description="a\0b")
    point = group.scope_metrics[0].metrics[0].gauge.data_points.add(as_int=1)
    point.attributes.add(key="k").value.string_value = "a\0b"
    metrics = Metrics()
    metrics.add([group])
    assert "\0" not in metrics.exposition()


@pytest.mark.parametrize("unit", ["größe", "\u2028", "{x", "°C", "a b"])
def test_a_unit_makes_no_name_that_prometheus_refuses(unit: str) -> None:
    group = _group(name="x", unit=unit)
    group.scope_metrics[0].metrics[0].gauge.data_points.add(as_int=1)
    metrics = Metrics()
    metrics.add([group])
    assert re.fullmatch(r"[a-zA-Z_:][a-zA-Z0-9_:]*", metrics.exposition().split()[2])


TRACE, SPAN = bytes(range(16)), bytes(range(8))


def _measured(point: Any, *values: float, trace: bytes = TRACE) -> None:
    for second, value in enumerate(values, 1):
        point.exemplars.add(as_double=value, time_unix_nano=second * 10**9, trace_id=trace, span_id=SPAN)


def _as_open_metrics(*groups: ResourceMetrics) -> str:
    metrics = Metrics()
    for group in groups:
        metrics.add([group])
    return metrics.open_metrics()


def test_a_bucket_keeps_the_newest_trace_that_was_measured_in_it() -> None:
    group = _group(name="request.duration", unit="s")
    point = group.scope_metrics[0].metrics[0].histogram.data_points.add(sum=1.5, count=3)
    point.explicit_bounds.extend([0.1, 1.0])
    point.bucket_counts.extend([1, 1, 1])
    _measured(point, 0.7, 0.5, 9.0)

    text = _as_open_metrics(group)

    marked = f'# {{trace_id="{TRACE.hex()}",span_id="{SPAN.hex()}"}}'
    assert f'_bucket{{job="shop",le="1.0"}} 2 {marked} 0.5 2.000\n' in text
    assert f'_bucket{{job="shop",le="+Inf"}} 3 {marked} 9.0 3.000\n' in text
    assert 'le="0.1"} 1\n' in text
    assert text.endswith("# EOF\n")


def test_a_counter_keeps_its_exemplar_over_reports_that_have_none() -> None:
    with_trace = _counter(3, AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE)
    _measured(with_trace.scope_metrics[0].metrics[0].sum.data_points[0], 1.0)

    text = _as_open_metrics(with_trace, _counter(4, AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE))

    assert "# TYPE orders_placed counter\n" in text
    assert 'orders_placed_total{job="shop",state="a\\"b"} 4 # {trace_id=' in text


def test_what_is_no_trace_is_no_exemplar_and_gauges_have_none() -> None:
    counter = _counter(3, AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE)
    point = counter.scope_metrics[0].metrics[0].sum.data_points[0]
    _measured(point, 1.0, trace=b"\0" * 16)
    _measured(point, 1.0, trace=b"short")
    _measured(point, math.nan, math.inf)
    gauge = _group(name="level")
    _measured(gauge.scope_metrics[0].metrics[0].gauge.data_points.add(as_double=2.0), 2.0)

    assert "trace_id" not in _as_open_metrics(counter, gauge)


def test_what_is_shown_as_open_metrics_is_read_by_a_parser_that_is_not_ours() -> None:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    histogram = _group(name="request.duration", unit="s")
    point = histogram.scope_metrics[0].metrics[0].histogram.data_points.add(sum=0.05, count=1)
    point.explicit_bounds.extend([0.1])
    point.bucket_counts.extend([1, 0])
    _measured(point, 0.05)
    text = _as_open_metrics(histogram, _counter(3, AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE))

    families = {family.name: family for family in text_string_to_metric_families(text)}

    assert families["orders_placed"].samples[0].value == 3
    assert families["request_duration_seconds"].samples[0].exemplar.labels["trace_id"] == TRACE.hex()
