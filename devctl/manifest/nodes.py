"""A manifest as nodes that know their line and column. Nothing is interpreted: a scalar keeps its text."""

from __future__ import annotations

from devctl.manifest.problems import Location

NULLS = frozenset(("", "~", "null", "Null", "NULL"))


class Node:
    """A scalar, list or mapping and where it stands. `size` counts the nodes below it, aliases followed."""

    __slots__ = ("column", "file", "line", "size")

    def __init__(self, file: str, line: int, column: int) -> None:
        self.file = file
        self.line = line
        self.column = column
        self.size = 1

    @property
    def location(self) -> Location:
        return Location(self.file, self.line, self.column)


class Scalar(Node):
    """A text, number, word or nothing; `plain` = written without quotes."""

    __slots__ = ("plain", "text")

    def __init__(self, file: str, line: int, column: int, text: str, *, plain: bool) -> None:
        super().__init__(file, line, column)
        self.text = text
        self.plain = plain

    @property
    def is_null(self) -> bool:
        return self.plain and self.text in NULLS


class Sequence(Node):
    """A list."""

    __slots__ = ("items",)

    def __init__(self, file: str, line: int, column: int) -> None:
        super().__init__(file, line, column)
        self.items: list[Node] = []


class Mapping(Node):
    """A mapping; `keys` has where each key is written. Merge keys are already followed."""

    __slots__ = ("items", "keys", "merges")

    def __init__(self, file: str, line: int, column: int) -> None:
        super().__init__(file, line, column)
        self.items: dict[str, Node] = {}
        self.keys: dict[str, Scalar] = {}
        self.merges: list[Node] = []
