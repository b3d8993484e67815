"""stack.schema.json and docs/manifest.md, made from the model: its fields, their shapes and the texts below them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from devctl.manifest.model import Manifest
from devctl.manifest.shapes.base import Schema, Shape
from devctl.manifest.shapes.described import definition_of, field_texts, summary
from devctl.manifest.shapes.groups import ListOf, MapOf
from devctl.manifest.shapes.objects import REQUIRED, Object, Section, defaults_of

SCHEMA_FILE = "stack.schema.json"
PAGE_FILE = "docs/manifest.md"

NOT_EMPTY: Schema = {
    "if": {"not": {"anyOf": [{"required": ["image"]}, {"required": ["build"]}]}},
    "then": {"properties": {"command": {"not": {"enum": [[], "", None]}}}},
}
"""Only an image has a command of its own that stands for an empty one."""


def json_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of a stack.yaml."""
    definitions: Schema = {}
    whole = Object(Manifest)
    root = definition_of(whole.cls, whole.fields, whole.required, definitions)
    definitions["Service"]["properties"]["uses"] |= {"type": "string", "anyOf": _products(definitions)}
    definitions["Service"]["allOf"] = [NOT_EMPTY, *_settings()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "stack.yaml",
        **root,
        "$defs": dict(sorted(definitions.items())),
    }


def _products(definitions: Schema) -> list[Schema]:
    """Return the recipes that `uses` can name, each with what it is; put the schemas of their settings in place."""
    from devctl import products

    choices: list[Schema] = []
    for name in sorted(products.names()):
        product = products.find(name)
        assert product is not None
        choices.append({"const": name, "description": product.summary})
        definitions[f"with.{name}"] = _settings_of(product.settings, definitions)
        if product.example:
            definitions[f"with.{name}"]["examples"] = [dict(product.example)]
    return [*choices, {"pattern": r"\$"}]


def _settings_of(settings: type, definitions: Schema) -> Schema:
    shape = Object(settings)
    definition = definition_of(shape.cls, shape.fields, shape.required, definitions)
    for key, (field, _) in shape.fields.items():
        default = defaults_of(settings)[field]
        if default is not REQUIRED and isinstance(default, str | int | float | bool) and default != "":
            definition["properties"][key]["default"] = default
    return definition


def _settings() -> Iterator[Schema]:
    """Yield for each recipe that its settings, and no others, go under `with`."""
    from devctl import products

    for name in sorted(products.names()):
        is_used = {"properties": {"uses": {"const": name}}, "required": ["uses"]}
        yield {"if": is_used, "then": {"properties": {"with": {"$ref": f"#/$defs/with.{name}"}}}}


def schema_text() -> str:
    """Return what stack.schema.json holds."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


def reference_page() -> str:
    """Return docs/manifest.md: every key, what it takes, its default and what it means; then the recipes."""
    from devctl.manifest import pages

    sections = [section(Object(cls), title) for cls, title in pages.SECTIONS]
    return "\n\n".join([pages.HEAD.strip(), *sections, *_recipes(), pages.FOOT.strip()]) + "\n"


def section(shape: Object, title: str) -> str:
    """Return one part of the page: a heading, what the part is, and a table of its keys."""
    return f"## {title}\n\n{summary(shape.cls)}\n\n{table(shape)}"


def table(shape: Object) -> str:
    """Return the keys of a part as a Markdown table."""
    texts = field_texts(shape.cls)
    rows = ["| key | takes | unless given | meaning |", "|---|---|---|---|"]
    for key, (field, value_shape) in shape.fields.items():
        cells = (f"`{key}`", takes(value_shape), _default(shape.cls, field), texts.get(field, ""))
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(rows)


def takes(shape: Shape) -> str:
    """Return in words what a shape takes."""
    if isinstance(shape, ListOf):
        return f"{takes(shape.item)}, or a list" if shape.single else f"a list: {takes(shape.item)}"
    if isinstance(shape, MapOf) and isinstance(shape.item, Object) and not issubclass(shape.item.cls, Section):
        return f"NAME: {takes(shape.item)}"
    if isinstance(shape, Object) and not issubclass(shape.cls, Section):
        return "{" + ", ".join(shape.fields) + "}"
    return shape.expected


def _default(cls: type, name: str) -> str:
    default = defaults_of(cls)[name]
    return "must be given" if default is REQUIRED else _shown(default)


def _shown(value: Any) -> str:
    if isinstance(value, Section) or (not value and not isinstance(value, bool | int | float)):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, float):
        return f"`{value:g}s`"
    if isinstance(value, int) and value >= 1 << 20:
        return f"`{value >> 30}GiB`" if value >= 1 << 30 else f"`{value >> 20}MiB`"
    return f"`{value}`"


def _recipes() -> Iterator[str]:
    from devctl import products

    yield "## Recipes\n\nWhat `uses` can name, and what goes under `with`."
    for name in sorted(products.names()):
        product = products.find(name)
        assert product is not None
        ports = ", ".join(f"`{p.name}` {p.number or 'auto'}" for p in product.ports)
        facts = f"{product.summary}\n\nRuns as {', '.join(product.order)}. Ports: {ports}."
        limits = f" The embedded one lacks: {product.limitations}" if product.limitations else ""
        settings = Object(product.settings)
        yield f"### {name}\n\n{facts}{limits}\n\n" + (table(settings) if settings.fields else "It has no settings.")
