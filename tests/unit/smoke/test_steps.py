"""Steps of declared checks that nothing, or something late, could make pass."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from devctl.manifest.smoke import MetricStep, SpanExpect, SpanSelect, TraceExpect, TraceStep
from devctl.smoke.check import CheckContext, CheckFailed
from devctl.smoke.steps import metric, trace


@dataclass
class FakeSpan:
    """A span as far as a trace step looks at it."""

    name: str
    error: bool = False
    service: str = "order"
    span_id: str = "1"
    parent_id: str = ""
    kind: int = 2
    duration_ns: int = 1_000_000
    attributes: dict[str, Any] = field(default_factory=dict)
    links: tuple[tuple[str, str], ...] = ()


@dataclass
class FakeTrace:
    spans: list[FakeSpan]


@dataclass
class FakeStack:
    """A stack to which one more span comes once its traces are waited for."""

    spans: list[FakeSpan]
    late: FakeSpan | None = None
    waits: int = 0

    def trace(self, trace_id: str) -> list[FakeTrace]:
        return [FakeTrace(self.spans)]

    def settled_trace(self, trace_id: str) -> list[FakeSpan]:
        self.waits += 1
        self.spans += [self.late] if self.late else []
        return self.spans

    def query(self, promql: str) -> list[object]:
        return []


def run_trace(stack: FakeStack, expect: TraceExpect) -> None:
    step = TraceStep(select=SpanSelect(service="order"), expect=expect)
    trace.run(step, CheckContext(cast(Any, stack), {}), within=0)


@pytest.mark.parametrize("expect", [TraceExpect(count="== 1"), TraceExpect(every=SpanExpect(status="ok"))])
def test_a_span_that_comes_late_breaks_what_held_until_then(expect: TraceExpect) -> None:
    with pytest.raises(CheckFailed):
        run_trace(FakeStack([FakeSpan("POST")], late=FakeSpan("retry", error=True)), expect)


def test_what_no_further_span_can_break_is_not_waited_for() -> None:
    stack = FakeStack([FakeSpan("POST")])
    run_trace(stack, TraceExpect(count=">= 1", some=SpanExpect(status="ok")))
    assert stack.waits == 0


@pytest.mark.parametrize("expect", [">= 0", "< 5", "> 0", "!= 3"])
def test_a_query_that_nothing_answers_proves_nothing(expect: str) -> None:
    with pytest.raises(CheckFailed, match="no series"):
        metric.run(MetricStep(query="typo", expect=expect), CheckContext(cast(Any, FakeStack([])), {}), within=0)


@pytest.mark.parametrize("expect", ["== 0", "0"])
def test_a_query_that_nothing_answers_holds_where_nothing_is_expected(expect: str) -> None:
    metric.run(MetricStep(query="errors", expect=expect), CheckContext(cast(Any, FakeStack([])), {}), within=0)
