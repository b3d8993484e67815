"""The allocation of ports, over a machine that a test describes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devctl.core.ports import allocate, candidates
from devctl.core.spec import Port, Service
from devctl.errors import EnvironmentProblem
from tests import fakes

EPHEMERAL = (32768, 60999)


def service(name: str, *ports: Port, replicas: int = 1) -> Service:
    return replace(fakes.service(name), ports=ports, replicas=replicas)


def test_free_ports_are_taken_once_each_and_kept() -> None:
    services = [service("a", Port("http"), Port("admin"), replicas=2), service("b", Port("http"))]
    first = allocate(services, {}, lambda _: True, candidates(0, EPHEMERAL)).ports
    numbers = [number for table in first.values() for number in table.values()]
    assert len(numbers) == len(set(numbers)) == 5
    assert allocate(services, first, lambda _: True, candidates(99, EPHEMERAL)).ports == {}


def test_a_fixed_port_that_is_taken_is_a_conflict() -> None:
    allocation = allocate([service("a", Port("http", 8080))], {}, lambda n: n != 8080, candidates(0, EPHEMERAL))
    assert [(c.service, c.port.number) for c in allocation.conflicts] == [("a", 8080)]


def test_an_inherited_port_gives_way_and_says_so() -> None:
    hub = service("hub", Port("otlp", 4318, inherited=True))
    allocation = allocate([hub], {}, lambda n: n not in (4318, 4319), candidates(0, EPHEMERAL))
    assert allocation.ports == {"hub.1": {"otlp": 4320}}
    assert allocation.moved == (("hub", 4318, 4320),)


def test_an_inherited_port_gives_way_to_a_service_that_fixes_the_same_number() -> None:
    hub = service("hub", Port("otlp", 4318, inherited=True), Port("otlp_grpc", 4317, inherited=True))
    collector = service("collector", Port("otlp", 4317))
    allocation = allocate([hub, collector], {}, lambda _: True, candidates(0, EPHEMERAL))
    assert allocation.ports["hub.1"] == {"otlp": 4318, "otlp_grpc": 4319}
    assert allocation.conflicts == ()


def test_a_port_that_somebody_took_meanwhile_is_replaced() -> None:
    allocation = allocate([service("a", Port("http"))], {"a.1": {"http": 20000}}, lambda n: n != 20000, iter([20001]))
    assert allocation.ports == {"a.1": {"http": 20001}}


def test_an_instance_leaves_the_fixed_number_to_the_relay_once_its_service_is_relayed() -> None:
    direct, relayed = (service("a", Port("http", 8080), replicas=count) for count in (1, 2))
    before = allocate([direct], {}, lambda _: True, iter([])).ports
    after = allocate([relayed], before, lambda _: True, iter([20001, 20002, 20003])).ports
    assert after == {
        "a": {"http": 8080}, "a.1": {"http": 20001}, "a.2": {"http": 20002}, "a.3": {"http": 20003}
    }  # fmt: skip


def test_a_machine_without_free_ports_is_said_plainly() -> None:
    with pytest.raises(EnvironmentProblem, match="no free port"):
        allocate([service("a", Port("http"))], {}, lambda _: False, candidates(0, EPHEMERAL))


@given(st.integers(0, 2**48), st.integers(1024, 60000), st.integers(0, 5000))
def test_candidates_lie_outside_the_ephemeral_range(start: int, low: int, length: int) -> None:
    some = candidates(start, (low, low + length))
    assert all(not low <= next(some) <= low + length for _ in range(50))
