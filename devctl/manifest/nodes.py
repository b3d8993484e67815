"""A manifest as nodes that know their line and column. Nothing is interpreted: a scalar keeps its text."""

from __future__ import annotations

from devctl.manifest.problems import Location

NULLS = frozenset(("", "~", "null", "Null", "NULL"))


class Node:
    """A scalar, list or mapping and where it stands. `size` counts the nodes below it, aliases followed; `replaces`
    is true after `!override`: nothing of what the value is laid over remains."""

    __slots__ = ("column", "file", "line", "replaces", "size")

    def __init__(self, file: str, line: int, column: int) -> None:
        self.file = file
        self.line = line
        self.column = column
        self.replaces = False
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


class Removal(Scalar):
    """What takes a value away: the null of a later file, of the service that extends or beside a merge key, or
    `!reset`. `is_declaration`: nothing was there to take away, so that it may also name an entry without settings."""

    __slots__ = ("is_declaration", "is_reset")

    def __init__(self, node: Node, *, is_reset: bool = False, is_declaration: bool = False) -> None:
        super().__init__(node.file, node.line, node.column, "", plain=True)
        self.is_reset = is_reset
        self.is_declaration = is_declaration


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
