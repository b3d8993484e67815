import os
import stat
from pathlib import Path

import pytest

from devctl.paths import StackPaths
from devctl.record import store
from devctl.record.store import EventLog


class Ticking:
    """A clock that shows another millisecond at each look, or stands."""

    def __init__(self, step_ns: int = 1_000_000) -> None:
        self._now, self._step = 1_795_500_000_000_000_000, step_ns

    def now_ns(self) -> int:
        self._now += self._step
        return self._now

    def monotonic(self) -> float:
        return self._now / 1e9


def test_a_run_is_private_and_hidden_from_git(tmp_path: Path) -> None:
    run = store.create(StackPaths(tmp_path))
    assert (tmp_path / ".devctl" / ".gitignore").read_text() == "*\n"
    for folder in (tmp_path / ".devctl", run.folder, run.logs):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_newest_run_is_current_and_the_last_ten_are_kept(tmp_path: Path) -> None:
    paths, clock = StackPaths(tmp_path), Ticking()
    made = [store.create(paths, clock) for _ in range(13)]
    assert store.runs(paths) == made[:2:-1]
    assert store.current(paths) == made[-1]


def test_runs_of_one_name_have_folders_of_their_own(tmp_path: Path) -> None:
    default, isolated = StackPaths(tmp_path), StackPaths(tmp_path, "other")
    store.create(default)
    assert store.current(isolated) is None
    assert store.create(isolated).folder.is_relative_to(tmp_path / ".devctl" / "projects" / "other")


def test_a_run_can_be_measured_and_deleted(tmp_path: Path) -> None:
    paths = StackPaths(tmp_path)
    run = store.create(paths)
    (run.logs / "some").write_bytes(b"x" * 1000)
    assert store.size(run) == 1000
    store.delete(run)
    assert store.runs(paths) == []


def test_events_come_back_in_order_and_a_cut_line_is_passed_over(tmp_path: Path) -> None:
    run = store.create(StackPaths(tmp_path))
    EventLog(run, dict).append({"n": 1})
    with run.events_file.open("ab") as file:
        file.write(b'{"n": 2, "cut')
    EventLog(run, dict).append({"n": 3})
    assert [event["n"] for event in store.events(run)] == [1, 3]
    assert stat.S_IMODE(run.events_file.stat().st_mode) == 0o600


def test_events_wait_for_room_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = store.create(StackPaths(tmp_path))
    log = EventLog(run, dict)
    log.append({"n": 1})
    write = os.write
    monkeypatch.setattr(store.os, "write", lambda fd, text: write(fd, text[:4]))
    log.append({"n": 2})
    log.append({"n": 3})
    assert log.unwritten == 2
    monkeypatch.setattr(store.os, "write", write)
    log.flush()
    assert log.unwritten == 0
    assert [event["n"] for event in store.events(run)] == [1, 2, 3]


def test_a_run_without_events_has_none(tmp_path: Path) -> None:
    assert list(store.events(store.create(StackPaths(tmp_path)))) == []


def test_a_history_that_has_grown_too_long_begins_anew_with_what_it_amounts_to(tmp_path: Path) -> None:
    run = store.create(StackPaths(tmp_path))
    counted: list[int] = []
    log = EventLog(run, lambda: {"sum": sum(counted)}, most_bytes=100)
    for number in range(25):
        counted.append(number)
        log.append({"n": number})
    kept = list(store.events(run))
    assert kept[0]["sum"] + sum(event["n"] for event in kept[1:]) == sum(counted)
    assert run.events_file.stat().st_size < 100
    assert run.earlier_events_file.stat().st_size < 200
    assert {stat.S_IMODE(p.stat().st_mode) for p in run.folder.glob("events*")} == {0o600}
