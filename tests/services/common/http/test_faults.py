"""Faults as such: where they strike, how often, and that a seed repeats them."""

import pytest

from services.common.http.faults import Fault, Faults, Kind
from services.common.runtime.metrics import Metrics


def struck(*faults: Fault, where: str = "GET /a", times: int = 200) -> list[bool]:
    on = Faults(Metrics(with_process=False), is_allowed=True)
    on.replace(list(faults))
    return [on.hit(Kind.ERROR, where) is not None for _ in range(times)]


def test_the_same_seed_strikes_the_same_calls() -> None:
    fault = Fault(kind=Kind.ERROR, rate=0.3, seed=7)
    assert struck(fault) == struck(fault)
    assert struck(fault) != struck(fault.model_copy(update={"seed": 8}))


def test_the_rate_is_the_share_of_the_calls() -> None:
    assert 30 < sum(struck(Fault(kind=Kind.ERROR, rate=0.3, seed=1))) < 90
    assert not any(struck(Fault(kind=Kind.ERROR, rate=0)))
    assert all(struck(Fault(kind=Kind.ERROR)))


@pytest.mark.parametrize(("where", "hits"), [("POST /inventory/check", True), ("GET /inventory/check", False)])
def test_a_fault_of_one_route_leaves_the_others_alone(where: str, hits: bool) -> None:
    assert all(struck(Fault(kind=Kind.ERROR, route="POST /inventory/*"), where=where)) is hits
