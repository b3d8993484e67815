"""The JSON Schema of a part of the manifest, with the texts that stand below its fields."""

from __future__ import annotations

import ast
import functools
import inspect
import textwrap
from collections.abc import Mapping, Sequence

from devctl.manifest.shapes.base import Schema, Shape
from devctl.manifest.shapes.groups import Command, ListOf, MapOf, Variables

EXTENSIONS = {"^x-": {"description": "An extension: devctl does not look at it."}}

Fields = Mapping[str, tuple[str, Shape]]
"""The keys of a part: the field that takes each, and its shape."""


def reference_to(cls: type, fields: Fields, required: Sequence[str], definitions: Schema) -> Schema:
    """Return a reference to the schema of a part, which is put among `definitions`."""
    name = cls.__name__ if "devctl.manifest" in cls.__module__ else f"{cls.__module__}.{cls.__name__}"
    if name not in definitions:
        definitions[name] = {}
        definitions[name] = definition_of(cls, fields, required, definitions)
    return {"$ref": f"#/$defs/{name}"}


def definition_of(cls: type, fields: Fields, required: Sequence[str], definitions: Schema) -> Schema:
    """Return the schema of a part itself."""
    texts = field_texts(cls)
    properties = {}
    for key, (field, field_shape) in fields.items():
        properties[key] = {
            "description": texts.get(field, ""),
            **_may_be_empty(field_shape, field_shape.schema(definitions)),
        }
    definition: Schema = {
        "type": "object" if required else ["object", "null"],
        "description": summary(cls),
        "properties": properties,
        "patternProperties": EXTENSIONS,
        "additionalProperties": False,
    }
    if required:
        definition["required"] = list(required)
    return definition


def _may_be_empty(shape: Shape, schema: Schema) -> Schema:
    """Return a schema that also takes nothing, where that is as good as no key."""
    is_image_word = isinstance(shape, Command) and shape.may_be_empty
    if not isinstance(shape, MapOf | ListOf | Variables) and not is_image_word:
        return schema
    if "anyOf" in schema:
        return {"anyOf": [*schema["anyOf"], {"type": "null"}]}
    return {**schema, "type": [schema["type"], "null"]}


def summary(cls: type) -> str:
    """Return a class's docstring as one line."""
    return " ".join((inspect.getdoc(cls) or "").split())


@functools.cache
def field_texts(cls: type) -> dict[str, str]:
    """Return the texts that stand below the fields of a class, each as one line."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(definition, ast.ClassDef)
    texts = {}
    for field, text in zip(definition.body, definition.body[1:], strict=False):
        match field, text:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(sentence))):
                texts[name] = " ".join(sentence.split())
    return texts
