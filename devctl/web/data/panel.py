"""One panel's queries asked and answered: frames, exemplars, and what went wrong in words."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from devctl.products.grafana.sources import IN_UIDS, PROMETHEUS
from devctl.web.boards.interpolation import Value, Values, fill, for_promql
from devctl.web.boards.model import DataSource, Panel, Target
from devctl.web.data import answers, times
from devctl.web.data.frames import Frame
from devctl.web.data.prometheus import Prometheus, Refused
from devctl.web.data.selectors import Filter
from devctl.web.data.selectors import narrowed as narrowed_query
from devctl.web.data.times import TimeRange

MOST_TARGETS = 50
"""More queries in one panel nobody reads."""
USUAL_POINTS = 600
EXEMPLARS_SHOWN = 200


@dataclass(slots=True)
class Answer:
    """What a panel's queries brought. `queries` is what was really sent, for the panel's inspector."""

    frames: list[Frame] = field(default_factory=list)
    exemplars: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    queries: list[dict[str, Any]] = field(default_factory=list)
    step: float = 0.0


@dataclass(frozen=True, slots=True)
class Moment:
    """When and how finely a panel is drawn."""

    span: TimeRange
    points: int = USUAL_POINTS
    scrape: float = 5.0
    filters: Sequence[Filter] = ()
    """Those that the reader puts on every query."""


def builtin(moment: Moment, step: float) -> dict[str, Value]:
    """Return Grafana's own variables for a query of this step."""
    span = moment.span
    rate = max(step + moment.scrape, 4 * moment.scrape)
    texts = {
        "__interval": times.short(step),
        "__interval_ms": str(round(step * 1000)),
        "__rate_interval": times.short(rate),
        "__rate_interval_ms": str(round(rate * 1000)),
        "__range": times.short(span.seconds),
        "__range_s": str(round(span.seconds)),
        "__range_ms": str(round(span.seconds * 1000)),
        "__from": str(round(span.start * 1000)),
        "__to": str(round(span.end * 1000)),
        "interval": times.short(step),
        "__auto": times.short(step),
    }
    return {name: Value((text,), texts=(text,)) for name, text in texts.items()}


def with_automatic(values: Values, moment: Moment) -> dict[str, Value]:
    """Return the values with every interval that is left to the page worked out."""
    from devctl.web.boards.variables import AUTO

    def worked_out(value: Value) -> Value:
        if not any(each.startswith(AUTO) for each in value.values):
            return value
        text = times.short(times.step(moment.span, 30, 10.0))
        return replace(value, values=(text,))

    return {name: worked_out(value) for name, value in values.items()}


def narrowed(panel: Panel, moment: Moment) -> Moment:
    """Return when a panel is drawn that has a time range of its own, or one that lies back."""
    span = moment.span
    if panel.time_from:
        length = times.seconds(panel.time_from.removeprefix("now-"), span.seconds)
        span = TimeRange(span.end - length, span.end)
    if panel.time_shift:
        back = times.seconds(panel.time_shift)
        span = TimeRange(span.start - back, span.end - back)
    return replace(moment, span=span)


def kind_of(source: DataSource, values: Values) -> str:
    """Return which kind of data source a query goes to; one that the board leaves open is Prometheus."""
    kind = fill(source.kind, values).lower()
    if kind:
        return kind
    uid = fill(source.uid, values).lower()
    return next((each for each in IN_UIDS if each in uid), PROMETHEUS)


async def ask(panel: Panel, targets: Sequence[Target], moment: Moment, values: Values, source: Prometheus) -> Answer:
    """Ask Prometheus everything that a panel shows."""
    shown = [each for each in targets if not each.is_hidden and each.expression][:MOST_TARGETS]
    asking = _Asking(panel, moment, values, source, is_only=len(shown) == 1)
    for frames in await asyncio.gather(*map(asking.ask, shown)):
        asking.answer.frames += frames
    return asking.answer


def step_of(panel: Panel, target: Target, moment: Moment, values: Values) -> float:
    """Return the step of a query: what fits on the panel, no finer than its author or the scraping allows."""
    least = target.interval or panel.interval
    least_seconds = times.seconds(fill(least, values), moment.scrape) if least else moment.scrape
    points = min(panel.most_points or moment.points, moment.points)
    return times.step(moment.span, points, least_seconds)


@dataclass(slots=True)
class _Asking:
    """The questions of one panel, and what they have brought."""

    panel: Panel
    moment: Moment
    values: Values
    source: Prometheus
    is_only: bool
    answer: Answer = field(default_factory=Answer)

    async def ask(self, target: Target) -> list[Frame]:
        """Return what one query brings; what went wrong is added to the answer."""
        step = step_of(self.panel, target, self.moment, self.values)
        here = {**self.values, **builtin(self.moment, step)}
        query = narrowed_query(fill(target.expression, here, for_promql), self.moment.filters)
        is_instant = target.is_instant and not target.is_range
        self.answer.step = max(self.answer.step, step)
        self.answer.queries.append({"ref": target.ref, "query": query, "step": step, "instant": is_instant})
        try:
            if is_instant:
                return await self._instant(target, query, here)
            return await self._range(target, query, step, here)
        except Refused as problem:
            self.answer.problems.append(f"{target.ref}: {problem}")
            return []

    async def _instant(self, target: Target, query: str, here: Values) -> list[Frame]:
        scrape = self.moment.scrape
        result = await self.source.instant(query, self.moment.span.end // scrape * scrape)
        if target.format == "table":
            return [answers.table(result, target, is_only=self.is_only)]
        return answers.instants(result, target, here)

    async def _range(self, target: Target, query: str, step: float, here: Values) -> list[Frame]:
        span = times.aligned(self.moment.span, step)
        result = await self.source.range(query, span.start, span.end, step)
        if target.wants_exemplars:
            self.answer.exemplars += await _exemplars(query, span, self.source)
        if target.format == "table":
            return [answers.table(result, target, is_only=self.is_only)]
        if len(result) > answers.MOST_SERIES:
            kept = f"the first {answers.MOST_SERIES} are drawn"
            self.answer.problems.append(f"{target.ref}: {len(result)} series, {kept}")
        frames = answers.series(result, target, span, step, here)
        return answers.bucketed(frames) if target.format == "heatmap" else frames


async def _exemplars(query: str, span: TimeRange, source: Prometheus) -> list[dict[str, Any]]:
    """Return the newest exemplars; a Prometheus that keeps none draws as well."""
    try:
        series = await source.exemplars(query, span.start, span.end)
    except Refused:
        return []
    exemplars = [_exemplar(entry, each) for entry in series for each in entry.get("exemplars", ())]
    return sorted(exemplars, key=lambda each: each["time"])[-EXEMPLARS_SHOWN:]


def _exemplar(entry: Mapping[str, Any], each: Mapping[str, Any]) -> dict[str, Any]:
    labels = each.get("labels", {})
    trace = labels.get("trace_id") or labels.get("traceID") or labels.get("TraceID") or ""
    value = answers.number(each.get("value", "NaN"))
    return {"time": float(each.get("timestamp", 0)), "value": value, "trace": trace,
            "labels": {**entry.get("seriesLabels", {}), **labels}}  # fmt: skip
