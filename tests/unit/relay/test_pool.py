"""Which instance gets the next connection."""

from collections import Counter
from typing import Any

from devctl.relay.pool import Pool
from devctl.relay.table import Route, Target, TargetState


class FakeConnection:
    """Remembers that it was asked to leave."""

    is_asked_to_leave = False

    def leave(self) -> None:
        self.is_asked_to_leave = True

    def stay(self) -> None:
        self.is_asked_to_leave = False


def pool(*targets: Target) -> tuple[Pool, list[str]]:
    drained: list[str] = []
    made = Pool(Route("order", "http", 1, targets), lambda member, _: drained.append(member.instance))
    made.update(Route("order", "http", 1, targets))
    return made, drained


def connect(pool: Pool, count: int = 1) -> list[Any]:
    connections = []
    for _ in range(count):
        member = pool.pick()
        assert member is not None
        connections.append(FakeConnection())
        member.connections.add(connections[-1])  # type: ignore[arg-type]
    return connections


def test_ties_are_decided_in_turn() -> None:
    made, _ = pool(Target("a", 1), Target("b", 2), Target("c", 3))
    picks = Counter(member.instance for _ in range(9) if (member := made.pick()))
    assert picks == {"a": 3, "b": 3, "c": 3}


def test_the_one_with_the_fewest_connections_is_picked() -> None:
    made, _ = pool(Target("a", 1), Target("b", 2))
    connect(made, 4)
    made.members["b"].connections.clear()
    assert [member.instance for _ in range(3) if (member := made.pick())] == ["b", "b", "b"]


def test_only_ready_ones_are_picked() -> None:
    made, _ = pool(Target("a", 1, TargetState.UNREADY), Target("b", 2, TargetState.DRAINING))
    assert made.pick() is None


def test_one_that_was_tried_is_not_picked_again() -> None:
    made, _ = pool(Target("a", 1))
    assert made.pick({made.members["a"]}) is None


def test_connections_of_an_instance_that_is_not_ready_are_asked_to_leave() -> None:
    made, _ = pool(Target("a", 1))
    (connection,) = connect(made)
    made.update(Route("order", "http", 1, (Target("a", 1, TargetState.UNREADY),)))
    assert connection.is_asked_to_leave
    made.update(Route("order", "http", 1, (Target("a", 1),)))
    assert not connection.is_asked_to_leave


def test_an_instance_is_drained_when_its_last_connection_is_released() -> None:
    made, drained = pool(Target("a", 1))
    (connection,) = connect(made)
    made.update(Route("order", "http", 1, (Target("a", 1, TargetState.DRAINING),)))
    assert drained == []
    made.released(made.members["a"], connection)
    assert drained == ["a"]


def test_an_instance_without_connections_is_drained_at_once() -> None:
    made, drained = pool(Target("a", 1))
    made.update(Route("order", "http", 1, (Target("a", 1, TargetState.DRAINING),)))
    assert drained == ["a"]


def test_an_instance_on_another_port_is_another_one() -> None:
    made, _ = pool(Target("a", 1))
    connect(made)
    made.update(Route("order", "http", 1, (Target("a", 9),)))
    member = made.pick()
    assert member is not None
    assert (member.port, member.connections) == (9, set())
