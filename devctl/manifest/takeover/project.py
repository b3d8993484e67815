"""The files of one Compose project: read as one, with their values as they are written in a new manifest."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping as Table
from collections.abc import Sequence as Many
from pathlib import Path
from typing import Any

from devctl.manifest import environment
from devctl.manifest.interpolate import interpolate
from devctl.manifest.layers import DOT_ENV, Layers
from devctl.manifest.nodes import Mapping, Node, Removal, Scalar, Sequence
from devctl.manifest.problems import Problems
from devctl.manifest.reader import ProjectReader, is_inside
from devctl.manifest.shapes.base import Shape
from devctl.manifest.shapes.groups import ListOf, MapOf
from devctl.manifest.shapes.objects import Object
from devctl.manifest.shapes.scalars import Inside
from devctl.manifest.takeover.notes import Notes
from devctl.manifest.yaml_text import plain

REQUIRED_VARIABLE = re.compile(r"\$\{(\w+):?\?[^}]*\}")


class ComposeProject:
    """Reads the files of one project. `folder` is where the stack.yaml will lie, `environ` holds `.env` as well."""

    def __init__(self, files: Many[Path], folder: Path, environ: Table[str, str]) -> None:
        self.notes = Notes()
        self.folder = folder.resolve()
        self._files = [file.resolve() for file in files]
        self._project = self._files[0].parent
        self._problems = Problems()
        self.environ = self._with_dot_env(environ)
        self._reader = ProjectReader(Path("/"), self.folder, self.environ, self._problems)

    def _with_dot_env(self, environ: Table[str, str]) -> dict[str, str]:
        file = self._project / DOT_ENV
        reader = ProjectReader(self._project, self._project, environ, self._problems)
        values = environment.values_of(file, DOT_ENV, reader) if file.is_file() else {}
        return {**values, **environ}

    def root(self) -> Mapping:
        """Return the files as one; ManifestError when one cannot be read at all."""
        for file in self._files:
            self._reader.bases[self._shown(file)] = self._project
        root = Layers(self._reader, self._shown).read(self._files)
        if root is None:
            self._problems.stop()
        assert root is not None
        for problem in self._problems.mistakes:
            self.notes.add(problem.location, problem.message, problem.advice)
        return root

    def _shown(self, path: Path) -> str:
        return os.path.relpath(path, self._project) if path.is_relative_to(self._project) else str(path)

    def resolved(self, node: Scalar) -> str:
        """Return a text with today's variables put in."""
        try:
            return interpolate(node.text, self._reader)
        except ValueError:
            return node.text

    def value(self, shape: Shape, node: Node, path: str) -> Any:
        """Return a node as plain data, without the keys that stack.yaml does not have."""
        if isinstance(shape, Object):
            if shape.short and not isinstance(node, Mapping):
                shape = shape.fields[shape.short][1]
            elif isinstance(node, Mapping):
                return self._object(shape, node, path)
        if isinstance(shape, MapOf) and isinstance(node, Mapping):
            kept = {key: value for key, value in node.items.items() if not isinstance(value, Removal)}
            return {key: self.value(shape.item, value, f"{path}.{key}") for key, value in kept.items()}
        if isinstance(shape, ListOf):
            items = node.items if isinstance(node, Sequence) else [] if is_null(node) else [node]
            values = [self.value(shape.item, item, path) for item in items]
            return [value for value in values if value is not None]
        return self.path(node, path) if isinstance(shape, Inside) else self.text(node)

    def _object(self, shape: Object, node: Mapping, path: str) -> dict[str, Any]:
        written = {}
        for key, value in node.items.items():
            if isinstance(value, Removal) or key.startswith("x-"):
                continue
            if key not in shape.fields:
                self.notes.dropped(node, key, f"{path}.{key}", getattr(shape.cls, "FOREIGN", {}))
                continue
            written[key] = self.value(shape.fields[key][1], value, f"{path}.{key}")
        return written

    def text(self, node: Node) -> Any:
        """Return a value as it is written; a variable that must be set may be empty until it is."""
        value = plain(node)
        match = REQUIRED_VARIABLE.search(node.text) if isinstance(node, Scalar) else None
        if match is None or self.environ.get(match[1]):
            return value
        assert isinstance(node, Scalar)
        self.notes.add(node.location, f"{match[0]} is empty until {match[1]} is set", "set it in .env")
        return REQUIRED_VARIABLE.sub(r"${\1:-}", node.text)

    def path(self, node: Node, name: str) -> str | None:
        """Return a path as it is seen from the new manifest, None where that cannot reach it."""
        if not isinstance(node, Scalar) or node.is_null:
            return None
        base = self._reader.bases.get(node.file, self._project)
        text = self.resolved(node)
        if "://" in text or re.match(r"[\w.-]+@[\w.-]+:", text):
            self.notes.lost(node.location, f"{name}: {node.text}", "only what lies in the project can be used")
            return None
        real = os.path.realpath(base / Path(text).expanduser())
        if not is_inside(real, str(self.folder)):
            self.notes.lost(node.location, f"{name}: {node.text}", f"it leads out of {self.folder}")
            return None
        return node.text if base == self.folder else os.path.relpath(real, self.folder)


def is_null(node: Node) -> bool:
    """Tell whether nothing is written there."""
    return isinstance(node, Scalar) and node.is_null
