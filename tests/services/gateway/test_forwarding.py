"""Sending calls on: what is repeated, what is not, and when a service is left alone."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

import pytest

from services.common.http.addresses import Instance
from services.common.http.breaker import Breaker, State
from services.common.http.problems import ProblemError
from services.gateway.domain import Split, Target
from services.gateway.handlers import Call, Forwarding
from services.gateway.ports import Reply, UpstreamError

PROBLEM = [(b"content-type", b"application/problem+json")]
PLAIN = [(b"content-type", b"application/json")]


@dataclass
class FakeReply:
    status: int
    headers: Sequence[tuple[bytes, bytes]] = field(default_factory=lambda: list(PROBLEM))
    is_closed: bool = False
    served_by: str = ""

    async def body(self) -> AsyncIterator[bytes]:
        yield b""

    async def close(self) -> None:
        self.is_closed = True


@dataclass
class FakeUpstream:
    """Answers with what it was given, one after the other, the last for ever."""

    script: list[Reply | UpstreamError]
    urls: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    async def send(
        self, method: str, url: str, headers: Sequence[tuple[bytes, bytes]], body: bytes, seconds: float
    ) -> Reply:
        self.urls.append(url)
        self.seconds.append(seconds)
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, UpstreamError):
            raise step
        return step


@dataclass
class FakeFinder:
    healthy: list[Instance]

    def instances(self, service: str) -> Sequence[Instance]:
        return self.healthy


class NoSplits:
    split: Split | None = None

    def get(self, service: str) -> Split | None:
        return self.split

    def all(self) -> Mapping[str, Split]:
        return {}

    def put(self, service: str, split: Split | None) -> None:
        self.split = split


ONE = [Instance("http://one", version="1")]
TWO = [*ONE, Instance("http://two", version="2")]
REFUSED = UpstreamError("refused", was_sent=False)
LOST = UpstreamError("lost", was_sent=True)


def forwarding(*script: Reply | UpstreamError, instances: Sequence[Instance] = TWO) -> tuple[Forwarding, FakeUpstream]:
    upstream = FakeUpstream(list(script))
    breakers: dict[str, Breaker] = defaultdict(Breaker)
    made = Forwarding(
        upstream, FakeFinder(list(instances)), NoSplits(), breaker=breakers.__getitem__, on_retry=lambda _: None
    )
    return made, upstream


def call(method: str = "GET") -> Call:
    target = Target("order", "/api/v1/orders", "/api/v1/orders")
    return Call(target, method, b"", [], {}, b"", "somebody")


async def status(made: Forwarding, method: str = "GET") -> int:
    try:
        return (await made.forward(call(method), 2.0)).status
    except ProblemError as problem:
        return -problem.status if "Retry-After" in problem.headers else 0


async def test_instances_take_turns() -> None:
    made, upstream = forwarding(FakeReply(200))
    for _ in range(4):
        await status(made)
    assert sorted(upstream.urls) == sorted(["http://one/api/v1/orders", "http://two/api/v1/orders"] * 2)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_what_never_arrived_is_sent_to_another_instance_whatever_it_is(method: str) -> None:
    made, upstream = forwarding(REFUSED, FakeReply(201))
    assert await status(made, method) == 201
    assert len(set(upstream.urls)) == 2


async def test_a_safe_call_is_repeated_and_another_is_not() -> None:
    made, upstream = forwarding(LOST, FakeReply(200))
    assert await status(made, "GET") == 200
    made, upstream = forwarding(LOST, FakeReply(200))
    assert await status(made, "POST") == -503
    assert len(upstream.urls) == 1


async def test_a_safe_call_leaves_time_to_ask_another_instance_where_there_is_one() -> None:
    for instances, method, share in ((TWO, "GET", 0.5), (ONE, "GET", 1.0), (TWO, "POST", 1.0)):
        made, upstream = forwarding(LOST, FakeReply(200), instances=instances)
        await status(made, method)
        assert upstream.seconds[0] == pytest.approx(2.0 * share, rel=0.05)
    made, upstream = forwarding(LOST, FakeReply(200))
    assert await status(made) == 200
    assert len(set(upstream.urls)) == 2


async def test_a_503_is_worth_another_try_and_the_last_one_is_passed_on() -> None:
    first = FakeReply(503)
    made, upstream = forwarding(first, FakeReply(200))
    assert await status(made) == 200
    assert first.is_closed
    made, upstream = forwarding(FakeReply(503))
    assert await status(made) == 503
    assert len(upstream.urls) == 3


async def test_retries_have_a_budget() -> None:
    made, upstream = forwarding(FakeReply(503))
    for _ in range(100):
        await status(made)
    assert len(upstream.urls) <= 100 + 10 + 20 + 20


async def test_a_service_that_is_away_is_left_alone_after_a_while() -> None:
    made, upstream = forwarding(LOST, instances=ONE)
    for _ in range(30):
        assert await status(made, "POST") == -503
    assert len(upstream.urls) == 8
    assert made.breaker("order").state is State.OPEN


async def test_an_instance_that_refuses_does_not_open_the_breaker_for_the_others() -> None:
    made, upstream = forwarding(*(step for _ in range(20) for step in (REFUSED, FakeReply(200))))
    for _ in range(20):
        made._ejected.clear()
        assert await status(made, "GET") in (200, -503)
    assert made.breaker("order").state is State.CLOSED
    made, upstream = forwarding(REFUSED, instances=ONE)
    for _ in range(20):
        await status(made, "POST")
    assert (made.breaker("order").state, len(upstream.urls)) == (State.OPEN, 8)


@pytest.mark.parametrize(("headers", "state"), [(PLAIN, State.CLOSED), (PROBLEM, State.OPEN)])
async def test_the_500_of_a_contract_does_not_count_and_any_other_does(
    headers: list[tuple[bytes, bytes]], state: State
) -> None:
    made, _upstream = forwarding(FakeReply(500, headers))
    for _ in range(20):
        await status(made, "POST")
    assert made.breaker("order").state is state


async def test_a_split_sends_calls_to_its_version_and_to_any_if_that_is_gone() -> None:
    made, upstream = forwarding(FakeReply(200))
    made.splits.put("order", Split({"2": 100}))
    for _ in range(5):
        await status(made)
    assert set(upstream.urls) == {"http://two/api/v1/orders"}
    made.splits.put("order", Split({"3": 100}))
    assert await status(made) == 200
    made, upstream = forwarding(REFUSED, FakeReply(200))
    made.splits.put("order", Split({"2": 100}))
    assert await status(made) == 200
    assert upstream.urls == ["http://two/api/v1/orders", "http://one/api/v1/orders"]


async def test_no_instance_at_all_is_a_503() -> None:
    made, _upstream = forwarding(FakeReply(200), instances=[])
    assert await status(made) == -503


async def test_an_answer_says_which_version_gave_it_and_is_counted_for_it() -> None:
    counted: list[tuple[str, str, int]] = []
    made, _ = forwarding(FakeReply(200), instances=ONE)
    made.on_reply = lambda service, version, status: counted.append((service, version, status))
    assert (await made.forward(call(), 2.0)).served_by == "order/1"
    assert counted == [("order", "1", 200)]
