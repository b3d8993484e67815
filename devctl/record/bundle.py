"""A run packed into one file: its layout, and how it is read back without trusting it."""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from collections.abc import Iterator
from pathlib import Path

from devctl.errors import EnvironmentProblem, UsageError
from devctl.paths import STATE_FOLDER
from devctl.record import secrets

FORMAT = "devctl-bundle 1"
FORMAT_FILE = "FORMAT"
RUN_FOLDER = "run/"
MOST_BYTES = 8 << 30
"""A bundle that unpacks to more is refused: a record is capped at 2 GiB of spans, logs at 256 MiB for each service."""
MOST_FILES = 20_000
_NAME = re.compile(r"(?:run/(?:logs/[\w.@+-]+/)?)?[\w.@+-]+")
_RUN_ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")
BLOCK_BYTES = 1 << 20
OVERLAP_BYTES = 4 << 10  # a secret may stand across the border of two blocks


def open_bundle(path: Path) -> zipfile.ZipFile:
    """Return a bundle to read; UsageError when it is none, or not safe to unpack."""
    try:
        archive = zipfile.ZipFile(path)
    except FileNotFoundError as error:
        raise UsageError("no such bundle", where=str(path)) from error
    except (zipfile.BadZipFile, OSError) as error:
        raise UsageError(f"not a bundle of devctl: {error}", where=str(path)) from error
    try:
        _check(archive, path)
    except BaseException:
        archive.close()
        raise
    return archive


def _check(archive: zipfile.ZipFile, path: Path) -> None:
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if FORMAT_FILE not in names or archive.read(FORMAT_FILE).decode(errors="replace").split("\n")[0] != FORMAT:
        raise UsageError("not a bundle of devctl, or of a newer one", where=str(path))
    if len(entries) > MOST_FILES or sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise UsageError("the bundle would unpack to more than any run holds", where=str(path))
    for entry in entries:
        is_link = entry.external_attr >> 28 == 0o12
        if is_link or not _NAME.fullmatch(entry.filename) or ".." in entry.filename.split("/"):
            raise UsageError(f"the bundle holds a file it must not: {entry.filename[:80]!r}", where=str(path))
    if not _RUN_ID.fullmatch(run_id(archive)):
        raise UsageError("the bundle names no run", where=str(path))


def run_id(archive: zipfile.ZipFile) -> str:
    """Return the id of the run that is packed."""
    lines = archive.read(FORMAT_FILE).decode(errors="replace").splitlines()
    return lines[1] if len(lines) > 1 else ""


def unpack(archive: zipfile.ZipFile, folder: Path) -> Path:
    """Unpack into `folder` (0700) as the state of a stack that ran there; return the folder of the run."""
    run = folder / STATE_FOLDER / "runs" / run_id(archive)
    try:
        if run.exists():
            shutil.rmtree(run)
        run.mkdir(mode=0o700, parents=True)
        (folder / STATE_FOLDER / ".gitignore").write_text("*\n")
        for entry in archive.infolist():
            inside = entry.filename.startswith(RUN_FOLDER)
            target = run / entry.filename.removeprefix(RUN_FOLDER) if inside else folder / entry.filename
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with archive.open(entry) as source, open(descriptor, "wb") as sink:
                shutil.copyfileobj(source, sink, BLOCK_BYTES)
    except OSError as error:
        raise EnvironmentProblem(f"the bundle cannot be unpacked: {error.strerror}", where=str(folder)) from error
    return run


def findings(archive: zipfile.ZipFile) -> Iterator[tuple[str, str, str]]:
    """Yield what looks like a secret in a bundle: the file, what it is, and its first characters; each once."""
    seen: set[tuple[str, str, str]] = set()
    for entry in archive.infolist():
        with archive.open(entry) as file:
            before = b""
            while block := file.read(BLOCK_BYTES):
                text = (before + block).decode("utf-8", "replace")
                before = block[-OVERLAP_BYTES:]
                for what, value in secrets.find(text):
                    finding = (entry.filename, what, value)
                    if finding not in seen:
                        seen.add(finding)
                        yield finding
