"""What is lost or changed when a file of another program is taken over: each with its place, once."""

from __future__ import annotations

from devctl.manifest.nodes import Mapping
from devctl.manifest.problems import Location, Problem

NO_SUCH_KEY = "stack.yaml has no such key"
Path = tuple[str, ...]


class Notes:
    """Collects notes; `sources` are the places that parts of the new manifest come from, by their path in it."""

    def __init__(self) -> None:
        self.all: list[Problem] = []
        self.sources: dict[Path, Location] = {}

    def add(self, location: Location, message: str, hint: str = "") -> None:
        """Note something, once."""
        note = Problem(location, message, hint=hint)
        if note not in self.all:
            self.all.append(note)

    def lost(self, location: Location, path: str, reason: str) -> None:
        """Note that a value was left out."""
        self.add(location, f"{path} was left out", reason)

    def dropped(self, parent: Mapping, key: str, path: str, reasons: dict[str, str]) -> None:
        """Note that a key was left out; `reasons` say why by key."""
        self.lost(parent.keys[key].location, path, reasons.get(key, NO_SUCH_KEY))

    def source(self, path: Path) -> Location:
        """Return where the part at a path of the new manifest comes from."""
        for end in range(len(path), 0, -1):
            if path[:end] in self.sources:
                return self.sources[path[:end]]
        return Location("")
