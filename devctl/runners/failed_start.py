"""Why a program could not be started, and what helps: read from the error and from what lies on disk."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from devctl.core.launch import Launch
from devctl.errors import DevctlError

BESIDE = (".venv/bin", "node_modules/.bin", "bin")
"""Folders beside a manifest where projects keep programs of their own."""
LONGEST_FIRST_LINE = 256  # what Linux reads of it
ELF = b"\x7fELF"

_NEXT = {
    errno.EMFILE: "raise the limit of open files (`ulimit -n`), or stop something that holds many",
    errno.ENFILE: "the whole machine has no file left to open: stop something that holds many",
    errno.EAGAIN: "no further process may be started: raise the limit (`ulimit -u`), or stop something",
    errno.ENOMEM: "the machine's memory is used up: stop something",
    errno.ENOSPC: "the disk is full: make room there",
    errno.EDQUOT: "your quota on the disk is used up: make room there",
    errno.E2BIG: "its arguments and variables are together larger than the system takes: shorten them",
}


class StartRefused(DevctlError):
    """The keeper could not start a program; `number` is the system's, 0 for none."""

    def __init__(self, what: str, *, where: str = "", number: int = 0) -> None:
        super().__init__(what, where=where)
        self.number = number


def explain(error: DevctlError, launch: Launch, project: Path) -> DevctlError:
    """Return the error of a start as a person can act upon it. `project` is the manifest's folder."""
    number = error.number if isinstance(error, StartRefused) else 0
    where = error.where or launch.argv[0]
    what, advice = error.what, _NEXT.get(number, "")
    if not advice and Path(where).is_file():
        what, advice = _of_file(where, number, what)
    if not advice:
        advice = _elsewhere(launch, project) or "see its command and working_dir in the manifest"
    return DevctlError(f"{launch.instance} cannot be started: {what}", where=where, next=advice)


def _of_file(path: str, number: int, what: str) -> tuple[str, str]:
    """Return what is wrong with a program that is there, and what helps."""
    if not os.access(path, os.X_OK):
        return "the file is not executable", f"chmod +x {path}, or name its interpreter in the command"
    first = _first_line(path)
    if first.startswith(b"#!"):
        return _of_script(path, first)
    if number == errno.ENOEXEC:
        kind = "is made for another kind of machine" if first.startswith(ELF) else "begins with no #! line"
        return f"{what}: it {kind}", "name its interpreter in the command, or get the program for this machine"
    if number == errno.ENOENT and first.startswith(ELF):
        return "its loader is missing: it is made for another C library", "get the program for this system"
    return what, ""


def _of_script(path: str, first: bytes) -> tuple[str, str]:
    interpreter = os.fsdecode(first[2:].split()[0]) if first[2:].split() else ""
    if first.rstrip(b"\n").endswith(b"\r"):
        what = f"its lines end as on Windows (CRLF), so that its interpreter is {interpreter}\\r"
        return what, f"save {path} with LF: sed -i 's/\\r$//' {path}"
    if not interpreter or not Path(interpreter).exists():
        return f"its interpreter {interpreter or '(none)'} does not exist", f"install it, or correct the #! of {path}"
    return f"its interpreter {interpreter} cannot be run", f"correct the first line of {path}"


def _first_line(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.readline(LONGEST_FIRST_LINE)
    except OSError:
        return b""


def _elsewhere(launch: Launch, project: Path) -> str:
    """Return where a program lies that is not on the PATH, as advice; empty when it lies nowhere near."""
    name = launch.argv[0]
    if not Path(launch.working_dir).is_dir():
        return f"make the folder, or correct working_dir: {launch.working_dir}"
    if " " in name and "/" not in name:
        return "its name has blanks: in a list every argument is an item of its own"
    for base in (Path(launch.working_dir), project):
        for folder in BESIDE:
            candidate = base / folder / Path(name).name
            if candidate.is_file() and os.access(candidate, os.X_OK):
                written = os.path.relpath(candidate, launch.working_dir)
                return f"it lies in {folder}: write {written} as its command"
    return "install it, or correct its command" if "/" not in name else ""
