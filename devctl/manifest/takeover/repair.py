"""A manifest that was taken over, made to load: what does not is left out, with what depends on it, and noted."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping as Table
from pathlib import Path as File
from typing import Any

from devctl.manifest import document
from devctl.manifest.load import LoadRequest, load
from devctl.manifest.nodes import Mapping, Node, Scalar, Sequence
from devctl.manifest.problems import Location, ManifestError, Problem, Problems
from devctl.manifest.takeover.notes import Notes, Path
from devctl.manifest.takeover.ports import AUTO
from devctl.manifest.yaml_text import dump
from devctl.paths import StackPaths
from devctl.tools.base import Unavailable

MAX_ROUNDS = 300  # each takes at least one value away
TAKEN = re.compile(r"port [0-9]+ of ([^ ]+)\.([^ .]+) is taken by")
FIXED = re.compile(r"services\.([^ .]+)\.ports\.([^ ]+) is fixed, but")
SERVICE = re.compile(r"services\.([^ .:]+)")


def made_to_load(stack: dict[str, Any], folder: File, environ: Table[str, str], notes: Notes) -> None:
    """Change `stack` until it loads as the stack.yaml of `folder`."""
    for _ in range(MAX_ROUNDS):
        text = dump(stack)
        problems = _mistakes(text, folder, environ)
        if not problems:
            return
        root = document.parse(text, "stack.yaml", Problems())
        before = repr(stack)
        for problem in reversed(problems):  # from the end, so that places before stay what they are
            _mend(stack, problem, root, notes)
        if repr(stack) == before:
            stack["services"].clear()  # nothing is worth more than a file that loads
            notes.add(Location(""), f"all services were left out: {problems[0].message}")


def without(stack: dict[str, Any], name: str, reason: str, notes: Notes) -> None:
    """Leave a service out, and every one that cannot start without it."""
    if stack["services"].pop(name, None) is None:
        return
    notes.lost(notes.source(("services", name)), f"services.{name}", reason)
    for other, service in list(stack["services"].items()):
        depends_on = service.get("depends_on") if isinstance(service, dict) else None
        if not depends_on or name not in depends_on:
            continue
        entry = depends_on[name] if isinstance(depends_on, dict) else {}
        if isinstance(entry, dict) and str(entry.get("required", "true")) == "false":
            _remove(stack, ("services", other, "depends_on", name))
        else:
            without(stack, other, f"it depends on {name}", notes)


def _mistakes(text: str, folder: File, environ: Table[str, str]) -> tuple[Problem, ...]:
    with tempfile.TemporaryDirectory() as scratch:
        file = File(scratch) / "stack.yaml"
        file.write_text(text, "utf-8")
        request = LoadRequest(
            StackPaths(folder), (file,), environ, profiles=("*",),
            available=lambda tool: Unavailable(tool, "not looked for", ""),
        )  # fmt: skip
        try:
            load(request)
        except ManifestError as error:
            return error.problems
    return ()


def _mend(stack: dict[str, Any], problem: Problem, root: Mapping | None, notes: Notes) -> None:
    if match := TAKEN.match(problem.message) or FIXED.match(problem.message):
        service = stack["services"].get(match[1])
        if service is not None:
            ports = service.setdefault("ports", {})
            _, colon, inside = str(ports.get(match[2], "")).rpartition(":")
            ports[match[2]] = f"{AUTO}:{inside}" if colon else AUTO
            where = notes.source(("services", match[1], "ports"))
            notes.add(where, f"services.{match[1]}.ports.{match[2]} is auto: {problem.message}")
        return
    path = _path_at(root, problem.location) if root else ()
    if len(path) <= 1 and (match := SERVICE.match(problem.message)):
        path = ("services", match[1])
    if len(path) == 2 and path[0] == "services":
        without(stack, path[1], problem.message, notes)
    elif path and _remove(stack, path):
        notes.lost(notes.source(path), ".".join(path), problem.message)


def _path_at(node: Node, location: Location, path: Path = ()) -> Path:
    """Return the path of the deepest value whose key or text begins at a place."""
    best: Path = path if (node.line, node.column) == (location.line, location.column) else ()
    if isinstance(node, Mapping):
        for key, value in node.items.items():
            at = node.keys[key]
            if (at.line, at.column) == (location.line, location.column):
                best = max(best, (*path, key), key=len)
            best = max(best, _path_at(value, location, (*path, key)), key=len)
    elif isinstance(node, Sequence):
        for index, item in enumerate(node.items):
            best = max(best, _path_at(item, location, (*path, str(index))), key=len)
    elif isinstance(node, Scalar):
        return best
    return best


def _remove(stack: dict[str, Any], path: Path) -> bool:
    """Take the value at a path away; empty parents go with it. Tell whether there was one."""
    part: Any = stack
    parents = []
    for key in path[:-1]:
        parents.append((part, key))
        if isinstance(part, dict) and key in part:
            part = part[key]
        elif isinstance(part, list) and key.isdigit() and int(key) < len(part):
            part = part[int(key)]
        else:
            return False
    last = path[-1]
    if isinstance(part, list) and last.isdigit() and int(last) < len(part):
        del part[int(last)]
    elif isinstance(part, dict) and last in part:
        del part[last]
    elif isinstance(part, list) and last in part:
        part.remove(last)
    else:
        return False
    if not part and len(path) > 3:
        _remove(stack, path[:-1])
    return True
