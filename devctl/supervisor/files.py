"""Writes the files and makes the folders that an instance must find when it starts."""

from __future__ import annotations

import errno
from collections.abc import Iterable
from pathlib import Path

from devctl.core.spec import File
from devctl.disk import replace_file
from devctl.errors import EnvironmentProblem


def make_folders(folders: Iterable[str]) -> None:
    """Make folders for this user alone; those that are there stay as they are."""
    for folder in folders:
        try:
            Path(folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise problem(error, folder) from error


def write_files(files: Iterable[File]) -> list[str]:
    """Write files whose content differs from what is there; return the paths of those."""
    return [file.path for file in files if _write(file)]


def _write(file: File) -> bool:
    path, content = Path(file.path), file.content.encode()
    try:
        if _has(path, content, file.mode):
            return False
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, content, file.mode)
    except OSError as error:
        raise problem(error, file.path) from error
    return True


def _has(path: Path, content: bytes, mode: int) -> bool:
    try:
        return path.stat().st_mode & 0o777 == mode and path.read_bytes() == content
    except FileNotFoundError:
        return False


def problem(error: OSError, path: str) -> EnvironmentProblem:
    """Return what an error of the disk means for people."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return EnvironmentProblem("the disk is full", where=path, next="Free some space: `devctl prune`, `df -h`.")
    return EnvironmentProblem(f"cannot be written: {error.strerror}", where=path, next="Check its owner and mode.")
