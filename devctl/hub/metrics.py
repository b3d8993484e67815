"""What services send as OTLP metrics, kept as the latest value of each series and shown as Prometheus text.

Prometheus scrapes them here, so that every Prometheus will do, with or without an OTLP receiver. Names follow
the OpenTelemetry specification's "Prometheus and OpenMetrics compatibility": dots become underscores, units
and `_total` are appended, `service.name` and `service.instance.id` become `job` and `instance`.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from devctl.hub.exemplars import Exemplar, Key, Labels, placed
from devctl.record.spans import attributes, text_of

_MOST_SERIES = 50_000
_STALE_SECONDS = 300.0
_DELTA = 1  # AGGREGATION_TEMPORALITY_DELTA
_NO_VALUE = 1  # DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
_UNITS = {"s": "seconds", "ms": "milliseconds", "By": "bytes", "1": "ratio", "%": "percent"}

_RESERVED = frozenset({"job", "instance", "le", "quantile"})

_Samples = dict[Key, float]
"""By name suffix and extra label, such as ("_bucket", ("le", "0.5"))."""


@dataclass(slots=True)
class _Series:
    samples: _Samples = field(default_factory=dict)
    exemplars: dict[Key, Exemplar] = field(default_factory=dict)
    seen: float = 0.0


@dataclass(slots=True)
class _Family:
    kind: str
    help: str
    series: dict[Labels, _Series] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One data point and the samples that it becomes."""

    point: Any
    kind: str
    samples: _Samples
    is_delta: bool = False


class Metrics:
    """The latest metrics of all services; at most `most_series` series."""

    def __init__(self, most_series: int = _MOST_SERIES) -> None:
        self._most_series = most_series
        self._families: dict[str, _Family] = {}

    def add(self, groups: Iterable[Any]) -> int:
        """Add repeated ResourceMetrics; return how many data points there was no room for."""
        rejected = 0
        for group in groups:
            resource = attributes(group.resource.attributes)
            origin = (
                ("instance", text_of(resource.get("service.instance.id", ""))),
                ("job", text_of(resource.get("service.name", "unknown_service"))),
            )
            for scoped in group.scope_metrics:
                for metric in scoped.metrics:
                    rejected += sum(not self._put(metric, reading, origin) for reading in _readings(metric))
        self._forget_stale()
        return rejected

    def _put(self, metric: Any, reading: _Reading, origin: Labels) -> bool:
        """Keep a reading; False when there is no room for one more series."""
        kind = reading.kind
        family = self._families.setdefault(_name(metric.name, metric.unit, kind), _Family(kind, metric.description))
        labels = _labels(attributes(reading.point.attributes), origin)
        if reading.point.flags & _NO_VALUE:
            family.series.pop(labels, None)
            return True
        series = family.series.get(labels)
        if series is None:
            if sum(len(each.series) for each in self._families.values()) >= self._most_series:
                return False
            series = family.series[labels] = _Series()
        series.seen = time.monotonic()
        series.exemplars |= placed(reading.point, kind, reading.samples)
        if not reading.is_delta:
            series.samples = reading.samples
            return True
        for key, value in reading.samples.items():
            series.samples[key] = series.samples.get(key, 0.0) + value
        return True

    def _forget_stale(self) -> None:
        oldest = time.monotonic() - _STALE_SECONDS
        for family in self._families.values():
            for labels in [labels for labels, series in family.series.items() if series.seen < oldest]:
                del family.series[labels]

    def exposition(self) -> str:
        """Return everything in Prometheus' text format."""
        return "".join(line for name, family in sorted(self._families.items()) for line in _lines(name, family))

    def open_metrics(self) -> str:
        """Return everything as OpenMetrics, which has exemplars."""
        families = sorted(self._families.items())
        return "".join(line for name, family in families for line in _open_lines(name, family)) + "# EOF\n"


def _readings(metric: Any) -> Iterator[_Reading]:
    shape = metric.WhichOneof("data")
    if shape is None:
        return
    data = getattr(metric, shape)
    is_delta = shape not in ("gauge", "summary") and data.aggregation_temporality == _DELTA
    kind, samples = {
        "gauge": ("gauge", _number_samples),
        "sum": ("counter" if shape == "sum" and data.is_monotonic else "gauge", _number_samples),
        "histogram": ("histogram", _histogram_samples),
        "exponential_histogram": ("histogram", _exponential_samples),
        "summary": ("summary", _summary_samples),
    }[shape]
    for point in data.data_points:
        yield _Reading(point, kind, samples(point), is_delta)


def _number_samples(point: Any) -> _Samples:
    value = point.as_double if point.WhichOneof("value") == "as_double" else point.as_int
    return {("", ()): float(value)}


def _histogram_samples(point: Any) -> _Samples:
    return _histogram(point, zip(point.explicit_bounds, point.bucket_counts, strict=False))


def _exponential_samples(point: Any) -> _Samples:
    """Turn buckets that grow by 2 ** 2 ** -scale into ones with bounds (OpenTelemetry metrics data model)."""
    below = max(point.zero_threshold, 0.0), point.zero_count + sum(point.negative.bucket_counts)
    above = enumerate(point.positive.bucket_counts, point.positive.offset + 1)
    return _histogram(point, [below, *((_bound(index, point.scale), count) for index, count in above)])


def _bound(index: int, scale: int) -> float:
    """Return base ** index without the base, which no float can hold from scale -10 down: 0 or +Inf where need be."""
    try:
        return float(2.0 ** math.ldexp(index, -scale))
    except OverflowError:
        return math.inf if index > 0 else 0.0


def _summary_samples(point: Any) -> _Samples:
    samples: _Samples = {("_sum", ()): point.sum, ("_count", ()): float(point.count)}
    return samples | {("", (("quantile", str(each.quantile)),)): each.value for each in point.quantile_values}


def _lines(name: str, family: _Family) -> Iterator[str]:
    if not family.series:
        return
    yield f"# HELP {name} {_escaped(family.help)}\n# TYPE {name} {family.kind}\n"
    for labels, series in family.series.items():
        for (suffix, extra), value in series.samples.items():
            yield sample(name + suffix, (*labels, *extra), value)


def _open_lines(name: str, family: _Family) -> Iterator[str]:
    """Yield a family as OpenMetrics has it: a counter's name is without `_total` there."""
    if not family.series:
        return
    title = name.removesuffix("_total") if family.kind == "counter" else name
    yield f"# HELP {title} {_escaped(family.help, quotes=True)}\n# TYPE {title} {family.kind}\n"
    for labels, series in family.series.items():
        for key, value in series.samples.items():
            line = sample(name + key[0], (*labels, *key[1]), value)
            exemplar = series.exemplars.get(key)
            yield f"{line[:-1]} {exemplar}\n" if exemplar else line


def sample(name: str, labels: Labels, value: float) -> str:
    """Return one line of Prometheus' text format."""
    inner = ",".join(f'{key}="{_escaped(text, quotes=True)}"' for key, text in labels if text)
    return f"{name}{{{inner}}} {_number(value)}\n" if inner else f"{name} {_number(value)}\n"


def _number(value: float) -> str:
    if value != value or abs(value) == float("inf"):
        return {True: "+Inf", False: "-Inf"}[value > 0] if value == value else "NaN"
    return str(int(value)) if value == int(value) else repr(value)


def _escaped(text: str, *, quotes: bool = False) -> str:
    text = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\0", "\ufffd")  # NUL is the end to Prometheus
    return text.replace('"', '\\"') if quotes else text


def _name(name: str, unit: str, kind: str) -> str:
    base = re.sub(r"[^a-zA-Z0-9_:]+", "_", name).strip("_") or "unnamed"
    if base[0].isdigit():
        base = f"_{base}"
    suffix = _UNITS.get(unit, re.sub(r"\{.*?\}|[^a-zA-Z0-9_]+", "", unit))
    if unit == "1" and kind != "gauge":  # a ratio is a gauge; a count of things has no unit
        suffix = ""
    if suffix and not base.endswith(f"_{suffix}"):
        base = f"{base}_{suffix}"
    if kind == "counter" and not base.endswith("_total"):
        base = f"{base}_total"
    return base


def _histogram(point: Any, buckets: Iterable[tuple[float, int]]) -> _Samples:
    """Return the samples of a histogram: cumulative buckets whose bounds rise, sum and count.

    A bucket without a bound that is a number (or one below an earlier bound) counts in the next that has one.
    """
    samples: _Samples = {}
    total, last = 0, -math.inf
    for bound, count in buckets:
        total += count
        if last <= bound < math.inf:
            samples["_bucket", (("le", str(bound)),)] = float(total)
            last = bound
    samples["_bucket", (("le", "+Inf"),)] = float(max(point.count, total))
    samples["_sum", ()] = point.sum
    samples["_count", ()] = float(max(point.count, total))
    return samples


def _labels(attributes: Mapping[str, Any], origin: Labels) -> Labels:
    """Return labels of which no two have one name: a scrape with a double would be refused as a whole. To Prometheus
    an empty label is none."""
    labels: dict[str, str] = {}
    for key, value in sorted(attributes.items()):
        name = _label(key)
        labels[name] = f"{labels[name]};{text_of(value)}" if name in labels else text_of(value)
    return tuple(sorted((name, text) for name, text in (labels | dict(origin)).items() if text))


def _label(key: str) -> str:
    name = re.sub(r"[^a-zA-Z0-9_]", "_", key).lstrip("_") or "key"
    if name in _RESERVED:
        return f"exported_{name}"
    return f"key_{name}" if name[0].isdigit() else name
