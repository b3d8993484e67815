"""One call through the gateway: pick an instance, send, retry where that is safe, and record the outcome."""

import asyncio
import itertools
import random
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from services.common.http.addresses import Instance
from services.common.http.breaker import Breaker, RetryBudget, State
from services.common.http.client import SAFE_METHODS
from services.common.http.problems import ProblemError, unavailable
from services.gateway.domain import Target
from services.gateway.ports import Finder, Reply, Splits, Upstream, UpstreamError

MOST_TRIES = 3
_EJECTED_SECONDS = 1.0  # as long as Consul takes to notice: its checks run every second
# A service that answers one of these has not done the work. A 503 is deliberate, and no failure for the breaker.
_RETRYABLE = frozenset({502, 503, 504})
_COUNTS_AS_FAILURE = frozenset({502, 504})


@dataclass(frozen=True, slots=True)
class Call:
    """A request on its way to a service."""

    target: Target
    method: str
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    named: Mapping[str, str]
    body: bytes
    who: str

    @property
    def is_safe(self) -> bool:
        """Say whether the call may be sent twice."""
        return self.method in SAFE_METHODS


@dataclass
class Forwarding:
    """Sends calls on, with a breaker and a budget of retries for each service."""

    upstream: Upstream
    finder: Finder
    splits: Splits
    breaker: Callable[[str], Breaker]
    on_retry: Callable[[str], None]
    on_reply: Callable[[str, str, int], None] = lambda _service, _version, _status: None
    budgets: dict[str, RetryBudget] = field(default_factory=lambda: defaultdict(RetryBudget))
    now: Callable[[], float] = time.monotonic
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)
    _ejected: dict[str, float] = field(default_factory=dict)

    def heal(self) -> None:
        """Take every instance back in."""
        self._ejected.clear()

    async def forward(self, call: Call, seconds: float) -> Reply:
        """Return the answer of a service, or raise a 503 that says when to come again."""
        service = call.target.service
        budget, breaker = self.budgets[service], self.breaker(service)
        budget.called()
        ends_at = self.now() + seconds
        for attempt in itertools.count(1):
            if not breaker.allows():
                raise unavailable(f"The {service} service")
            left = ends_at - self.now()
            try:
                reply = await self._send(call, self._allowed(call, attempt, left))
            except UpstreamError as error:
                # One instance that refuses does not make its service unavailable as long as there is another.
                if error.was_sent or not self._not_ejected(self.finder.instances(service)):
                    breaker.failed()
                if attempt >= MOST_TRIES or not self._may_repeat(call, error, ends_at, budget):
                    raise unavailable(f"The {service} service") from error
            else:
                self._record_outcome(breaker, reply)
                is_final = reply.status not in _RETRYABLE or not call.is_safe or attempt >= MOST_TRIES
                if is_final or breaker.state is State.OPEN or not budget.take():
                    return reply
                await reply.close()
            self.on_retry(service)
            await asyncio.sleep(random.uniform(0.01, 0.05) * attempt)  # noqa: S311
        raise AssertionError("unreachable")

    def _allowed(self, call: Call, attempt: int, left: float) -> float:
        """Leave time for another instance where a retry is possible: the first may hang."""
        has_other = len(self._not_ejected(self.finder.instances(call.target.service))) > 1
        return left / 2 if call.is_safe and has_other and attempt < MOST_TRIES else left

    def _may_repeat(self, call: Call, error: UpstreamError, ends_at: float, budget: RetryBudget) -> bool:
        """Say whether to retry: what is safe, and what never arrived, while time and budget last."""
        return (call.is_safe or not error.was_sent) and ends_at - self.now() > 0.2 and budget.take()

    async def _send(self, call: Call, seconds: float) -> Reply:
        instance = self._pick(call)
        query = f"?{call.query.decode('latin-1')}" if call.query else ""
        try:
            reply = await self.upstream.send(
                call.method, instance.url + call.target.quoted() + query, call.headers, call.body, seconds
            )
            self.on_reply(call.target.service, instance.version, reply.status)
            reply.served_by = "/".join(filter(None, (call.target.service, instance.version)))
            return reply
        except UpstreamError:
            self._ejected[instance.url] = self.now() + _EJECTED_SECONDS
            raise

    def _pick(self, call: Call) -> Instance:
        """Take the instances in turn: not those that just failed, and those of the version that the split chose."""
        service = call.target.service
        instances = self.finder.instances(service)
        if not instances:
            raise UpstreamError("no instance is known", was_sent=False)
        choice = self._not_ejected(instances) or instances
        split = self.splits.get(service)
        if split is not None:
            version = split.version(call.named, call.who, random.random())  # noqa: S311
            choice = [instance for instance in choice if instance.version == version] or choice
        return choice[next(self._turn) % len(choice)]

    def _not_ejected(self, instances: Sequence[Instance]) -> Sequence[Instance]:
        now = self.now()
        return [instance for instance in instances if self._ejected.get(instance.url, 0.0) <= now]

    @staticmethod
    def _record_outcome(breaker: Breaker, reply: Reply) -> None:
        """Count an answer for or against its service; the 500 that a contract fixes is an answer like others."""
        is_problem = (b"content-type", b"application/problem+json") in reply.headers
        if reply.status in _COUNTS_AS_FAILURE or (reply.status == 500 and is_problem):
            breaker.failed()
        else:
            breaker.succeeded()


@dataclass
class Limits:
    """Who may ask how often."""

    address_wait: Callable[[str, float], int]
    user_wait: Callable[[str, float], int]
    on_limited: Callable[[str], None]
    now: Callable[[], float] = time.monotonic

    def check_address(self, address: str) -> None:
        """Count a call of an address, or refuse it."""
        self._check("address", self.address_wait(address, self.now()))

    def check_user(self, user_id: str) -> None:
        """Count a call of a user, or refuse it."""
        self._check("user", self.user_wait(user_id, self.now()))

    def _check(self, scope: str, seconds: int) -> None:
        if seconds:
            self.on_limited(scope)
            detail = f"Too many requests of one {scope}"
            raise ProblemError(429, "too_many_requests", detail, headers={"Retry-After": str(seconds)})
