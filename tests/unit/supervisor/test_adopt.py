"""Taking a stack back: from its history, from the keeper's snapshot, from damaged files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devctl.core import events as happened
from devctl.core.spec import to_json
from devctl.core.state import State
from devctl.core.transitions import apply
from devctl.paths import StackPaths
from devctl.record import store
from devctl.record.store import EventLog, Run
from devctl.supervisor import adopt
from tests import fakes
from tests.fakes import World


def lived(paths: StackPaths, *, events_kept: int | None = None) -> tuple[Run, State]:
    """Return a run with one healthy service, of whose history only the first events reached the disk."""
    run = store.create(paths)
    spec = fakes.spec(fakes.service("a"))
    world = World(spec)
    world.post(happened.RunBegan(run.id, "t", "boot"))
    world.up()
    world.started("a.1")
    world.ready("a.1")
    log = EventLog(run, dict)
    for event in world.event_log[:events_kept]:
        log.append(event)
    run.spec_file.write_text(json.dumps(to_json(spec)))
    return run, world.loop.state


def test_a_history_tells_the_state(tmp_path: Path) -> None:
    run, state = lived(StackPaths(tmp_path))
    left = adopt.find_previous_run(run, b"", "boot")
    assert left is not None
    assert left.state == state


def test_a_history_that_began_anew_tells_the_state(tmp_path: Path) -> None:
    run, state = lived(StackPaths(tmp_path))
    run.events_file.write_text(json.dumps(happened.to_json(happened.StateKept(to_json(state)))))
    left = adopt.find_previous_run(run, b"", "boot")
    assert left is not None
    assert left.state == state


def test_what_a_full_disk_did_not_take_the_keeper_s_snapshot_tells(tmp_path: Path) -> None:
    run, state = lived(StackPaths(tmp_path), events_kept=2)
    left = adopt.find_previous_run(run, adopt.take_snapshot(state), "boot")
    assert left is not None
    assert left.state == state


def test_a_beginning_that_is_damaged_is_passed_over() -> None:
    assert apply(State("r"), happened.StateKept({"services": 1})).run == "r"


@pytest.mark.parametrize("snapshot", [b"garbage", b"[]", b'{"run": 1}', b'{"new": "field"}'])
def test_a_snapshot_that_says_nothing_is_passed_over(tmp_path: Path, snapshot: bytes) -> None:
    run, state = lived(StackPaths(tmp_path))
    left = adopt.find_previous_run(run, snapshot, "boot")
    assert left is not None
    assert left.state == state


def test_a_history_that_was_cut_in_the_middle_of_a_line_tells_what_came_before(tmp_path: Path) -> None:
    run, _ = lived(StackPaths(tmp_path))
    run.events_file.write_bytes(run.events_file.read_bytes()[:-20])
    left = adopt.find_previous_run(run, b"", "boot")
    assert left is not None
    assert left.state.services["a"].instances["a.1"].pid == 101


@pytest.mark.parametrize("damage", ["", "garbage", '{"name": "t"}', '{"name": "t", "folder": "/", "unheard": 1}'])
def test_a_damaged_specification_means_that_nothing_can_be_taken_back(tmp_path: Path, damage: str) -> None:
    run, _ = lived(StackPaths(tmp_path))
    run.spec_file.write_text(damage)
    left = adopt.find_previous_run(run, b"", "boot")
    assert left is None or left.spec.services == {}


def test_another_boot_and_an_ended_run_leave_nothing(tmp_path: Path) -> None:
    run, _ = lived(StackPaths(tmp_path))
    assert adopt.find_previous_run(run, b"", "another boot") is None
    assert adopt.is_over(run, "another boot")
    assert not adopt.is_over(run, "boot")
    EventLog(run, dict).append(happened.to_json(happened.RunEnded()))
    assert adopt.find_previous_run(run, b"", "boot") is None
    assert adopt.find_previous_run(None, b"", "boot") is None


def test_a_log_that_was_begun_anew_tells_whether_its_run_was_ended(tmp_path: Path) -> None:
    run, state = lived(StackPaths(tmp_path))
    run.events_file.write_text(json.dumps(happened.to_json(happened.StateKept(to_json(state)))) + "\n")
    assert not adopt.is_over(run, "boot")
    ended = to_json(apply(state, happened.RunEnded()))
    run.events_file.write_text(json.dumps(happened.to_json(happened.StateKept(ended))) + "\n")
    assert adopt.is_over(run, "boot")
