"""Shapes of lists and mappings, and of values that may be one or the other."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

from devctl.manifest.nodes import Mapping, Node, Removal, Scalar, Sequence
from devctl.manifest.problems import Location, shown
from devctl.manifest.shapes.base import Entries, InvalidValue, Reader, Schema, Shape
from devctl.manifest.shapes.scalars import Text, core_value
from devctl.manifest.shapes.shell import shell_argument, shell_word

MAX_COMMAND = 128 << 10  # what Linux takes as one argument
VARIABLE = r"[A-Za-z_][A-Za-z0-9_.-]*"


class ListOf(Shape):
    """A list; with `single` one value may stand for a list of one."""

    def __init__(self, item: Shape, *, single: bool = False) -> None:
        self.item = item
        self.single = single

    @property
    def expected(self) -> str:  # type: ignore[override]
        return f"{self.item.expected}, or a list" if self.single else "a list"

    def read(self, node: Node, reader: Reader, name: str) -> tuple[Any, ...]:
        if isinstance(node, Sequence):
            values = []
            for index, item in enumerate(node.items):
                try:
                    values.append(self.item.read(item, reader, f"{name}[{index}]"))
                except InvalidValue:
                    continue
            return tuple(values)
        if self.single and not (isinstance(node, Scalar) and node.is_null):
            return (self.item.read(node, reader, name),)
        raise self.invalid(node, reader, name)

    def schema(self, definitions: Schema) -> Schema:
        item = self.item.schema(definitions)
        whole: Schema = {"type": "array", "items": item}
        return {"anyOf": [item, whole]} if self.single else whole


class Command(Shape):
    """An argument list; a text is split as the shell would split it, but no shell runs it."""

    expected = "a text or a list"

    def __init__(self, *, may_be_empty: bool = False) -> None:
        self.may_be_empty = may_be_empty

    def read(self, node: Node, reader: Reader, name: str) -> tuple[str, ...]:
        if isinstance(node, Sequence):
            arguments: tuple[str, ...] = ListOf(Text()).read(node, reader, name)
            warn_of_shell(node, shell_argument(arguments), reader, name)
        else:
            arguments = self._split(node, reader, name)
        if arguments in ((), ("",)) and self.may_be_empty:
            return ()
        if not arguments or not arguments[0]:
            reader.problems.add(node.location, f"{name} is empty")
            raise InvalidValue
        return arguments

    def _split(self, node: Node, reader: Reader, name: str) -> tuple[str, ...]:
        if not isinstance(node, Scalar) or node.is_null:
            raise self.invalid(node, reader, name)
        text = reader.text(node)
        if len(text) > MAX_COMMAND:
            reader.problems.add(node.location, f"{name} is longer than {MAX_COMMAND >> 10} KiB")
            raise InvalidValue
        try:
            arguments = shlex.split(text)
        except ValueError as error:
            reader.problems.add(node.location, f"{name} cannot be split into words: {str(error).lower()}")
            raise InvalidValue from None
        warn_of_shell(node, shell_word(text), reader, name)
        return tuple(reader.substitute(word) for word in arguments)

    def schema(self, definitions: Schema) -> Schema:
        arguments: Schema = {"type": "array", "items": Text().schema(definitions)}
        return {"anyOf": [{"type": "string"}, arguments if self.may_be_empty else {**arguments, "minItems": 1}]}


def warn_of_shell(node: Node, word: str, reader: Reader, name: str) -> None:
    """Warn of a word that only a shell would understand, with how one is asked for."""
    if not word:
        return
    scalars = node.items if isinstance(node, Sequence) else [node]
    text = shown(" ".join(item.text for item in scalars if isinstance(item, Scalar)))
    hint = f"write [sh, -c, {text}] if one is meant, else put it in quotes"
    reader.problems.warn(node.location, f"{name}: no shell runs it, so that {word} is a word like any other", hint=hint)


class CheckCommand(Shape):
    """Compose's `test`: a list as it is; a text for the shell."""

    expected = "a text or a list"

    def read(self, node: Node, reader: Reader, name: str) -> tuple[str, ...]:
        if not isinstance(node, Sequence):
            return ("CMD-SHELL", Text().read(node, reader, name))
        arguments: tuple[str, ...] = ListOf(Text()).read(node, reader, name)
        if not arguments or (arguments[0] in ("CMD", "CMD-SHELL") and len(arguments) == 1):
            reader.problems.add(node.location, f"{name} is empty")
            raise InvalidValue
        if arguments[0] != "CMD-SHELL":
            warn_of_shell(node, shell_argument(arguments[arguments[0] == "CMD" :]), reader, name)
        return arguments

    def schema(self, definitions: Schema) -> Schema:
        return Command().schema(definitions)


class MapOf(Shape):
    """A mapping from names to values of one shape. With `listed` a list of names stands for defaults."""

    def __init__(self, item: Shape, *, pattern: str = "", expected: str = "a mapping", listed: bool = False) -> None:
        self.item = item
        self.pattern = pattern
        self.listed = listed
        self.expected = f"{expected} or a list of names" if listed else expected

    def read(self, node: Node, reader: Reader, name: str) -> Entries[Any]:
        entries: Entries[Any] = Entries()
        if self.listed and isinstance(node, Sequence):
            node = self._from_list(node, reader, name)
        if not isinstance(node, Mapping):
            raise self.invalid(node, reader, name)
        for key, value in node.items.items():
            location = node.keys[key].location
            if self.is_taken_away(value) or not self._accepts(key, location, reader, name):
                continue
            entries.locations[key] = location
            entries.written[key] = node.keys[key].text
            try:
                entries[key] = self.item.read(value, reader, f"{name}.{key}" if name else key)
            except InvalidValue:
                continue
        return entries

    def is_taken_away(self, value: Node) -> bool:
        """Tell true for what is not there; a name with nothing behind it may stand for an entry all the same."""
        return isinstance(value, Removal) and not (value.is_declaration and self.item.reads_nothing)

    def _accepts(self, key: str, location: Location, reader: Reader, name: str) -> bool:
        if self.pattern and not re.fullmatch(self.pattern, key):
            hint = "letters, digits, - and _, beginning with a letter or digit, at most 63"
            reader.problems.add(location, f"{name}: {shown(key)} cannot be a name", hint=hint)
            return False
        return True

    def _from_list(self, node: Sequence, reader: Reader, name: str) -> Mapping:
        mapping = Mapping(node.file, node.line, node.column)
        for index, item in enumerate(node.items):
            try:
                key = Text().read(item, reader, f"{name}[{index}]")
            except InvalidValue:
                continue
            assert isinstance(item, Scalar)
            mapping.items[key] = Mapping(item.file, item.line, item.column)
            mapping.keys[key] = item
        return mapping

    def schema(self, definitions: Schema) -> Schema:
        whole: Schema = {"type": "object", "additionalProperties": self.item.schema(definitions)}
        if self.pattern:
            whole["propertyNames"] = {"pattern": f"^(?:{self.pattern})$"}
        return {"anyOf": [whole, {"type": "array", "items": {"type": "string"}}]} if self.listed else whole


class Variables(Shape):
    """Environment variables: a mapping, or a list of NAME=VALUE. Where they are `inherited`, the command's own stands
    for one without a value; elsewhere it is empty, and null takes away what an earlier file says."""

    expected = "a mapping or a list of NAME=VALUE"
    refers = True

    def __init__(self, *, inherited: bool = False) -> None:
        self.inherited = inherited

    def read(self, node: Node, reader: Reader, name: str) -> Entries[str | None]:
        entries: Entries[str | None] = Entries()
        for key, value, at in self._pairs(node, reader, name):
            if not re.fullmatch(VARIABLE, key):
                written = shown(at.text.partition("=")[0])
                reader.problems.add(at.location, f"{name}: {written} cannot be the name of a variable")
                continue
            entries.locations[key] = at.location
            entries[key] = value
        return entries

    def _pairs(self, node: Node, reader: Reader, name: str) -> Iterator[tuple[str, str | None, Scalar]]:
        if isinstance(node, Mapping):
            for key, value in node.items.items():
                if self._is_taken_away(value):
                    continue
                try:
                    yield key, self._value(value, reader, f"{name}.{key}"), node.keys[key]
                except InvalidValue:
                    continue
        elif isinstance(node, Sequence):
            for index, item in enumerate(node.items):
                try:
                    key, equals, text = self.scalar(item, reader, f"{name}[{index}]").partition("=")
                except InvalidValue:
                    continue
                assert isinstance(item, Scalar)
                yield key, text if equals else None, item
        else:
            raise self.invalid(node, reader, name)

    def _is_taken_away(self, value: Node) -> bool:
        return isinstance(value, Removal) and (value.is_reset or not (self.inherited or value.is_declaration))

    def _value(self, node: Node, reader: Reader, name: str) -> str | None:
        if isinstance(node, Scalar) and node.is_null:
            return None
        return Text().read(node, reader, name)

    def schema(self, definitions: Schema) -> Schema:
        value = {"type": ["string", "number", "boolean", "null"]}
        return {
            "anyOf": [
                {"type": "object", "additionalProperties": value},
                {"type": "array", "items": {"type": "string"}},
            ]
        }


class OneOf(Shape):
    """One shape for scalars and another for the rest: the short and the long form."""

    def __init__(self, short: Shape, long: Shape) -> None:
        self.short = short
        self.long = long

    @property
    def expected(self) -> str:  # type: ignore[override]
        return f"{self.short.expected}, or {self.long.expected}"

    def read(self, node: Node, reader: Reader, name: str) -> Any:
        return (self.short if isinstance(node, Scalar) else self.long).read(node, reader, name)

    def schema(self, definitions: Schema) -> Schema:
        return {"anyOf": [self.short.schema(definitions), self.long.schema(definitions)]}


class Anything(Shape):
    """Any value, read with YAML 1.2's core schema."""

    def read(self, node: Node, reader: Reader, name: str) -> Any:
        if isinstance(node, Mapping):
            kept = {key: value for key, value in node.items.items() if not isinstance(value, Removal)}
            return {key: self.read(value, reader, f"{name}.{key}") for key, value in kept.items()}
        if isinstance(node, Sequence):
            return [self.read(item, reader, f"{name}[{i}]") for i, item in enumerate(node.items)]
        assert isinstance(node, Scalar)
        return core_value(node, reader.substitute(reader.text(node)))

    def schema(self, definitions: Schema) -> Schema:
        return {}


class AnyNode(Shape):
    """A mapping, left as its node: what it means is known only later."""

    expected = "a mapping"

    def read(self, node: Node, reader: Reader, name: str) -> Node:
        return node

    def schema(self, definitions: Schema) -> Schema:
        return {"type": ["object", "null"]}
