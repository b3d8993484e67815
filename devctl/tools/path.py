"""Source `path`: what is installed on this machine already, in the right range of versions."""

from __future__ import annotations

import glob
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from devctl.tools import versions
from devctl.tools.base import Tool
from devctl.tools.entry import Entry, Program


def find(entry: Entry) -> Tool | None:
    """Return the first program on the PATH (or in its usual folders) whose version is in range."""
    if entry.on_path is None:
        return None
    for program in _candidates(entry.on_path):
        if version := _good_version(program, entry.on_path):
            path = program.resolve().parent if entry.is_folder else program
            return Tool(entry.name, str(path), version, "path")
    return None


def _candidates(program: Program) -> Iterator[Path]:
    for name in program.names:
        if path_name := shutil.which(name):
            yield Path(path_name).absolute()
        for pattern in program.folders:
            for folder in sorted(glob.glob(os.path.expandvars(pattern)), reverse=True):  # noqa: PTH207  an absolute pattern
                path = Path(folder, name)
                if os.access(path, os.X_OK):
                    yield path


def _good_version(path: Path, program: Program) -> str:
    """Return the version of a program in range, else an empty string."""
    version = version_of(path, program)
    if any(span.holds(version) for span in program.ranges):
        return version
    if version == versions.UNKNOWN and program.proof:
        arguments, text = program.proof
        return versions.UNKNOWN if text in versions.output(path, arguments) else ""
    return ""


def version_of(path: Path, program: Program) -> str:
    """Return the version that the program prints or, where it has no option for that, that its real path names."""
    if program.ask:
        return versions.ask(path, program.ask, program.pattern)
    return versions.match(program.pattern, str(path.resolve()))
