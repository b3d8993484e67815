"""The metrics of one service: a registry of its own, written as OpenMetrics with exemplars."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from services.common.runtime.telemetry import current_span

# The boundaries that the semantic conventions ask of HTTP durations.
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
CONTENT_TYPE = CONTENT_TYPE_LATEST
_Made = TypeVar("_Made", bound=MetricWrapperBase)


class Metrics:
    """Makes each metric once, and returns the same one when it is asked for again."""

    def __init__(self, *, with_process: bool = True) -> None:
        self.registry = CollectorRegistry()
        self._made: dict[str, MetricWrapperBase] = {}
        if with_process:
            _observe_process(self.registry)

    def counter(
        self, name: str, text: str, labels: Sequence[str] = (), *, zeros: Iterable[Sequence[str]] = ()
    ) -> Counter:
        """Return the counter of that name; `_total` is added on the way out.

        Each set of label values in `zeros` is a series from the start: one that is born at 1 has no increase, and
        no alert on increases would see the first.
        """
        counter = self._once(Counter, name, text, labels)
        for values in zeros:
            counter.labels(*values)
        return counter

    def gauge(self, name: str, text: str, labels: Sequence[str] = ()) -> Gauge:
        """Return the gauge of that name."""
        return self._once(Gauge, name, text, labels)

    def histogram(
        self, name: str, text: str, labels: Sequence[str] = (), buckets: Sequence[float] = SECONDS
    ) -> Histogram:
        """Return the histogram of that name."""
        if name not in self._made:
            self._made[name] = Histogram(name, text, labels, buckets=buckets, registry=self.registry)
        metric = self._made[name]
        assert isinstance(metric, Histogram)
        return metric

    def page(self) -> bytes:
        """Return all metrics as OpenMetrics text."""
        return bytes(generate_latest(self.registry))  # type: ignore[no-untyped-call]

    def _once(self, kind: type[_Made], name: str, text: str, labels: Sequence[str]) -> _Made:
        if name not in self._made:
            self._made[name] = kind(name, text, labels, registry=self.registry)
        metric = self._made[name]
        assert isinstance(metric, kind)
        return metric


def joined(services: Mapping[str, Metrics]) -> bytes:
    """Return the metrics of several services of one process, each family once, marked with the service."""
    together = CollectorRegistry()
    together.register(_Joined(services))
    return bytes(generate_latest(together))  # type: ignore[no-untyped-call]


class _Joined(Collector):
    """Reads several registries as one."""

    def __init__(self, services: Mapping[str, Metrics]) -> None:
        self._services = services

    def describe(self) -> list[Metric]:
        """Name nothing beforehand, so that registering reads nothing."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield each family once, with the samples of every service."""
        families: dict[str, Metric] = {}
        for name, metrics in self._services.items():
            for family in metrics.registry.collect():
                common = families.setdefault(
                    family.name, Metric(family.name, family.documentation, family.type, family.unit)
                )
                common.samples += [
                    sample._replace(labels={**sample.labels, "service": name}) for sample in family.samples
                ]
        yield from families.values()


def exemplar() -> dict[str, str] | None:
    """Return the labels that link a measurement to the trace it was taken in, if that is sampled."""
    context = current_span().get_span_context()
    if not context.trace_flags.sampled:
        return None
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _observe_process(registry: CollectorRegistry) -> None:
    from prometheus_client import GCCollector, PlatformCollector, ProcessCollector

    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
