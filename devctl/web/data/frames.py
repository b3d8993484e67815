"""Answers as tables of named columns, which is what transformations, reductions and drawings work on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

TIME, NUMBER, TEXT = "time", "number", "string"


@dataclass(frozen=True, slots=True)
class Field:
    """One column. `display` is the name that a query's legend gives it."""

    name: str
    kind: str
    values: Sequence[Any]
    labels: Mapping[str, str] = field(default_factory=dict)
    display: str = ""
    ref: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """What people read."""
        return self.display or self.name


@dataclass(frozen=True, slots=True)
class Frame:
    """One table."""

    fields: Sequence[Field]
    ref: str = ""
    name: str = ""

    @property
    def length(self) -> int:
        return max((len(each.values) for each in self.fields), default=0)

    def of_kind(self, kind: str) -> list[Field]:
        """Return the columns of one kind."""
        return [each for each in self.fields if each.kind == kind]


Numbers = Sequence[float | None]


def _finite(values: Iterable[Any]) -> list[float]:
    return [value for value in values if isinstance(value, int | float)]


def _last(values: Numbers) -> float | None:
    return values[-1] if values else None


def _first(values: Numbers) -> float | None:
    return values[0] if values else None


def _mean(values: Numbers) -> float | None:
    numbers = _finite(values)
    return math.fsum(numbers) / len(numbers) if numbers else None


def _deviation(values: Numbers) -> float | None:
    variance = _variance(values)
    return None if variance is None else math.sqrt(variance)


def _variance(values: Numbers) -> float | None:
    numbers = _finite(values)
    mean = _mean(numbers)
    return None if mean is None else math.fsum((each - mean) ** 2 for each in numbers) / len(numbers)


def _over(pick: Callable[[list[float]], float]) -> Callable[[Numbers], float | None]:
    """Return a reduction of the numbers alone, None where there are none."""

    def reduce(values: Numbers) -> float | None:
        numbers = _finite(values)
        return pick(numbers) if numbers else None

    return reduce


def _difference_percent(numbers: list[float]) -> float:
    return (numbers[-1] - numbers[0]) / numbers[0] if numbers[0] else 0.0


def _percentile(share: float) -> Callable[[list[float]], float]:
    return lambda numbers: sorted(numbers)[min(int(share * len(numbers)), len(numbers) - 1)]


def _growth(numbers: list[float]) -> float:
    """Return how much a counter grew, resets left out."""
    return math.fsum(max(later - earlier, 0.0) for earlier, later in pairwise(numbers))


_CALCS: Mapping[str, Callable[[Numbers], Any]] = {
    "lastNotNull": _over(lambda numbers: numbers[-1]),
    "last": _last,
    "firstNotNull": _over(lambda numbers: numbers[0]),
    "first": _first,
    "min": _over(min),
    "max": _over(max),
    "mean": _mean,
    "median": _over(_percentile(0.5)),
    "sum": _over(math.fsum),
    "count": len,
    "range": _over(lambda numbers: max(numbers) - min(numbers)),
    "delta": _over(_growth),
    "diff": _over(lambda numbers: numbers[-1] - numbers[0]),
    "diffperc": _over(_difference_percent),
    "logmin": _over(lambda numbers: min((each for each in numbers if each > 0), default=0.0)),
    "stdDev": _deviation,
    "variance": _variance,
    "distinctCount": lambda values: len(set(values)),
    "changeCount": lambda values: sum(a != b for a, b in pairwise(values)),
    "allIsZero": lambda values: float(all(value == 0 for value in values)),
    "allIsNull": lambda values: float(all(value is None for value in values)),
    **{f"p{share}": _over(_percentile(share / 100)) for share in range(1, 100)},
}
_ALIASES = {"current": "lastNotNull", "avg": "mean", "total": "sum", "lastNonNull": "lastNotNull"}


def reduce(calc: str, values: Sequence[Any]) -> Any:
    """Return one value for many, by the name of a calculation; the last one for an unknown name."""
    calculation = _CALCS.get(_ALIASES.get(calc, calc), _CALCS["lastNotNull"])
    if calc in ("lastNotNull", "last", "firstNotNull", "first") and any(isinstance(each, str) for each in values):
        texts = [each for each in values if each is not None]
        return texts[0 if calc.startswith("first") else -1]
    return calculation(values)


def times_of(frame: Frame) -> Sequence[float]:
    """Return the times of a frame, empty where it has none."""
    return next((each.values for each in frame.fields if each.kind == TIME), ())


def joined(frames: Sequence[Frame]) -> tuple[list[float], list[Field]]:
    """Return all times and every column that is no time on them: what no answer has at a time is None."""
    with_times = [frame for frame in frames if frame.of_kind(TIME)]
    all_times = sorted({moment for frame in with_times for moment in times_of(frame)})
    index = {moment: number for number, moment in enumerate(all_times)}
    return all_times, [_on(index, times_of(frame), each) for frame in with_times for each in _values(frame)]


def _values(frame: Frame) -> list[Field]:
    return [each for each in frame.fields if each.kind != TIME]


def _on(index: Mapping[float, int], times: Sequence[float], column: Field) -> Field:
    from dataclasses import replace

    if len(times) == len(index):
        return column
    values: list[Any] = [None] * len(index)
    for moment, value in zip(times, column.values, strict=False):
        values[index[moment]] = value
    return replace(column, values=values)
