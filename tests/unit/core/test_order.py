"""Order, rings and closures of dependencies."""

from hypothesis import given
from hypothesis import strategies as st

from devctl.core.order import graph, ring
from devctl.core.spec import Dependency, Service
from tests.histories import read_services


def services(text: str) -> dict[str, Service]:
    return read_services(text)


def test_a_ring_is_named_in_full() -> None:
    ringed = services("x, a(after c healthy), b(after a healthy), c(after b healthy)")
    path = ring(ringed)
    assert path[0] == path[-1]
    assert set(path) == {"a", "b", "c"}
    assert len(path) == 4


def test_a_service_that_waits_for_itself_is_a_ring() -> None:
    assert ring(services("a(after a healthy)")) == ["a", "a"]


def test_a_diamond_is_no_ring_and_comes_in_order() -> None:
    diamond = services("d(after b healthy, after c healthy), b(after a healthy), c(after a healthy), a")
    assert ring(diamond) == []
    assert graph(diamond).order() == ["a", "b", "c", "d"]


def test_a_name_draws_along_what_it_needs_and_what_needs_it() -> None:
    whole = graph(services("a, b(after a healthy), c(after b healthy), d(maybe after c)"))
    assert whole.with_needed(["b"]) == {"a", "b"}
    assert whole.with_dependents(["b"]) == {"b", "c", "d"}
    assert whole.with_needed(["d"]) == {"d"}, "what is not required is not drawn along"


def test_a_chain_of_thousands_is_no_trouble() -> None:
    chain = {f"s{n}": Service(f"s{n}", depends_on=(Dependency(f"s{n + 1}"),) if n < 5000 else ()) for n in range(5001)}
    assert graph(chain).order()[0] == "s5000"
    assert ring(chain) == []


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=25))
def test_either_there_is_a_ring_or_everything_comes_after_what_it_needs(edges: list[tuple[int, int]]) -> None:
    table = {
        f"s{n}": Service(f"s{n}", depends_on=tuple(Dependency(f"s{to}") for a, to in edges if a == n))
        for n in range(10)
    }
    order = graph(table).order()
    assert sorted(order) == sorted(table)
    in_order = all(order.index(d.service) < order.index(name) for name, s in table.items() for d in s.depends_on)
    assert in_order is (ring(table) == [])
