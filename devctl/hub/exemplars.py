"""Exemplars of OTLP metrics: the traces in which values were measured, kept beside the sample that they belong to."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

Labels = tuple[tuple[str, str], ...]
Key = tuple[str, Labels]
"""Name suffix and extra label of a sample, as metrics.py has them."""


class Exemplar(NamedTuple):
    """One measured value and where it was measured."""

    value: float
    seconds: float
    trace_id: str
    span_id: str

    def __str__(self) -> str:
        labels = (
            f'trace_id="{self.trace_id}",span_id="{self.span_id}"' if self.span_id else f'trace_id="{self.trace_id}"'
        )
        return f"# {{{labels}}} {self.value!r} {self.seconds:.3f}"


def placed(point: Any, kind: str, samples: Iterable[Key]) -> dict[Key, Exemplar]:
    """Return the exemplars of a data point by the sample that each belongs to; of several the newest.

    OpenMetrics allows them for counters and buckets alone.
    """
    if kind not in ("counter", "histogram") or not point.exemplars:
        return {}
    bounds = _bounds(samples) if kind == "histogram" else {math.inf: ("", ())}
    newest = sorted(_read(point), key=lambda exemplar: exemplar.seconds)
    return {bounds[_least(bounds, exemplar.value)]: exemplar for exemplar in newest}


def _read(point: Any) -> Iterator[Exemplar]:
    for each in point.exemplars:
        value = each.as_double if each.WhichOneof("value") == "as_double" else float(each.as_int)
        if any(each.trace_id) and len(each.trace_id) == 16 and math.isfinite(value):
            span_id = each.span_id.hex() if any(each.span_id) and len(each.span_id) == 8 else ""
            yield Exemplar(value, each.time_unix_nano / 1e9, each.trace_id.hex(), span_id)


def _bounds(samples: Iterable[Key]) -> Mapping[float, Key]:
    """Return the buckets by their upper bounds."""
    return {float(extra[0][1]): (suffix, extra) for suffix, extra in samples if suffix == "_bucket"}


def _least(bounds: Mapping[float, Key], value: float) -> float:
    return min(bound for bound in bounds if value <= bound)
