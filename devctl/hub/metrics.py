"""What services send as OTLP metrics, kept as the latest value of each series and shown as Prometheus text.

Prometheus scrapes them here, so that every Prometheus will do, with or without an OTLP receiver. Names follow
the OpenTelemetry specification's "Prometheus and OpenMetrics compatibility": dots become underscores, units
and `_total` are appended, `service.name` and `service.instance.id` become `job` and `instance`.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from devctl.record.spans import attributes, text_of

_MOST_SERIES = 50_000
_STALE_SECONDS = 300.0
_DELTA = 1  # AGGREGATION_TEMPORALITY_DELTA
_UNITS = {"s": "seconds", "ms": "milliseconds", "By": "bytes", "1": "ratio", "%": "percent"}

_RESERVED = frozenset({"job", "instance", "le", "quantile"})

Labels = tuple[tuple[str, str], ...]


@dataclass(slots=True)
class _Series:
    """The samples of one series by name suffix and extra label, such as ("_bucket", ("le", "0.5"))."""

    samples: dict[tuple[str, Labels], float] = field(default_factory=dict)
    seen: float = 0.0


@dataclass(slots=True)
class _Family:
    kind: str
    help: str
    series: dict[Labels, _Series] = field(default_factory=dict)


class Metrics:
    """The latest metrics of all services."""

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}

    def add(self, groups: Iterable[Any]) -> None:
        """Take in repeated ResourceMetrics."""
        for group in groups:
            resource = attributes(group.resource.attributes)
            origin = (
                ("instance", text_of(resource.get("service.instance.id", ""))),
                ("job", text_of(resource.get("service.name", "unknown_service"))),
            )
            for scoped in group.scope_metrics:
                for metric in scoped.metrics:
                    self._take(metric, origin)
        self._forget_stale()

    def _take(self, metric: Any, origin: Labels) -> None:
        shape = metric.WhichOneof("data")
        if shape in ("gauge", "sum"):
            self._take_numbers(metric, getattr(metric, shape), origin)
        elif shape == "histogram":
            self._take_histogram(metric, origin)
        elif shape == "exponential_histogram":
            self._take_exponential(metric, origin)
        elif shape == "summary":
            self._take_summary(metric, origin)

    def _take_numbers(self, metric: Any, numbers: Any, origin: Labels) -> None:
        is_sum = metric.WhichOneof("data") == "sum"
        kind = "counter" if is_sum and numbers.is_monotonic else "gauge"
        is_delta = is_sum and numbers.aggregation_temporality == _DELTA
        for point in numbers.data_points:
            value = point.as_double if point.WhichOneof("value") == "as_double" else point.as_int
            self._put(metric, kind, point, origin, {("", ()): float(value)}, is_delta=is_delta)

    def _take_histogram(self, metric: Any, origin: Labels) -> None:
        is_delta = metric.histogram.aggregation_temporality == _DELTA
        for point in metric.histogram.data_points:
            buckets = zip(point.explicit_bounds, point.bucket_counts, strict=False)
            self._put(metric, "histogram", point, origin, _histogram(point, buckets), is_delta=is_delta)

    def _take_exponential(self, metric: Any, origin: Labels) -> None:
        """Turn buckets that grow by 2 ** 2 ** -scale into ones with bounds (OpenTelemetry metrics data model)."""
        is_delta = metric.exponential_histogram.aggregation_temporality == _DELTA
        for point in metric.exponential_histogram.data_points:
            base = 2.0 ** (2.0 ** -max(min(point.scale, 20), -10))
            negative = sum(point.negative.bucket_counts)
            buckets = [(point.zero_threshold, point.zero_count + negative)]
            for index, count in enumerate(point.positive.bucket_counts, point.positive.offset + 1):
                with contextlib.suppress(OverflowError):  # beyond every float: part of +Inf alone
                    buckets.append((base**index, count))
            self._put(metric, "histogram", point, origin, _histogram(point, buckets), is_delta=is_delta)

    def _take_summary(self, metric: Any, origin: Labels) -> None:
        for point in metric.summary.data_points:
            samples: dict[tuple[str, Labels], float] = {("_sum", ()): point.sum, ("_count", ()): float(point.count)}
            samples |= {("", (("quantile", str(q.quantile)),)): q.value for q in point.quantile_values}
            self._put(metric, "summary", point, origin, samples, is_delta=False)

    def _put(
        self,
        metric: Any,
        kind: str,
        point: Any,
        origin: Labels,
        samples: dict[tuple[str, Labels], float],
        *,
        is_delta: bool,
    ) -> None:
        family = self._families.setdefault(_name(metric.name, metric.unit, kind), _Family(kind, metric.description))
        labels = _labels(attributes(point.attributes), origin)
        series = family.series.get(labels)
        if series is None:
            if sum(len(known.series) for known in self._families.values()) >= _MOST_SERIES:
                return
            series = family.series[labels] = _Series()
        series.seen = time.monotonic()
        for key, value in samples.items():
            series.samples[key] = series.samples.get(key, 0.0) + value if is_delta else value

    def _forget_stale(self) -> None:
        oldest = time.monotonic() - _STALE_SECONDS
        for family in self._families.values():
            for labels in [labels for labels, series in family.series.items() if series.seen < oldest]:
                del family.series[labels]

    def exposition(self) -> str:
        """Return everything in Prometheus' text format."""
        return "".join(line for name, family in sorted(self._families.items()) for line in _lines(name, family))


def _lines(name: str, family: _Family) -> Iterator[str]:
    if not family.series:
        return
    yield f"# HELP {name} {_escaped(family.help)}\n# TYPE {name} {family.kind}\n"
    for labels, series in family.series.items():
        for (suffix, extra), value in series.samples.items():
            yield sample(name + suffix, (*labels, *extra), value)


def sample(name: str, labels: Labels, value: float) -> str:
    """Return one line of Prometheus' text format."""
    inner = ",".join(f'{key}="{_escaped(text, quotes=True)}"' for key, text in labels if text)
    return f"{name}{{{inner}}} {_number(value)}\n" if inner else f"{name} {_number(value)}\n"


def _number(value: float) -> str:
    if value != value or abs(value) == float("inf"):
        return {True: "+Inf", False: "-Inf"}[value > 0] if value == value else "NaN"
    return str(int(value)) if value == int(value) else repr(value)


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n")
    return text.replace('"', '\\"') if quotes else text


def _name(name: str, unit: str, kind: str) -> str:
    base = re.sub(r"[^a-zA-Z0-9_:]+", "_", name).strip("_") or "unnamed"
    if base[0].isdigit():
        base = f"_{base}"
    suffix = _UNITS.get(unit, re.sub(r"\{.*?\}|\W+", "", unit))
    if unit == "1" and kind != "gauge":  # a ratio is a gauge; a count of things has no unit
        suffix = ""
    if suffix and not base.endswith(f"_{suffix}"):
        base = f"{base}_{suffix}"
    if kind == "counter" and not base.endswith("_total"):
        base = f"{base}_total"
    return base


def _histogram(point: Any, buckets: Iterable[tuple[float, int]]) -> dict[tuple[str, Labels], float]:
    """Return the samples of a histogram: cumulative buckets, sum and count."""
    samples: dict[tuple[str, Labels], float] = {}
    total = 0
    for bound, count in buckets:
        total += count
        samples["_bucket", (("le", str(bound)),)] = float(total)
    samples["_bucket", (("le", "+Inf"),)] = float(point.count)
    samples["_sum", ()] = point.sum
    samples["_count", ()] = float(point.count)
    return samples


def _labels(found: Mapping[str, Any], origin: Labels) -> Labels:
    """Return labels of which no two have one name: a scrape with a double would be refused as a whole."""
    labels: dict[str, str] = {}
    for key, value in sorted(found.items()):
        name = _label(key)
        labels[name] = f"{labels[name]};{text_of(value)}" if name in labels else text_of(value)
    return tuple(sorted((labels | dict(origin)).items()))


def _label(key: str) -> str:
    name = re.sub(r"[^a-zA-Z0-9_]", "_", key).lstrip("_") or "key"
    if name in _RESERVED:
        return f"exported_{name}"
    return f"key_{name}" if name[0].isdigit() else name
