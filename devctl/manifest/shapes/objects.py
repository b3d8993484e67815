"""The shape of a mapping with known keys: a class whose annotated fields are those keys.

`shape_of` finds the shape for a type hint, so that such a class (`model.py`, a recipe's settings) is all there is
to write.
"""

from __future__ import annotations

import dataclasses
import functools
import types
import typing
from enum import StrEnum
from pathlib import Path
from typing import Any

from devctl.manifest.nodes import Mapping, Node, Removal, Scalar
from devctl.manifest.problems import Location, shown
from devctl.manifest.shapes.base import Entries, InvalidValue, Reader, Schema, Shape
from devctl.manifest.shapes.groups import AnyNode, Anything, Command, ListOf, MapOf, OneOf, Variables
from devctl.manifest.shapes.scalars import Choice, Decimal, Flag, Number, Text

REQUIRED = object()


class Object(Shape):
    """A mapping whose keys are the fields of a part or a dataclass; a bare value stands for the field `short`."""

    def __init__(self, cls: type, *, short: str = "") -> None:
        self.cls = cls
        self.short = short

    @property
    def expected(self) -> str:  # type: ignore[override]
        return f"{self.fields[self.short][1].expected}, or a mapping" if self.short else "a mapping"

    @property
    def reads_nothing(self) -> bool:  # type: ignore[override]
        return not self.required

    @functools.cached_property
    def fields(self) -> dict[str, tuple[str, Shape]]:
        """Key → name of the field and its shape."""
        return {name.rstrip("_"): (name, shape_of(hint)) for name, hint in _hints(self.cls).items()}

    @functools.cached_property
    def required(self) -> list[str]:
        """The keys that have no default."""
        return [name.rstrip("_") for name, default in defaults_of(self.cls).items() if default is REQUIRED]

    def read(self, node: Node, reader: Reader, name: str) -> Any:
        if self.short and not isinstance(node, Mapping):
            field, shape = self.fields[self.short]
            return self._make({field: shape.read(node, reader, name)}, {self.short: node}, node)
        if isinstance(node, Scalar) and node.is_null and not self.required:
            return self._make({}, {}, node)
        if not isinstance(node, Mapping):
            raise self.invalid(node, reader, name)
        return self._make(self._values(node, reader, name), node.items, node)

    def _values(self, node: Mapping, reader: Reader, name: str) -> dict[str, Any]:
        values = {}
        failed = False
        for key, value in node.items.items():
            target = self.fields.get(key)
            if target is None:
                self._unknown(key, node.keys[key].location, reader, name)
                continue
            if isinstance(value, Removal) or (key not in self.required and is_left_empty(value, target[1])):
                continue
            try:
                values[target[0]] = target[1].read(value, reader, f"{name}.{key}" if name else key)
            except InvalidValue:
                failed = failed or key in self.required
        for key in self.required:
            if key not in node.items or isinstance(node.items[key], Removal):
                reader.problems.add(node.location, f"{name or 'the manifest'} needs the key {key}")
                failed = True
        if failed:
            raise InvalidValue
        return values

    def _unknown(self, key: str, location: Location, reader: Reader, name: str) -> None:
        if key.startswith("x-"):
            return
        hint = getattr(self.cls, "FOREIGN", {}).get(key, "")
        what = f"unknown key in {name}:" if name else "unknown key"
        if hint:
            reader.problems.add(location, f"{what} {shown(key)}", allowed=self.fields, hint=hint)
        else:
            reader.problems.unknown(location, what, key, self.fields)

    def _make(self, values: dict[str, Any], nodes: dict[str, Node], node: Node) -> Any:
        made = self.cls(**values)
        if isinstance(made, Section):
            kept = {key: value for key, value in nodes.items() if not isinstance(value, Removal)}
            made.__dict__.update(nodes=kept, node=node)
        return made

    def schema(self, definitions: Schema) -> Schema:
        from devctl.manifest.shapes.described import reference_to

        whole = reference_to(self.cls, self.fields, self.required, definitions)
        return {"anyOf": [self.fields[self.short][1].schema(definitions), whole]} if self.short else whole


class LaterSection(Shape):
    """A part that few commands look into: left as its node, and the module of its class is not imported."""

    expected = "a mapping"

    def __init__(self, module: str, cls: str) -> None:
        self._module = module
        self._cls = cls

    @property
    def whole(self) -> Object:
        """The shape of the part itself."""
        import importlib

        return Object(getattr(importlib.import_module(self._module), self._cls))

    def read(self, node: Node, reader: Reader, name: str) -> Node:
        if not isinstance(node, Mapping):
            raise self.invalid(node, reader, name)
        return node

    def schema(self, definitions: Schema) -> Schema:
        return self.whole.schema(definitions)


@typing.dataclass_transform(kw_only_default=True)
class Section:
    """A part of the manifest: its annotated fields are the keys. It knows where its keys' values are written.

    Not a dataclass, since twenty of those would cost more time than all else that loading a manifest does.
    """

    nodes: typing.ClassVar[dict[str, Node]] = {}
    node: typing.ClassVar[Node]

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def has(self, *keys: str) -> bool:
        """Tell whether all of `keys` are written here, rightly or not."""
        return all(key in self.nodes for key in keys)

    def at(self, key: str) -> Location:
        """Return where the value of `key` is written, else where the part begins."""
        return self.nodes.get(key, self.node).location

    def written(self, key: str) -> str:
        """Return the value of `key` as it stands in the file, before interpolation."""
        node = self.nodes.get(key, self.node)
        return node.text if isinstance(node, Scalar) else ""


def defaults_of(cls: type) -> dict[str, Any]:
    """Return the fields of a part or a dataclass with their defaults; REQUIRED stands for none."""
    if not dataclasses.is_dataclass(cls):
        return {name: getattr(cls, name, REQUIRED) for name in _hints(cls)}
    missing = dataclasses.MISSING
    defaults = {}
    for field in dataclasses.fields(cls):
        made = REQUIRED if field.default_factory is missing else field.default_factory()
        defaults[field.name] = made if field.default is missing else field.default
    return defaults


def _hints(cls: type) -> dict[str, Any]:
    hints = typing.get_type_hints(cls, include_extras=True)
    return {name: hint for name, hint in hints.items() if typing.get_origin(hint) is not typing.ClassVar}


def is_left_empty(node: Node, shape: Shape) -> bool:
    """Tell whether nothing stands where a list, a mapping or words of an image would: as in Compose, that is as good
    as no key."""
    if not isinstance(node, Scalar) or not node.is_null:
        return False
    return isinstance(shape, MapOf | ListOf | Variables | Object | AnyNode | LaterSection) or (
        isinstance(shape, Command) and shape.may_be_empty
    )


def shape_of(hint: Any) -> Shape:
    """Return the shape for a type hint: the one it is annotated with, else what the type implies."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        annotated = next((a for a in arguments[1:] if isinstance(a, Shape)), None)
        return annotated or shape_of(arguments[0])
    if origin in (types.UnionType, typing.Union):
        return _union([a for a in arguments if a is not type(None)])
    if origin in (tuple, list):
        return ListOf(shape_of(arguments[0]))
    if origin is dict or origin is Entries:
        return MapOf(shape_of(arguments[-1]))
    if origin is typing.Literal:
        return Choice(arguments)
    return _plain(hint)


def _union(arguments: list[Any]) -> Shape:
    if len(arguments) == 1:
        return shape_of(arguments[0])
    shapes = [shape_of(a) for a in arguments]
    scalars = [s for s in shapes if not isinstance(s, Object | MapOf | ListOf)]
    rest = [s for s in shapes if s not in scalars]
    return OneOf(scalars[0], rest[0]) if scalars and rest else shapes[0]


SIMPLE: dict[Any, type[Shape]] = {
    str: Text,
    int: Number,
    float: Decimal,
    bool: Flag,
    Path: Text,
    Any: Anything,
    object: Anything,
    dict: Anything,
    list: Anything,
}


def _plain(hint: Any) -> Shape:
    if isinstance(hint, type) and (issubclass(hint, Section) or dataclasses.is_dataclass(hint)):
        return Object(hint)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return Choice(hint)
    return SIMPLE[hint]()
