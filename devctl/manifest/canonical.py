"""A manifest written again as one file: overlaid, included, extended and interpolated. It loads to the same.

Addresses of services, volumes and the interpreter stay references, since they are known only at the start.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from collections.abc import Mapping as Table
from pathlib import Path
from typing import Any

from devctl.core.spec import MARK
from devctl.manifest import where
from devctl.manifest.model import Manifest, Service
from devctl.manifest.nodes import Mapping, Node, Removal, Scalar, Sequence
from devctl.manifest.reader import ProjectReader
from devctl.manifest.shapes.base import Shape
from devctl.manifest.shapes.groups import AnyNode, Command, ListOf, MapOf, OneOf, Variables
from devctl.manifest.shapes.objects import LaterSection, Object, is_left_empty
from devctl.manifest.shapes.scalars import Inside, Mount, Text, core_value
from devctl.manifest.smoke import RawValue
from devctl.manifest.yaml_text import Unquoted

RESOLVED = ("include", "extends")


class Canonical:
    """Writes one manifest that was read without mistakes. `environ` stands for variables without a value."""

    def __init__(self, root: Mapping, reader: ProjectReader, environ: Table[str, str]) -> None:
        self._root = root
        self._reader = reader
        self._environ = environ

    def data(self, manifest: Manifest, name: str) -> dict[str, Any]:
        """Return the whole manifest as plain data; `name` is the stack's."""
        written: dict[str, Any] = {"name": name}
        for key, (_, shape) in Object(Manifest).fields.items():
            node = self._root.items.get(key)
            if key != "name" and node is not None and not _is_nothing(node, shape):
                is_later = isinstance(shape, LaterSection)  # its `${NAME}` are not for now
                written[key] = RawValue().read(node, self._reader, key) if is_later else self._written(shape, node)
        for service_name, service in manifest.services.items():
            self._add_folder(written["services"][service_name], service)
        return {key: value for key, value in written.items() if key not in RESOLVED}

    def _add_folder(self, written: dict[str, Any], service: Service) -> None:
        """Name the folder of a service that is not seen from the project's: an included file's own."""
        base = self._reader.base_of(service.node)
        if base == self._reader.folder or service.uses:
            return
        part = written.get("native") if service.native else written if not where.has_image(service) else None
        if part is not None and "working_dir" not in part:
            part["working_dir"] = self._relative(base)

    def _written(self, shape: Shape, node: Node) -> Any:
        if isinstance(shape, OneOf):
            shape = shape.short if isinstance(node, Scalar) else shape.long
        if isinstance(shape, Object):
            return self._object(shape, node)
        if isinstance(shape, Variables):
            return self._variables(shape, node)
        if isinstance(shape, MapOf):
            return self._map(shape, node)
        if isinstance(shape, ListOf):
            items = node.items if isinstance(node, Sequence) else [node]
            return [self._written(shape.item, item) for item in items]
        if isinstance(shape, Command):
            with self._unsubstituted():
                return [_reference(text) for text in shape.read(node, self._reader, "")]
        if isinstance(shape, AnyNode):
            return self._settings(node)
        return self._scalar(shape, node) if isinstance(node, Scalar) else self._settings(node)

    def _object(self, shape: Object, node: Node) -> Any:
        if isinstance(node, Scalar):
            return None if node.is_null else self._written(shape.fields[shape.short][1], node)
        if not isinstance(node, Mapping):
            return self._written(shape.fields[shape.short][1], node)
        written = {}
        for key, (_, field) in shape.fields.items():
            value = node.items.get(key)
            if value is not None and key not in RESOLVED and not _is_nothing(value, field):
                written[key] = self._written(field, value)
        return written

    def _map(self, shape: MapOf, node: Node) -> dict[str, Any]:
        if isinstance(node, Sequence):
            return {self._text(item): {} for item in node.items if isinstance(item, Scalar)}
        assert isinstance(node, Mapping)
        kept = {key: value for key, value in node.items.items() if not shape.is_taken_away(value)}
        return {key: self._written(shape.item, value) for key, value in kept.items()}

    def _variables(self, shape: Variables, node: Node) -> dict[str, str | None]:
        with self._unsubstituted():
            values = shape.read(node, self._reader, "")
        inherited = self._environ if shape.inherited else {}
        written = {key: inherited.get(key) if value is None else value for key, value in values.items()}
        return {key: None if value is None else _reference(value) for key, value in written.items()}

    @contextlib.contextmanager
    def _unsubstituted(self) -> Iterator[None]:
        """Leave references as they are while values are read."""
        values, self._reader.values = self._reader.values, {}
        try:
            yield
        finally:
            self._reader.values = values

    def _settings(self, node: Node) -> Any:
        """Return what only a recipe understands; a path that was seen from an included file is seen from here."""
        if isinstance(node, Mapping):
            kept = {key: value for key, value in node.items.items() if not isinstance(value, Removal)}
            return {key: self._settings(value) for key, value in kept.items()}
        if isinstance(node, Sequence):
            return [self._settings(item) for item in node.items]
        assert isinstance(node, Scalar)
        base, text = self._reader.base_of(node), self._reader.text(node)
        if base != self._reader.folder and text and (base / text).exists():
            return self._relative(base / text)
        value = core_value(node, text)
        return value if value is None or isinstance(value, bool | int | float) else _reference(str(value))

    def _scalar(self, shape: Shape, node: Scalar) -> Any:
        if isinstance(shape, Inside):
            return self._relative(Path(shape.read(node, self._reader, "")))
        if isinstance(shape, Mount):
            return self._mount(shape.read(node, self._reader, ""))
        if node.is_null:
            return None
        text = self._text(node)
        return Unquoted(text) if node.plain and "$" not in text and not isinstance(shape, Text) else text

    def _mount(self, text: str) -> str:
        source, _, target = text.partition(":")
        return f"./{self._relative(Path(source))}:{target}" if source.startswith("/") else text

    def _relative(self, path: Path) -> str:
        return os.path.relpath(path, self._reader.folder)

    def _text(self, node: Scalar) -> str:
        return _reference(self._reader.text(node))


def _reference(text: str) -> str:
    """Return a text as a manifest writes it: what stays a reference as one, each other $ twice."""
    parts = text.split(MARK)
    parts[::2] = [part.replace("$", "$$") for part in parts[::2]]
    parts[1::2] = [f"${{{name}}}" for name in parts[1::2]]
    return "".join(parts)


def _is_nothing(node: Node, shape: Shape) -> bool:
    return isinstance(node, Removal) or is_left_empty(node, shape)
