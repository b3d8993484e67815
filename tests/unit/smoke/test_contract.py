"""Which lines a contract has, and what each says of spans that were sent."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from devctl.manifest.smoke import Contract, Never, Smoke
from devctl.record.spans import Span
from devctl.smoke import contract
from devctl.smoke.check import CheckFailed
from devctl.smoke.evidence import culprit
from devctl.smoke.stack import RunningStack


@dataclass
class FakeSpan:
    """A span as far as a contract looks at it."""

    service: str
    name: str
    span_id: str = "1"
    parent_id: str = ""
    kind: int = 2
    error: bool = False
    trace_id: str = "t"
    start_ns: int = 0
    duration_ns: int = 0
    attributes: dict[str, Any] = field(default_factory=dict)
    resource_attributes: dict[str, Any] = field(default_factory=dict)
    links: Sequence[tuple[str, str]] = ()


@dataclass
class FakeEvent:
    headers: dict[str, str] = field(default_factory=dict)


@dataclass
class FakeStack:
    """Answers what a running stack would."""

    spans: Sequence[FakeSpan] = ()
    sent: Sequence[FakeEvent] = ()

    def spans_within(self, since_ns: int, until_ns: int) -> Sequence[FakeSpan]:
        return self.spans

    def events(self, topics: Sequence[str], since_ns: int) -> Sequence[FakeEvent]:
        return self.sent

    def lines(self, **_: object) -> list[Any]:
        return []

    def trace(self, trace_id: str) -> list[Any]:
        return []


def ask(line: str, stack: FakeStack, entry: Contract, service: str = "order") -> None:
    """Answer one line of a contract once, without waiting."""
    smoke = Smoke()
    smoke.contract = cast(Any, {service: entry})
    (chosen,) = [each for each in contract.lines(smoke, [service], {}) if each.name == f"{service}: {line}"]
    chosen.check(cast(RunningStack, stack), contract.Seen(0))


CONSUMED = FakeSpan("payment", "process", "2", "1", 5, attributes={"messaging.destination.name": "orders"})
LOST = FakeSpan("payment", "process", "2", "", 5, attributes={"messaging.destination.name": "orders"})


def test_an_edge_through_a_topic_holds_where_the_consumer_continues_the_trace() -> None:
    ask(
        "calls payment via orders",
        FakeStack([FakeSpan("order", "send"), CONSUMED]),
        Contract(calls=("payment via orders",)),
    )


def test_an_edge_through_a_topic_holds_also_by_a_link() -> None:
    linked = FakeSpan("payment", "process", "2", "", 5, attributes=CONSUMED.attributes, links=[("t", "1")])
    ask(
        "calls payment via orders",
        FakeStack([FakeSpan("order", "send"), linked]),
        Contract(calls=("payment via orders",)),
    )


@pytest.mark.parametrize(
    ("spans", "sent", "blamed"),
    [
        ([], [], "order"),
        ([], [FakeEvent()], "payment"),
        ([LOST], [FakeEvent()], "order"),
        ([LOST], [FakeEvent({"traceparent": "00-t-1-01"})], "payment"),
    ],
    ids=["nothing sent", "nothing consumed", "context not sent", "context not taken up"],
)
def test_a_lost_edge_blames_the_one_that_lost_it(spans: list[FakeSpan], sent: list[FakeEvent], blamed: str) -> None:
    with pytest.raises(CheckFailed) as failure:
        ask("calls payment via orders", FakeStack(spans, sent), Contract(calls=("payment via orders",)))
    assert failure.value.service == blamed


SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("began", "took", "is_allowed"),
    [(5, 0, True), (3, 4, True), (10, 0, True), (11, 1, True), (1, 1, False), (20, 1, False)],
    ids=["within", "begun before, failed within", "at its end", "while it comes back", "before", "long after"],
)
def test_what_fails_while_a_check_breaks_something_is_overlooked_also_at_its_edges(
    began: int, took: int, is_allowed: bool
) -> None:
    seen = contract.Seen(0, allowed_times=[(4 * SECOND, 10 * SECOND)])
    span = FakeSpan("order", "GET", error=True, start_ns=began * SECOND, duration_ns=took * SECOND)
    assert seen.allows(cast(Any, span)) is is_allowed


def test_an_answer_4xx_is_no_fault_of_its_caller_but_a_5xx_is() -> None:
    never = Contract(never=Never(errors=True))
    refused = FakeSpan("order", "GET", kind=3, error=True, attributes={"http.response.status_code": 404})
    ask("never an error", FakeStack([refused]), never)
    broken = FakeSpan("order", "GET", kind=3, error=True, attributes={"http.response.status_code": 503})
    with pytest.raises(CheckFailed, match="1 span of order failed"):
        ask("never an error", FakeStack([broken]), never)


def test_a_secret_in_an_attribute_is_reported_without_the_secret() -> None:
    span = FakeSpan("order", "login", attributes={"user.password": "correct-horse-battery"})
    with pytest.raises(CheckFailed, match="put the value of a secret into") as failure:
        ask("never a secret", FakeStack([span]), Contract(never=Never(secrets=True)))
    assert "correct-horse-battery" not in str(failure.value)


def test_the_star_stands_for_every_service_and_lines_are_not_repeated() -> None:
    smoke = Smoke()
    smoke.contract = cast(Any, {"*": Contract(spans=("GET /",)), "a": Contract(spans=("GET /",))})
    assert [line.name for line in contract.lines(smoke, ["a", "b"], {})] == ["a: span GET /", "b: span GET /"]


def test_the_deepest_span_that_failed_is_to_blame() -> None:
    spans = [
        FakeSpan("gateway", "GET", "1", error=True), FakeSpan("order", "GET", "2", "1", error=True),
        FakeSpan("catalog", "GET", "3", "2"),
    ]  # fmt: skip
    assert culprit(cast(Sequence[Span], spans), "gateway") == "order"


def test_a_wrong_status_is_blamed_on_the_deepest_service_that_answered_with_it() -> None:
    spans = [
        FakeSpan("gateway", "GET", "1", attributes={"http.response.status_code": 409}),
        FakeSpan("user", "GET", "2", "1", attributes={"http.response.status_code": 409}),
        FakeSpan("catalog", "GET", "3", "2", attributes={"http.response.status_code": 200}),
    ]
    assert culprit(cast(Sequence[Span], spans), "gateway", 409) == "user"
