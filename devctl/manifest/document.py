"""One YAML file as nodes. Hostile input is refused in bounded time and memory.

Built from the parser's events with a stack instead of recursion, so that depth, aliases, merges and the number of
nodes after expansion are bounded while they are counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from devctl.manifest.files import read_text
from devctl.manifest.nodes import Mapping, Node, Removal, Scalar, Sequence
from devctl.manifest.problems import Location, ManifestError, Problem, Problems, shown

MAX_DEPTH = 64
MAX_NODES = 50_000  # after every alias and merge key is followed

QUOTE_HINT = 'inside { } a text with ${…} needs quotes: "${…}"'
MERGE_KEY = "<<"
RESET, OVERRIDE = "!reset", "!override"
"""The tags of the Compose specification, for what is laid over something."""


def read(path: Path, name: str, problems: Problems) -> Mapping | None:
    """Return the mapping that the file holds, or None with the reason among `problems`."""
    text = read_text(path, name, problems, hint="devctl init writes a first stack.yaml")
    return None if text is None else parse(text, name, problems)


def parse(text: str, name: str, problems: Problems) -> Mapping | None:
    """Return the mapping that the YAML text holds, or None with the reason among `problems`."""
    import yaml

    builder = _Builder(name, problems)
    try:
        for event in _events(text):
            builder.take(event)
    except yaml.YAMLError as error:
        problems.mistakes.append(_syntax(error, text, name))
        return None
    except ManifestError as error:
        problems.mistakes.extend(error.problems)
        return None
    root = builder.root
    if isinstance(root, Mapping):
        return root
    if root is None or (isinstance(root, Scalar) and root.is_null):
        problems.add(Location(name), "is empty", hint="devctl init writes a first stack.yaml")
    else:
        problems.add(root.location, "must be a mapping with the key services")
    return None


def _events(text: str) -> Iterator[Any]:
    import yaml

    return yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def _syntax(error: Exception, text: str, name: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    context = getattr(error, "context", None)
    if mark is not None:
        location = Location(name, mark.line + 1, mark.column + 1)
    elif isinstance(position := getattr(error, "position", None), int):
        before = text[:position]
        location = Location(name, before.count("\n") + 1, position - before.rfind("\n"))
    else:
        location = Location(name)
    message = f"not valid YAML: {what}" + (f" {context}" if context else "")
    return Problem(location, message, hint=_syntax_hint(text, location.line))


def _syntax_hint(text: str, line: int) -> str:
    lines = text.split("\n", line)[:line]
    if any("\t" in near for near in lines[-2:]):
        return "indent with spaces, not with tabs"
    return QUOTE_HINT if lines and "{" in lines[-1].partition("${")[0] and "${" in lines[-1] else ""


class _Builder:
    """Takes the parser's events one by one; `root` is the finished node."""

    def __init__(self, name: str, problems: Problems) -> None:
        self.root: Node | None = None
        self._name = name
        self._problems = problems
        self._open: list[Sequence | Mapping] = []
        self._resets: set[int] = set()  # ids of the open nodes that are tagged !reset
        self._keys: list[Scalar | None] = []  # beside _open: the key that waits for its value
        self._anchors: dict[str, Node] = {}
        self._documents = 0
        self._actions = {
            "ScalarEvent": self._scalar,
            "MappingStartEvent": self._start_mapping,
            "SequenceStartEvent": self._start_sequence,
            "MappingEndEvent": self._end_mapping,
            "SequenceEndEvent": self._end,
            "AliasEvent": self._alias,
            "DocumentStartEvent": self._document,
        }

    def take(self, event: Any) -> None:
        action = self._actions.get(type(event).__name__)
        if action:
            action(event)

    def _refuse(self, at: Node | Any, message: str, hint: str = "") -> NoReturn:
        location = at.location if isinstance(at, Node) else Location(self._name, at.line + 1, at.column + 1)
        raise ManifestError([Problem(location, message, hint=hint)])

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._refuse(event.start_mark, "a second YAML document begins here; a manifest is one")

    def _scalar(self, event: Any) -> None:
        mark = event.start_mark
        node = Scalar(self._name, mark.line + 1, mark.column + 1, event.value, plain=not event.style)
        if "\0" in event.value:
            self._refuse(mark, "a NUL character in a value")
        self._tagged(event, node)
        if event.tag == RESET:
            node = Removal(node, is_reset=True)
        self._anchor(event, node)
        self._add(node, event)

    def _start_mapping(self, event: Any) -> None:
        mark = event.start_mark
        self._start(event, Mapping(self._name, mark.line + 1, mark.column + 1))

    def _start_sequence(self, event: Any) -> None:
        mark = event.start_mark
        self._start(event, Sequence(self._name, mark.line + 1, mark.column + 1))

    def _start(self, event: Any, node: Sequence | Mapping) -> None:
        self._tagged(event, node)
        self._anchor(event, node)
        self._open.append(node)
        self._keys.append(None)
        if len(self._open) > MAX_DEPTH:
            self._refuse(event.start_mark, f"nested deeper than {MAX_DEPTH} levels")

    def _end_mapping(self, event: Any) -> None:
        mapping = self._open[-1]
        assert isinstance(mapping, Mapping)
        for merge in mapping.merges:
            self._merge(mapping, merge, event)
        self._end(event)

    def _end(self, event: Any) -> None:
        node: Node = self._open.pop()
        self._keys.pop()
        if id(node) in self._resets:
            self._resets.remove(id(node))
            node = Removal(node, is_reset=True)
        self._add(node, event)

    def _alias(self, event: Any) -> None:
        node = self._anchors.get(event.anchor)
        if node is None:
            self._refuse(event.start_mark, f"unknown anchor *{event.anchor[:60]}")
        if any(node is above for above in self._open):
            self._refuse(event.start_mark, f"the anchor *{event.anchor[:60]} contains itself")
        self._add(node, event)

    def _anchor(self, event: Any, node: Node) -> None:
        if event.anchor is not None:
            self._anchors[event.anchor] = node

    def _tagged(self, event: Any, node: Node) -> None:
        """Heed the tag of a node: `!reset` and `!override` are read, others refused."""
        if event.tag == OVERRIDE:
            node.replaces = True
        elif event.tag == RESET:
            if not isinstance(node, Scalar):
                self._resets.add(id(node))
        elif event.tag not in (None, "!"):
            tag = event.tag.removeprefix("tag:yaml.org,2002:")
            self._refuse(event.start_mark, f"the tag {shown(tag)} is not read here", "write the value without a tag")

    def _add(self, node: Node, event: Any) -> None:
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.size += node.size
        if parent.size > MAX_NODES:
            self._refuse(event.start_mark, f"more than {MAX_NODES} values, aliases followed")
        if isinstance(parent, Sequence):
            parent.items.extend([] if isinstance(node, Removal) else [node])
        else:
            self._put(parent, node)

    def _put(self, parent: Mapping, node: Node) -> None:
        key = self._keys[-1]
        if key is None:
            if not isinstance(node, Scalar):
                self._refuse(node, "a key must be a word", QUOTE_HINT)
            self._keys[-1] = node
            return
        self._keys[-1] = None
        if key.text == MERGE_KEY and key.plain:
            parent.merges.extend(node.items if isinstance(node, Sequence) else [node])
        elif (first := parent.keys.get(key.text)) is not None:
            message = f"the key {shown(key.text)} stands twice: here and in line {first.line}"
            self._problems.add(key.location, message, hint="keep one of them")
        else:
            parent.items[key.text] = node
            parent.keys[key.text] = key

    def _merge(self, into: Mapping, source: Node, event: Any) -> None:
        if not isinstance(source, Mapping):
            self._refuse(source, "<< takes a mapping or a list of mappings", "<<: *anchor")
        for key, value in source.items.items():
            here = into.items.get(key)
            if here is None:
                into.items[key] = value
                into.keys[key] = source.keys[key]
                into.size += value.size
            elif isinstance(here, Scalar) and here.is_null and not isinstance(here, Removal):
                into.items[key] = Removal(here)
        if into.size > MAX_NODES:
            self._refuse(event.start_mark, f"more than {MAX_NODES} values, aliases followed")
