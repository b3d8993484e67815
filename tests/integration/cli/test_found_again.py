"""A stack that runs is found and stopped whatever happened to the folders around it; there is one supervisor of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.cli.shell import MANIFEST, Shell, is_alive
from tests.waiting import eventually


@pytest.fixture
def base() -> Iterator[Path]:
    """Yield a folder with a short name for runtime folders and projects."""
    with tempfile.TemporaryDirectory(prefix="dc") as folder:
        yield Path(folder).resolve()


@pytest.fixture
def shell(base: Path) -> Iterator[Shell]:
    """Yield a stack in `base/stack` that runs, with its runtime folder in `base/rt`."""
    (base / "rt").mkdir(mode=0o700)
    (base / "stack").mkdir()
    (base / "stack" / "stack.yaml").write_text(MANIFEST)
    shell = Shell(base / "stack", str(base / "rt"))
    shell.environ |= {"XDG_STATE_HOME": str(base / "state"), "TMPDIR": str(base)}
    shell.run("up -d")
    db = shell.pid
    yield shell
    if is_alive(db):
        os.killpg(db, signal.SIGKILL)


def status(shell: Shell, code: int = 0) -> dict[str, Any]:
    return dict(json.loads(shell.run("status --json", code).stdout))


def devctl_pids(shell: Shell) -> tuple[int, int]:
    view = status(shell)
    return view["supervisor"]["pid"], view["keeper"]["pid"]


def kill(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for pid in pids:
        eventually(lambda pid=pid: not is_alive(pid), within=30, what=f"the end of {pid}")


def taken_down(shell: Shell, *, db: int = 0) -> None:
    """Take the stack down, and assert that nothing of it is left."""
    db = db or shell.pid
    assert is_alive(db)
    assert "Stopped everything" in shell.run("down").stderr
    assert not is_alive(db)
    assert not list(shell.folder.parent.glob("*/devctl/*/*"))
    assert not list(shell.folder.parent.glob("state/devctl/stacks/*"))


def in_other_environment(shell: Shell, **environment: str) -> Shell:
    other = Shell(shell.folder, str(shell.runtime))
    other.environ = {**shell.environ, **environment}
    return other


def test_a_shell_with_another_runtime_folder_finds_the_stack_and_starts_no_second_supervisor(shell: Shell) -> None:
    other = in_other_environment(shell, XDG_RUNTIME_DIR="")
    assert devctl_pids(other) == devctl_pids(shell)
    other.run("up -d")
    assert devctl_pids(other) == devctl_pids(shell)
    taken_down(other)


def test_services_whose_supervisor_and_keeper_were_killed_are_found_without_a_runtime_folder(shell: Shell) -> None:
    kill(*devctl_pids(shell))
    shutil.rmtree(shell.runtime)
    assert {s["status"] for s in status(shell)["services"]} == {"running"}
    taken_down(shell)


def test_a_runtime_folder_that_cannot_be_made_again_is_replaced_by_another(shell: Shell, base: Path) -> None:
    shutil.rmtree(shell.runtime)
    supervisor = shell.folder / ".devctl" / "supervisor.lock"
    other = str(base / f"devctl-{os.getuid()}")
    eventually(lambda: other in supervisor.read_text(), within=30, what="the move of the sockets")
    assert {s["status"] for s in status(shell)["services"]} == {"running"}
    shell.run("restart api")
    taken_down(shell)


def test_a_keeper_whose_socket_was_removed_is_replaced_by_the_next_supervisor(shell: Shell) -> None:
    supervisor, keeper = devctl_pids(shell)
    kill(supervisor)
    shutil.rmtree(shell.runtime)
    other = in_other_environment(shell, XDG_RUNTIME_DIR="")
    assert devctl_pids(other)[1] != keeper
    assert not is_alive(keeper)
    taken_down(other)


def test_a_stack_whose_folder_was_renamed_is_found_there_and_goes_on_in_it(shell: Shell, base: Path) -> None:
    db = shell.pid
    shell.folder = shell.folder.rename(base / "renamed")
    view = status(shell)
    assert (view["folder"], view["status"]) == (str(base / "renamed"), "healthy")
    shell.run("restart api", code=1)  # its working folder is gone, and it says so
    assert "no such working directory" in shell.run("why api", code=1).stdout
    assert f"the folder was {base / 'stack'} when the services started" in view["notice"]
    assert "`devctl up -d`" in view["notice"]
    shell.run("up -d")
    view = status(shell)
    assert (view["status"], view["notice"]) == ("healthy", "")
    restarted = next(s for s in view["services"] if s["name"] == "db")["instances"][0]["pid"]
    assert restarted != db
    taken_down(shell, db=restarted)
    assert not (base / "stack").exists()
    assert status(shell, code=1)["status"] == "stopped"


def test_a_supervisor_notices_by_itself_that_its_folder_was_renamed(shell: Shell, base: Path) -> None:
    shell.folder = shell.folder.rename(base / "renamed")
    lock = shell.folder / ".devctl" / "supervisor.lock"
    eventually(lambda: str(base / "renamed") in lock.read_text(), within=30, what="the new folder in the lock")
    eventually(lambda: str(base / "renamed") in shell.run("ls").stdout, within=30, what="the new folder in the index")
    taken_down(shell)


def test_a_new_project_at_the_place_of_a_renamed_one_is_a_stack_of_its_own(shell: Shell, base: Path) -> None:
    renamed = in_other_environment(shell)
    renamed.folder = shell.folder.rename(base / "renamed")
    (base / "stack").mkdir()
    (base / "stack" / "stack.yaml").write_text(MANIFEST.replace("demo", "other"))
    assert "Nothing runs here." in shell.run("down").stderr
    shell.run("up -d")
    assert status(shell)["stack"] == "other"
    assert status(renamed)["stack"] == "demo"
    other_db, db = shell.pid, renamed.pid
    shell.run("down")
    assert (is_alive(other_db), is_alive(db)) == (False, True)
    taken_down(renamed)


def test_a_stack_whose_state_folder_was_deleted_is_still_taken_down(shell: Shell) -> None:
    shutil.rmtree(shell.folder / ".devctl")
    taken_down(shell)


def test_services_are_found_by_the_record_of_their_run_when_everything_else_is_gone(shell: Shell) -> None:
    kill(*devctl_pids(shell))
    shutil.rmtree(shell.runtime)
    (shell.folder / ".devctl" / "supervisor.lock").unlink()
    shutil.rmtree(shell.folder.parent / "state")
    taken_down(shell)


def test_a_stack_whose_folder_was_deleted_is_listed_and_taken_down_from_anywhere(shell: Shell, base: Path) -> None:
    db, folder = shell.pid, shell.folder
    shutil.rmtree(folder)
    shell.folder = base
    listed = json.loads(shell.run("ls --json").stdout)
    assert (listed["folder"], listed["status"]) == (str(folder), "healthy")
    shell.run(f"--project-directory {folder} down")
    assert not is_alive(db)
    assert shell.run("ls --json").stdout == ""


def test_ls_shows_every_stack_with_its_services_from_any_folder(shell: Shell, base: Path) -> None:
    db = shell.pid
    shell.run("up -d --isolated")
    elsewhere = in_other_environment(shell)
    elsewhere.folder = base
    stacks = [json.loads(line) for line in elsewhere.run("ls --json").stdout.splitlines()]
    assert [(s["project"], s["folder"], s["status"]) for s in stacks] == [
        ("", str(shell.folder), "healthy"), ("isolated", str(shell.folder), "healthy")
    ]  # fmt: skip
    assert {s["name"]: s["status"] for s in stacks[0]["services"]} == {"db": "running", "api": "running"}
    shown = elsewhere.run("ls").stdout
    assert f"in {shell.folder} (-p isolated)" in shown
    shell.run("-p isolated down")
    taken_down(shell, db=db)
    assert "No stack of yours runs." in elsewhere.run("ls").stderr
