"""A program that cannot be started: the reason names its thing, and the next step is the right one."""

import errno
import os
from pathlib import Path

import pytest

from devctl.core.launch import Launch
from devctl.errors import DevctlError
from devctl.keeper.spawn import find_program, spawn
from devctl.runners.failed_start import StartRefused, explain


def start(folder: Path, *argv: str, working_dir: str = "") -> DevctlError:
    """Try to start a program as the keeper does and return what a person is told."""
    launch = Launch("a.1", "a", "run", argv, {"PATH": os.defpath}, working_dir or str(folder), str(folder))
    fifo = folder / "fifo"
    if not fifo.exists():
        os.mkfifo(fifo)
    try:
        os.waitpid(spawn(argv, launch.environment, launch.working_dir, str(fifo), ()), 0)
    except OSError as error:
        where = error.filename if isinstance(error.filename, str) else ""
        return explain(StartRefused(error.strerror, where=where, number=error.errno), launch, folder)
    raise AssertionError("it could be started")


def script(folder: Path, text: bytes, mode: int = 0o755) -> str:
    path = folder / "program"
    path.write_bytes(text)
    path.chmod(mode)
    return str(path)


def test_a_missing_interpreter_is_named(tmp_path: Path) -> None:
    error = start(tmp_path, script(tmp_path, b"#!/opt/no/python9 -u\nx"))
    assert error.what == "a.1 cannot be started: its interpreter /opt/no/python9 does not exist"
    assert error.next == f"install it, or correct the #! of {tmp_path}/program"


def test_line_ends_of_windows_are_named(tmp_path: Path) -> None:
    error = start(tmp_path, script(tmp_path, b"#!/bin/sh\r\nx\r\n"))
    assert "its lines end as on Windows (CRLF)" in error.what
    assert "sed -i" in error.next


def test_a_file_that_is_not_executable_is_told_so(tmp_path: Path) -> None:
    error = start(tmp_path, script(tmp_path, b"#!/bin/sh\n", 0o644))
    assert error.what == "a.1 cannot be started: the file is not executable"
    assert error.next.startswith(f"chmod +x {tmp_path}/program")


def test_a_program_of_another_machine_is_told_so(tmp_path: Path) -> None:
    error = start(tmp_path, script(tmp_path, b"\x7fELFnothing"))
    assert "made for another kind of machine" in error.what


@pytest.mark.parametrize("folder", [".venv/bin", "node_modules/.bin"])
def test_a_program_beside_the_manifest_is_named(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "sub").mkdir()
    script(tmp_path / folder, b"#!/bin/sh\n")
    assert start(tmp_path, "program").next == f"it lies in {folder}: write {folder}/program as its command"
    assert f"write ../{folder}/program" in start(tmp_path, "program", working_dir=str(tmp_path / "sub")).next
    with pytest.raises(FileNotFoundError):
        find_program("program", str(tmp_path), {"PATH": os.defpath})


@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EMFILE, "raise the limit of open files"), (errno.ENFILE, "no file left"), (errno.EAGAIN, "ulimit -u"),
        (errno.ENOMEM, "memory"), (errno.ENOSPC, "disk is full"), (errno.E2BIG, "shorten"),
    ],
)  # fmt: skip
def test_a_lack_of_the_machine_is_not_blamed_on_the_command(tmp_path: Path, number: int, advice: str) -> None:
    launch = Launch("a.1", "a", "run", ("x",), {}, str(tmp_path), str(tmp_path))
    error = explain(StartRefused(os.strerror(number), number=number), launch, tmp_path)
    assert advice in error.next
    assert "command" not in error.next


def test_a_missing_folder_and_a_name_with_blanks_are_named(tmp_path: Path) -> None:
    assert "working_dir" in start(tmp_path, "sh", working_dir=str(tmp_path / "no")).next
    assert "item of its own" in start(tmp_path, "sh -c x").next
    assert start(tmp_path, "no-such-program").next == "install it, or correct its command"
