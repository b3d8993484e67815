"""A reader that meets a stack on its way out: it says that nothing runs, and starts nothing."""

import os
import tempfile
import threading
from pathlib import Path

import pytest

from devctl.machine import lock_record
from devctl.machine.boot import boot_id
from devctl.machine.lock_record import LockRecord
from devctl.machine.locks import leave_state_folder, take_lock
from devctl.paths import StackPaths
from devctl.session.connect import connect


def test_whoever_waits_for_a_supervisor_that_takes_its_stack_down_starts_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with tempfile.TemporaryDirectory(dir="/tmp") as runtime:  # the path of a socket is to be short
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        paths = StackPaths(tmp_path)
        lock = take_lock(paths)
        assert lock is not None
        lock_record.write(lock, LockRecord(os.fspath(tmp_path), os.fspath(paths.runtime), boot_id()))

        def leave() -> None:
            leave_state_folder(paths)
            os.close(lock)

        leaving = threading.Timer(0.3, leave)
        leaving.start()
        assert connect(paths) is None
        leaving.join()
        assert not paths.lock.exists()
        assert not paths.runtime.exists()
