"""Faults on demand, for development only: off unless FAULTS=on. Each shows in a metric whether it did something."""

import asyncio
import random
import time
from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from services.common.http.problems import ProblemError
from services.common.http.schemas import Answer, Request, Text
from services.common.runtime.ids import new_id

if TYPE_CHECKING:
    from services.common.runtime.metrics import Metrics

_LEAK_STEP = 1 << 20  # a MiB per request: seen on a board within a minute


class Kind(StrEnum):
    """What can be made to go wrong."""

    LATENCY = "latency"
    ERROR = "error"
    RESET = "reset"
    SLOW_QUERY = "slow_query"
    POOL_EXHAUSTION = "pool_exhaustion"
    PAUSED_CONSUMER = "paused_consumer"
    POISON = "poison"
    DECLINE_ALL = "decline_all"
    LEAK = "leak"


class Fault(Request):
    """One fault, as a caller sets it."""

    kind: Annotated[Kind, Field(strict=False)]
    route: Annotated[Text, Field(description="METHOD /path with * as in a shell")] = "*"
    rate: Annotated[float, Field(ge=0, le=1, strict=False, description="Share of the calls it hits")] = 1.0
    milliseconds: Annotated[int, Field(ge=0, le=60_000, description="How slow")] = 500
    jitter: Annotated[int, Field(ge=0, le=60_000, description="Up to so many milliseconds more")] = 0
    status: Annotated[int, Field(ge=400, le=599, description="Which error")] = 503
    duration_seconds: Annotated[float, Field(gt=0, le=86_400, strict=False, description="How long it stays on")] = 60.0
    seed: int | None = None


class FaultState(Answer):
    """One fault that is on."""

    id: str
    fault: Fault
    seconds_left: float
    hits: int


class FaultList(Answer):
    """All faults that are on."""

    items: list[FaultState]


class ConnectionCutError(Exception):
    """Makes the middleware break the connection off without an answer."""


@dataclass
class _Active:
    fault: Fault
    ends_at: float
    rng: random.Random
    id: str = field(default_factory=new_id)
    hits: int = 0


class Faults:
    """The faults of one service that are on now."""

    def __init__(self, metrics: "Metrics", *, is_allowed: bool) -> None:
        self.is_allowed = is_allowed
        self._active: list[_Active] = []
        self._leaked: list[bytearray] = []
        self._on = metrics.gauge("shop_faults_active", "Faults that are switched on", ["kind"])
        self._hits = metrics.counter(
            "shop_faults_injected",
            "Times that a fault did something",
            ["kind"],
            zeros=[(kind.value,) for kind in Kind] if is_allowed else (),
        )

    def replace(self, faults: list[Fault]) -> None:
        """Switch exactly these on."""
        now = time.monotonic()
        self._active = [
            _Active(fault, now + fault.duration_seconds, random.Random(fault.seed))  # noqa: S311
            for fault in faults
        ]
        self._leaked = [] if not faults else self._leaked
        self._update_gauges()

    def state(self) -> FaultList:
        """Say what is on, how long still, and how often it did something."""
        now = time.monotonic()
        return FaultList(
            items=[
                FaultState(
                    id=active.id, fault=active.fault, seconds_left=round(active.ends_at - now, 3), hits=active.hits
                )
                for active in self._current()
            ]
        )

    def hit(self, kind: Kind, where: str = "") -> Fault | None:
        """Return the fault of this kind if it strikes here and now."""
        struck = self._strike(kind, where)
        return struck.fault if struck else None

    def _strike(self, kind: Kind, where: str = "") -> _Active | None:
        if not self._active:
            return None
        for active in self._current():
            matches = active.fault.kind is kind and fnmatchcase(where, active.fault.route)
            if matches and active.rng.random() < active.fault.rate:
                active.hits += 1
                self._hits.labels(kind.value).inc()
                return active
        return None

    async def before_request(self, method: str, path: str) -> None:
        """Apply to a request the faults that are on for it."""
        if not self._active or path == "/faults":
            return
        where = f"{method} {path}"
        if slow := self._strike(Kind.LATENCY, where):
            await asyncio.sleep(_delay(slow))
        if self.hit(Kind.LEAK, where):
            self._leaked.append(bytearray(_LEAK_STEP))
        if self.hit(Kind.RESET, where):
            raise ConnectionCutError
        if fault := self.hit(Kind.ERROR, where):
            headers = {"Retry-After": "1"} if fault.status in (429, 503) else {}
            raise ProblemError(fault.status, "injected_fault", "A fault is switched on here", headers=headers)

    def query_delay(self) -> float:
        """Return by how many seconds the first statement of a transaction takes longer."""
        slow = self._strike(Kind.SLOW_QUERY)
        return _delay(slow) if slow else 0.0

    async def wait_while_paused(self) -> None:
        """Wait while a fault pauses consumers."""
        while self._active and self.hit(Kind.PAUSED_CONSUMER):  # noqa: ASYNC110  (the end is a time)
            await asyncio.sleep(0.1)

    def exhausts_pool(self) -> bool:
        """Say whether the fault that holds all connections of the pool is on."""
        return any(active.fault.kind is Kind.POOL_EXHAUSTION for active in self._current())

    def _current(self) -> list[_Active]:
        """Return the faults that are on, without those whose time is over."""
        now = time.monotonic()
        if any(active.ends_at <= now for active in self._active):
            self._active = [active for active in self._active if active.ends_at > now]
            self._update_gauges()
        return self._active

    def _update_gauges(self) -> None:
        for kind in Kind:
            self._on.labels(kind.value).set(sum(active.fault.kind is kind for active in self._active))


def _delay(slow: _Active) -> float:
    return (slow.fault.milliseconds + slow.rng.uniform(0, slow.fault.jitter)) / 1000
