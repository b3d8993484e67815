"""What variables ask of Prometheus: values of labels, names of metrics, series; and how often it scrapes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from devctl.web.boards.plain import items, mapping, text
from devctl.web.boards.variables import Ask, LabelNames, LabelValues, MetricNames, QueryResult, Question
from devctl.web.data.answers import last_sample
from devctl.web.data.prometheus import Prometheus, Refused
from devctl.web.data.times import TimeRange, seconds

USUAL_SCRAPE_SECONDS = 5.0
"""What this is taken to be where Prometheus does not say; the stack's own scrapes so often."""
COARSE_SECONDS = 60.0
"""Labels are asked for over whole minutes, so that tabs share the answer."""


class Labels:
    """Asks one Prometheus."""

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._scrape = 0.0

    def ask(self, span: TimeRange) -> Ask:
        """Return what answers the questions of variables over a range."""

        async def answer(question: Question) -> Sequence[str]:
            return await self._answer(question, span)

        return answer

    async def _answer(self, question: Question, span: TimeRange) -> Sequence[str]:
        times: dict[str, Any] = {
            "start": f"{span.start // COARSE_SECONDS * COARSE_SECONDS:.0f}",
            "end": f"{-(-span.end // COARSE_SECONDS) * COARSE_SECONDS:.0f}",
        }
        match question:
            case LabelValues(label, selector):
                selected = {"match[]": selector} if selector else {}
                return _texts(await self._prometheus.ask(f"label/{label}/values", {**times, **selected}))
            case LabelNames():
                return _texts(await self._prometheus.ask("labels", times))
            case MetricNames(pattern):
                names = _texts(await self._prometheus.ask("label/__name__/values", times))
                return [each for each in names if re.search(pattern, each)]
            case QueryResult(expression):
                at = span.end // USUAL_SCRAPE_SECONDS * USUAL_SCRAPE_SECONDS
                return [_written(each) for each in await self._prometheus.instant(expression, at)]

    async def scrape_seconds(self) -> float:
        """Return how often Prometheus scrapes, as its configuration says."""
        if not self._scrape:
            try:
                config = mapping(await self._prometheus.ask("status/config", {}))
            except Refused:
                return USUAL_SCRAPE_SECONDS
            match = re.search(r"^\s*scrape_interval:\s*(\S+)", text(config.get("yaml")), re.MULTILINE)
            self._scrape = seconds(match[1], USUAL_SCRAPE_SECONDS) if match else USUAL_SCRAPE_SECONDS
        return self._scrape


def _texts(data: Any) -> list[str]:
    return [each for each in items(data) if isinstance(each, str)]


def _written(entry: Any) -> str:
    labels = entry.get("metric", {})
    pairs = ",".join(f'{key}="{value}"' for key, value in labels.items() if key != "__name__")
    moment, value = last_sample(entry)
    return f"{labels.get('__name__', '')}{{{pairs}}} {value} {float(moment) * 1000:.0f}"
