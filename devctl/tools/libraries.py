"""Shared libraries of a tool that was unpacked with what it depends on: where they lie and whether all are there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from devctl.tools.cache import RECORD

FOLDERS = ("usr/lib/*-linux-*", "lib/*-linux-*")
"""Debian's folders for libraries, one per processor architecture."""
VARIABLE = "LD_LIBRARY_PATH"
WRAPPERS = "wrapped"
WRAPPER = """#!/bin/sh
root=$(dirname "$(dirname "$(readlink -f "$0")")")
export {variable}="{paths}${{{variable}:+:${variable}}}"
exec "$root/{program}" "$@"
"""


def folders(root: Path) -> list[Path]:
    """Return the folders of an unpacked tree that hold shared libraries."""
    return [folder for pattern in FOLDERS for folder in sorted(root.glob(pattern)) if any(folder.glob("*.so*"))]


def environment(program: Path) -> dict[str, str]:
    """Return the variables with which a tool finds the libraries that lie in the cache beside it; may be empty."""
    root = root_of(program)
    paths = [str(folder) for folder in folders(root)] if root else []
    inherited = os.environ.get(VARIABLE)
    return {VARIABLE: ":".join([*paths, inherited] if inherited else paths)} if paths else {}


def wrap(program: Path, root: Path) -> Path:
    """Return what starts a program of the unpacked tree `root` so that it finds the libraries that lie beside it: the
    program itself where none do, else a script in the tree that is made here."""
    if not folders(root):
        return program
    script = root / WRAPPERS / program.name
    script.parent.mkdir(exist_ok=True, mode=0o700)
    paths = ":".join(f"$root/{folder.relative_to(root).as_posix()}" for folder in folders(root))
    script.write_text(WRAPPER.format(variable=VARIABLE, paths=paths, program=program.relative_to(root).as_posix()))
    script.chmod(0o700)
    return script


def root_of(program: Path) -> Path | None:
    """Return the tool's own folder in the cache, None for a program that lies elsewhere."""
    return next((folder for folder in program.parents if (folder / RECORD).is_file()), None)


def elf_files(root: Path) -> Iterator[Path]:
    """Yield the programs and libraries of a tree that the system's loader would load."""
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink():
            with open(path, "rb") as file:
                if file.read(4) == b"\x7fELF":
                    yield path
