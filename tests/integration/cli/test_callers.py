"""A command works whatever its caller did to its streams and folder; what it starts gets the limits of the caller."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.integration.cli.shell import MANIFEST, Shell
from tests.waiting import eventually

CLOSED = [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full", "2> >(exit 0)"]
SOFT_LIMIT = 777


@pytest.mark.parametrize("streams", CLOSED)
def test_up_status_and_down_work_whatever_stream_is_closed_or_broken(shell: Shell, streams: str) -> None:
    how = f'exec "$@" {streams}'
    shell.run("up -d", shell=how)
    assert '"healthy"' in shell.run("status --json").stdout

    shell.run("status", shell=how)
    shell.run("down", shell=how)

    shell.run("status", code=1)
    assert shell.is_empty()
    assert not list((shell.folder / ".devctl").glob("bug-*"))


def in_deleted(folder: Path) -> str:
    """Return how a shell starts a command in a folder that it has deleted."""
    return f'mkdir -p {folder} && cd {folder} && rmdir {folder} && exec "$@"'


def test_in_a_deleted_folder_of_the_project_commands_work_as_in_the_folder_above(shell: Shell) -> None:
    below = in_deleted(shell.folder / "below")
    shell.run("up -d", shell=below)
    assert "demo is healthy" in shell.run("status", shell=below).stdout
    assert "demo is healthy" in shell.run("-f ../stack.yaml status", shell=below).stdout
    assert "name: demo" in shell.run("config", shell=below).stdout
    shell.run("down", shell=below)
    shell.run("status", code=1)


@pytest.mark.parametrize("line", ["status", "up -d", "down", "init", "logs", "runs"])
def test_in_a_deleted_folder_of_no_project_a_sentence_says_so(shell: Shell, tmp_path: Path, line: str) -> None:
    outside = in_deleted(tmp_path.parent / f"{tmp_path.name}-outside")
    code = 3 if line == "init" else 2
    assert "the working folder was deleted" in shell.run(line, code=code, shell=outside).stderr


@pytest.mark.parametrize("line", ["--help", "--version", "tools list", "schema"])
def test_what_needs_no_stack_works_in_a_deleted_folder(shell: Shell, tmp_path: Path, line: str) -> None:
    shell.run(line, shell=in_deleted(tmp_path.parent / f"{tmp_path.name}-outside"))


def test_a_folder_that_was_made_anew_is_the_working_folder_again(shell: Shell) -> None:
    again = f'cd {shell.folder}/sub && rm -r {shell.folder}/sub && mkdir {shell.folder}/sub && exec "$@"'
    (shell.folder / "sub").mkdir()
    assert "name: demo" in shell.run("config", shell=again).stdout
    shutil.rmtree(shell.folder / "sub")


def test_instances_and_their_checks_get_the_callers_soft_limit_of_open_files(shell: Shell) -> None:
    (shell.folder / "stack.yaml").write_text(
        MANIFEST.partition("services:")[0]
        + """services:
  api:
    command: [sh, -c, "ulimit -Sn >> limits; exec sleep 600"]
    healthcheck: {test: "sleep 0.05; ulimit -Sn >> checked"}
"""
    )
    limited = f'ulimit -Sn {SOFT_LIMIT}; exec "$@"'
    shell.run("up -d", shell=limited)
    shell.kill_supervisor()
    shell.run("restart api", shell=limited)

    assert (shell.folder / "limits").read_text().split() == [str(SOFT_LIMIT)] * 2
    eventually(lambda: (shell.folder / "checked").read_text().count("\n") > 1, within=30)
    assert set((shell.folder / "checked").read_text().split()) == {str(SOFT_LIMIT)}
