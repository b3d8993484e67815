"""Runs every history through the real loop."""

import pytest

from tests.fakes import World
from tests.histories import History, happen, read_all


@pytest.mark.parametrize("history", read_all(), ids=lambda history: history.title)
def test_a_history_is_answered_as_it_says(history: History) -> None:
    world = World(history.spec)
    for moment in history.moments:
        happen(world, moment.happens)
        where = f"line {moment.number}: {moment.happens}"
        assert sorted(world.ordered()) == sorted(moment.orders), where
        statuses = world.statuses()
        assert {name: statuses.get(name) for name in moment.statuses} == moment.statuses, where
