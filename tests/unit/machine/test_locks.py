"""One supervisor holds the lock of a stack, whatever happens to the folder that it lies in."""

import os
import shutil
from pathlib import Path

import pytest

from devctl.errors import EnvironmentProblem
from devctl.keeper import system
from devctl.machine import boot, folders, lock_record, locks
from devctl.machine.lock_record import LockRecord
from devctl.machine.process import start_ticks
from devctl.paths import StackPaths


@pytest.fixture
def paths(tmp_path: Path) -> StackPaths:
    (tmp_path / "stack").mkdir()
    return StackPaths((tmp_path / "stack").resolve())


def test_who_asks_second_does_not_get_the_lock(paths: StackPaths) -> None:
    lock = locks.take_lock(paths)
    assert lock is not None
    assert locks.take_lock(paths) is None
    os.close(lock)


def test_a_lock_whose_file_was_removed_is_held_by_nobody(paths: StackPaths) -> None:
    lost = locks.take_lock(paths)
    shutil.rmtree(paths.state)
    lock = locks.take_lock(paths)
    assert lost is not None
    assert lock is not None
    assert locks.is_held_by(lock, paths.lock)
    assert not locks.is_held_by(lost, paths.lock)
    os.close(lost)
    os.close(lock)


def test_a_folder_that_others_could_enter_is_closed_and_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(0o777)
    folders.private_folder(tmp_path / "open")
    assert (tmp_path / "open").stat().st_mode & 0o077 == 0
    (tmp_path / "file").touch()
    with pytest.raises(EnvironmentProblem):
        folders.private_folder(tmp_path / "file")


def test_keeper_and_supervisor_mean_the_same_boot() -> None:
    assert boot.boot_id() == system.boot_id() != ""


def test_a_lock_says_who_holds_it_however_much_it_said_before(paths: StackPaths) -> None:
    lock = locks.take_lock(paths)
    assert lock is not None
    long = LockRecord("/folder" * 20, "/runtime", boot.boot_id(), os.getpid(), start_ticks(os.getpid()))
    for record in (long, long._replace(folder="/f", pid=0, ticks=0)):
        lock_record.write(lock, record)
        assert lock_record.read(paths.lock) == lock_record.read_held(lock) == record
        assert record.has_supervisor == (record is long)
    os.close(lock)


def test_a_number_that_another_process_or_boot_had_is_not_that_process() -> None:
    ticks = start_ticks(os.getpid())
    assert LockRecord("", "", boot.boot_id(), os.getpid(), ticks).has_supervisor
    assert not LockRecord("", "", boot.boot_id(), os.getpid(), ticks + 1).has_supervisor
    assert not LockRecord("", "", "another boot", os.getpid(), ticks).has_supervisor


def test_a_lock_knows_where_its_stack_was_renamed_to(paths: StackPaths) -> None:
    lock = locks.take_lock(paths._replace(project="p"))
    assert lock is not None
    assert locks.folder_of(lock, paths._replace(project="p")) == paths.folder
    moved = paths.folder.rename(paths.folder.with_name("moved"))
    assert locks.folder_of(lock, paths._replace(project="p")) == moved
    os.close(lock)


@pytest.mark.parametrize(("project", "others"), [("", ()), ("p", ()), ("p", ("runs",))])
def test_a_lock_that_is_left_takes_only_empty_folders_with_it(
    paths: StackPaths, project: str, others: tuple[str, ...]
) -> None:
    stack = paths._replace(project=project)
    lock = locks.take_lock(stack)
    assert lock is not None
    for name in others:
        (stack.state / name).mkdir()
    locks.leave_state_folder(stack)
    assert (paths.folder / ".devctl").exists() == bool(others)
    os.close(lock)


def test_a_folder_that_is_gone_cannot_be_locked(paths: StackPaths) -> None:
    paths.folder.rmdir()
    with pytest.raises(EnvironmentProblem, match="is gone"):
        locks.take_lock(paths)
