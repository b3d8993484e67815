"""One supervisor holds the lock of a stack, whatever happens to the folder that it lies in."""

import os
import shutil
from pathlib import Path

import pytest

from devctl.errors import EnvironmentProblem
from devctl.keeper import system
from devctl.machine import boot, folders, locks
from devctl.paths import StackPaths


@pytest.fixture
def paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackPaths:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return StackPaths(tmp_path / "stack")


def test_who_asks_second_does_not_get_the_lock(paths: StackPaths) -> None:
    lock = locks.take_lock(paths)
    assert lock is not None
    assert locks.take_lock(paths) is None
    os.close(lock)


def test_a_lock_whose_file_was_removed_is_held_by_nobody(paths: StackPaths) -> None:
    lost = locks.take_lock(paths)
    shutil.rmtree(paths.runtime)
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


def test_keeper_and_supervisor_mean_the_same_boot(tmp_path: Path) -> None:
    assert boot.boot_id() == system.boot_id() != ""
    boot.mark(tmp_path)
    assert boot.is_marked(tmp_path)
    (tmp_path / "boot").write_text("another")
    assert not boot.is_marked(tmp_path)
