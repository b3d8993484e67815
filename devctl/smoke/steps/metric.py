"""`metric`: a PromQL query whose every series must be as expected."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devctl.smoke.check import CheckContext, CheckFailed
from devctl.smoke.values import compare

if TYPE_CHECKING:
    from devctl.manifest.smoke import MetricStep

METRIC_SECONDS = 30.0  # Prometheus scrapes every few seconds, and rates need two samples


def is_nothing(expect: str) -> bool:
    """Tell whether no series at all is what is expected: nothing was counted. A query with a slip answers so too."""
    return compare(expect, 0) and not compare(expect, 1) and not compare(expect, -1)


def run(step: MetricStep, context: CheckContext, within: float | None) -> None:
    """Ask until every series is as expected."""
    query = context.fill(step.query)

    def attempt() -> None:
        series = context.stack.query(query)
        if not series and not is_nothing(step.expect):
            raise CheckFailed("no series answers the query")
        for entry in series:
            if not compare(step.expect, entry.last):
                labels = ", ".join(f"{key}={value}" for key, value in entry.labels.items() if key != "__name__")
                service = entry.labels.get("service") or entry.labels.get("job") or ""
                raise CheckFailed(f"{entry.last:g} ({labels}), expected {step.expect}", service=service)

    context.until(METRIC_SECONDS if within is None else within, attempt)
