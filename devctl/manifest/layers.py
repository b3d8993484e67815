"""The files of a manifest made into one mapping: laid over each other, with `include` and `extends` followed.

Each file keeps its own folder for paths and its own `.env`, as the Compose specification has it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from devctl.manifest import document, environment, merge
from devctl.manifest.nodes import Mapping, Node, Scalar, Sequence
from devctl.manifest.problems import Location, Problems, shown
from devctl.manifest.reader import ProjectReader
from devctl.manifest.shapes.base import InvalidValue

DOT_ENV = ".env"
MAX_FILES = 200  # far more than a person keeps apart; a bound for files that include each other in growing numbers
SHARED = ("services", "volumes", "exporters", "journeys")
"""Mappings of names: a name stands in one file of those that are included side by side."""
NOT_INCLUDED = ("name", "include")


class Layers:
    """Reads the files of one manifest. `files` are all that were read, in order; `shown` names a file for people."""

    def __init__(self, reader: ProjectReader, shown: Callable[[Path], str]) -> None:
        self.files: list[Path] = []
        self._reader = reader
        self.problems: Problems = reader.problems
        self._shown = shown
        self._documents: dict[Path, Mapping | None] = {}

    def read(self, files: Iterable[Path]) -> Mapping | None:
        """Return the files laid over each other in order; None when none can be read."""
        return self._overlaid(files, ())

    def _overlaid(self, files: Iterable[Path], chain: tuple[Path, ...]) -> Mapping | None:
        root: Mapping | None = None
        for path in files:
            layer = self._layer(path, root, chain)
            if layer is not None:
                root = layer if root is None else merge.overlay(root, layer)
        return root

    def _layer(self, path: Path, below: Mapping | None, chain: tuple[Path, ...]) -> Mapping | None:
        """Return one file with what it includes, its services extended."""
        layer = self._document(path)
        if layer is None:
            return None
        layer = merge.copy_of(layer)
        include = layer.items.pop("include", None)
        services = layer.items.get("services")
        if isinstance(services, Mapping):
            layer.items["services"] = _Extensions(self, services, below, path).resolved()
        for entry in include.items if isinstance(include, Sequence) else [] if include is None else [include]:
            included = self._include(entry, (*chain, path.resolve()))
            layer = layer if included is None else self._joined(included, layer)
        return layer

    def _document(self, path: Path) -> Mapping | None:
        real = path.resolve()
        if real not in self._documents:
            if len(self._documents) >= MAX_FILES:
                self.problems.add(Location(self._shown(path)), f"more than {MAX_FILES} files make up the manifest")
                return None
            self.files.append(real)
            self._documents[real] = document.read(path, self._shown(path), self.problems)
        return self._documents[real]

    def other(self, path: Path, at: Node, folder: Path) -> Mapping | None:
        """Return a file that is extended; its paths are seen from its folder."""
        if not path.is_file():
            self.problems.add(at.location, f"no such file {shown(self._shown(path))}")
            return None
        self._reader.bases.setdefault(self._shown(path), folder)
        return self._document(path)

    def path(self, node: Node, name: str) -> Path | None:
        """Return the file that a node names, seen from its own file; None with the reason noted."""
        try:
            return Path(self._reader.path(self._text(node, name), node, name))
        except InvalidValue:
            return None

    def _text(self, node: Node, name: str) -> str:
        if isinstance(node, Scalar) and not node.is_null:
            return self._reader.substitute(self._reader.text(node))
        self.problems.add(node.location, f"{name} must be the path of a file")
        raise InvalidValue

    def _include(self, entry: Node, chain: tuple[Path, ...]) -> Mapping | None:
        """Return what one entry of `include` brings: files laid over each other, in their own folder."""
        parts = entry.items if isinstance(entry, Mapping) else {"path": entry}
        for key in parts.keys() - {"path", "project_directory", "env_file"}:
            assert isinstance(entry, Mapping)
            location, allowed = entry.keys[key].location, ("path", "project_directory", "env_file")
            self.problems.unknown(location, "unknown key in include:", key, allowed)
        if "path" not in parts:
            self.problems.add(entry.location, "include needs the key path")
            return None
        paths = [path for node in _listed(parts["path"]) if (path := self.path(node, "include")) is not None]
        for path in paths:
            if path in chain:
                names = " → ".join(map(self._shown, (*chain[chain.index(path) :], path)))
                self.problems.add(entry.location, f"files include each other: {names}")
                return None
        return self._included(paths, parts, chain) if paths else None

    def _included(self, paths: list[Path], parts: dict[str, Node], chain: tuple[Path, ...]) -> Mapping | None:
        folder = paths[0].parent
        if "project_directory" in parts:
            folder = self.path(parts["project_directory"], "include.project_directory") or folder
        names = [file for node in _listed(parts.get("env_file")) if (file := self.path(node, "include.env_file"))]
        values = self._values(names or ([folder / DOT_ENV] if (folder / DOT_ENV).is_file() else []))
        for path in paths:
            self._reader.bases.setdefault(self._shown(path), folder)
            self._reader.defaults.setdefault(self._shown(path), values)
        return self._overlaid(paths, chain)

    def _values(self, files: Iterable[Path]) -> dict[str, str]:
        values: dict[str, str] = {}
        for file in files:
            values |= environment.values_of(file, self._shown(file), self._reader)
        return values

    def _joined(self, included: Mapping, layer: Mapping) -> Mapping:
        """Return a file and what it includes as one; a name that both have is a mistake."""
        for key in SHARED:
            here, there = layer.items.get(key), included.items.get(key)
            if isinstance(here, Mapping) and isinstance(there, Mapping) and key != "volumes":
                for name in here.items.keys() & there.items.keys():
                    message = f"{key}.{name} stands in {there.keys[name].file} too, which is included"
                    hint = "change it in a further file: -f, or stack.override.yaml"
                    self.problems.add(here.keys[name].location, message, hint=hint)
        base = merge.copy_of(included)
        for key in NOT_INCLUDED:
            base.items.pop(key, None)
        return merge.overlay(base, layer)


class _Extensions:
    """The services of one file with `extends` followed. A service may extend one of its own file, of a file below
    it, or of a file that it names."""

    def __init__(self, layers: Layers, services: Mapping, below: Mapping | None, path: Path) -> None:
        self._layers = layers
        self._services = services
        self._path = path
        self._in_rings: set[str] = set()
        under = below.items.get("services") if below else None
        self._below = under if isinstance(under, Mapping) else None

    def resolved(self) -> Mapping:
        """Return the services without `extends`."""
        services = merge.copy_of(self._services)
        for name in services.items:
            services.items[name] = self._service(name, self._services, self._path, ())
        return services

    def _service(self, name: str, services: Mapping, path: Path, chain: tuple[tuple[Path, str], ...]) -> Node:
        """Return one service laid over what it extends. `chain` leads from the first service here."""
        service = services.items[name]
        if not isinstance(service, Mapping) or "extends" not in service.items:
            return service
        extends = service.items["extends"]
        bare = merge.copy_of(service)
        del bare.items["extends"]
        if isinstance(extends, Scalar) and extends.is_null:
            return bare
        if (path, name) in chain:
            self._note_ring([*(each for _, each in chain[chain.index((path, name)) :]), name], extends)
            return bare
        base = self._base(name, extends, services, path, (*chain, (path, name)))
        if not isinstance(base, Mapping):
            return bare
        extended = merge.overlay(base, bare)
        extended.file, extended.line, extended.column = bare.file, bare.line, bare.column
        return extended

    def _note_ring(self, names: list[str], extends: Node) -> None:
        """Note services that extend each other, once for all of them."""
        if not self._in_rings.issuperset(names):
            self._in_rings.update(names)
            self.problems.add(extends.location, f"services extend each other: {' → '.join(names)}")

    @property
    def problems(self) -> Problems:
        return self._layers.problems

    def _base(
        self, name: str, extends: Node, services: Mapping, path: Path, chain: tuple[tuple[Path, str], ...]
    ) -> Node | None:
        parts = extends.items if isinstance(extends, Mapping) else {"service": extends}
        target, file = parts.get("service"), parts.get("file")
        if not isinstance(target, Scalar) or target.is_null or parts.keys() - {"service", "file"}:
            hint = "extends: NAME, or {service: NAME, file: FILE}"
            self.problems.add(extends.location, f"services.{name}.extends must name a service", hint=hint)
            return None
        if file is not None:
            return self._from_file(name, target, file, chain)
        for here in (services, self._below if services is self._services else None):
            if here is not None and target.text in here.items and here.items[target.text] is not None:
                return self._service(target.text, here, path, chain)
        self.problems.unknown(target.location, f"services.{name}.extends: no service", target.text, services.items)
        return None

    def _from_file(self, name: str, target: Scalar, file: Node, chain: tuple[tuple[Path, str], ...]) -> Node | None:
        path = self._layers.path(file, f"services.{name}.extends.file")
        other = self._layers.other(path, file, path.parent) if path else None
        services = other.items.get("services") if other else None
        if path is None or other is None:
            return None
        if not isinstance(services, Mapping) or target.text not in services.items:
            allowed = services.items if isinstance(services, Mapping) else ()
            what = f"services.{name}.extends: no service in {shown(path.name)}:"
            self.problems.unknown(target.location, what, target.text, allowed)
            return None
        return self._service(target.text, services, path, chain)


def _listed(node: Node | None) -> list[Node]:
    """Return the items of a list; one value stands for a list of one."""
    return node.items if isinstance(node, Sequence) else [] if node is None else [node]
