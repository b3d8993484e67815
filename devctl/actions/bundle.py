"""Packing a run into one file that explains it elsewhere: states, logs, spans, why, the machine; no secrets."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devctl.errors import EnvironmentProblem
from devctl.masking import MASK, is_secret, masked
from devctl.record import secrets
from devctl.record.bundle import FORMAT, FORMAT_FILE, RUN_FOLDER

if TYPE_CHECKING:
    from devctl.record.store import Run

SHORTEST_SECRET = 6


def pack(run: Run, target: Path, *, documents: Mapping[str, Any] = {}, values: Iterable[str] = ()) -> None:
    """Write the bundle of a run. `documents` lie beside it (text, or what becomes JSON); `values` are known secrets,
    which are blotted out as those of the specification are."""
    hidden = {value for value in {*values, *secret_values(run)} if len(value) >= SHORTEST_SECRET}
    part = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with (
            open(descriptor, "wb") as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        ):
            archive.writestr(FORMAT_FILE, f"{FORMAT}\n{run.id}\n")
            for name, document in documents.items():
                text = document if isinstance(document, str) else json.dumps(document, indent=1, default=str)
                archive.writestr(name, secrets.hide(text, hidden))
            for name, content in _files(run, hidden):
                archive.writestr(RUN_FOLDER + name, content)
        part.replace(target)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()
        raise EnvironmentProblem(f"the bundle cannot be written: {error.strerror}", where=str(target)) from error


def _files(run: Run, hidden: set[str]) -> Iterator[tuple[str, bytes]]:
    spec = _read_json(run.spec_file)
    yield "spec.json", json.dumps(_masked(spec)).encode()
    for file in (run.events_file, run.earlier_events_file):
        with contextlib.suppress(OSError):
            yield file.name, blotted(file.read_bytes(), hidden)
    for file in sorted(run.logs.rglob("*")):
        if file.is_file() and not file.is_symlink():
            content = file.read_bytes()
            yield str(file.relative_to(run.folder)), blotted(content, hidden) if file.suffix == ".log" else content
    if run.spans_file.exists():
        yield run.spans_file.name, blotted(_spans(run.spans_file), hidden)


def _spans(path: Path) -> bytes:
    """Return a whole copy of a database that may be written to meanwhile."""
    with tempfile.TemporaryDirectory(prefix="devctl-bundle") as folder:
        copy = Path(folder) / path.name
        with contextlib.closing(sqlite3.connect(path)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            target.execute("PRAGMA journal_mode = DELETE")
        return copy.read_bytes()


def blotted(content: bytes, hidden: Iterable[str]) -> bytes:
    """Return the bytes with stars for every secret, as many as it had: offsets and lengths stay right."""
    for value in sorted(hidden, key=len, reverse=True):
        raw = value.encode()
        content = content.replace(raw, b"*" * len(raw))
    return secrets.blot(content)


def secret_values(run: Run) -> set[str]:
    """Return the values under secret names in the specification of a run."""
    values: set[str] = set()

    def collect(value: Any, name: str = "") -> None:
        if isinstance(value, dict):
            for key, item in value.items():
                collect(item, key)
        elif isinstance(value, list):
            for item in value:
                collect(item, name)
        elif isinstance(value, str) and is_secret(name):
            values.add(value)

    collect(_read_json(run.spec_file))
    return values


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}


def _masked(value: Any, name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: MASK if name == "headers" else _masked(item, key) for key, item in value.items()}
    if isinstance(value, list):
        return [_masked(item, name) for item in value]
    return secrets.hide(masked(name, value)) if isinstance(value, str) else value
