"""The boards of a folder: read when they changed, found by uid, listed by title. A file that is no board says why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from devctl.web.boards import classic, second
from devctl.web.boards.model import Board

MOST_BYTES = 16 << 20
"""Grafana's own import refuses larger ones; the largest public boards have under 2 MB."""
MOST_DEPTH = 64
"""A board of people nests about fifteen deep."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file of the folder: its board and the document it was read from, or what is wrong with it.

    A file that was a board before it broke has both: the board as it was, and the reason."""

    path: Path
    board: Board | None = None
    document: Mapping[str, Any] | None = None
    problem: str = ""


class Library:
    """The boards below a folder, which may change at any time."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._read: dict[Path, tuple[tuple[int, int], Loaded]] = {}

    def all(self) -> list[Loaded]:
        """Return every file by the title of its board."""
        paths = sorted(self._folder.rglob("*.json")) if self._folder and self._folder.is_dir() else []
        loaded = _each_uid_once([self._load(path) for path in paths if path.is_file()])
        self._read = {path: self._read[path] for path in paths if path in self._read}
        return sorted(loaded, key=lambda each: (each.board.title if each.board else "~", each.path))

    def find(self, uid: str) -> Loaded | None:
        """Return the board with this uid."""
        return next((each for each in self.all() if each.board and each.board.uid == uid), None)

    def _load(self, path: Path) -> Loaded:
        try:
            status = path.stat()
        except OSError as error:
            return Loaded(path, problem=error.strerror or "cannot be read")
        stamp = (status.st_mtime_ns, status.st_size)
        before = self._read.get(path)
        if before is None or before[0] != stamp:
            loaded = load(path)
            if before and before[1].board and not loaded.board:
                loaded = replace(before[1], problem=loaded.problem)
            before = self._read[path] = (stamp, loaded)
        return before[1]


def _each_uid_once(loaded: list[Loaded]) -> list[Loaded]:
    """Return the files; of two boards with one uid the second by path is none, as only one can be reached."""
    first: dict[str, Loaded] = {}
    result = []
    for each in loaded:
        holder = first.setdefault(each.board.uid, each) if each.board else each
        problem = f"has the uid of {holder.path.name}, too"
        result.append(each if holder is each else Loaded(each.path, problem=problem))
    return result


def load(path: Path) -> Loaded:
    """Return the board in a file."""
    try:
        if path.stat().st_size > MOST_BYTES:
            return Loaded(path, problem=f"is larger than {MOST_BYTES >> 20} MiB")
        document = json.loads(path.read_bytes())
    except OSError as error:
        return Loaded(path, problem=error.strerror or "cannot be read")
    except json.JSONDecodeError as error:
        return Loaded(path, problem=f"is no JSON: line {error.lineno}, column {error.colno}: {error.msg}")
    except (ValueError, RecursionError) as error:
        return Loaded(path, problem=f"is no JSON: {type(error).__name__}")
    return read(document, path)


def read(document: Any, path: Path) -> Loaded:
    """Return the board in a document, also in the envelopes of Grafana's API and of its Kubernetes form."""
    if isinstance(document, dict) and isinstance(document.get("dashboard"), dict):
        document = document["dashboard"]
    if not isinstance(document, dict) or _depth_exceeds(document, MOST_DEPTH):
        return Loaded(path, problem="is no board, or nests deeper than one")
    if second.is_second(document):
        return Loaded(path, classic.board(second.classic(document), path.stem), document)
    if isinstance(document.get("spec"), dict) and "panels" in document["spec"]:
        document = document["spec"]
    if "panels" not in document and "rows" not in document:
        return Loaded(path, problem="is no board: it has no panels")
    return Loaded(path, classic.board(document, path.stem), document)


def _depth_exceeds(document: Any, most: int) -> bool:
    level = [document]
    for _ in range(most):
        level = [child for each in level for child in _children(each)]
        if not level:
            return False
    return True


def _children(value: Any) -> list[Any]:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [each for each in inner if isinstance(each, dict | list)]
