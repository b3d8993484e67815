"""How a column looks: the panel's field configuration with the overrides that match the column."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from devctl.web.boards.plain import flag, items, mapping, objects, text
from devctl.web.data.frames import Field, reduce


@dataclass(frozen=True, slots=True)
class Look:
    """The configuration of a panel's fields."""

    defaults: Mapping[str, Any]
    overrides: Sequence[Mapping[str, Any]]

    def of(self, column: Field) -> dict[str, Any]:
        """Return what holds for a column."""
        config: dict[str, Any] = {**self.defaults, **column.config}
        config["custom"] = dict(mapping(config.get("custom")))
        for override in self.overrides:
            if matches(mapping(override.get("matcher")), column):
                for change in objects(override.get("properties")):
                    _set(config, text(change.get("id")), change.get("value"))
        return config


def _set(config: dict[str, Any], path: str, value: Any) -> None:
    if path.startswith("custom."):
        config["custom"] = _with(config["custom"], path.removeprefix("custom.").split("."), value)
    elif path:
        config[path] = value


def _with(inside: Mapping[str, Any], path: list[str], value: Any) -> dict[str, Any]:
    """Return `inside` with a value set at a path."""
    if len(path) == 1:
        return {**inside, path[0]: value}
    return {**inside, path[0]: _with(mapping(inside.get(path[0])), path[1:], value)}


def matches(matcher: Mapping[str, Any], column: Field) -> bool:
    """Tell whether an override is meant for a column."""
    options = matcher.get("options")
    match text(matcher.get("id")):
        case "byName":
            return text(options) in (column.title, column.name)
        case "byNames":
            names = {text(each) for each in items(mapping(options).get("names"))}
            is_in = column.title in names or column.name in names
            return is_in != (mapping(options).get("mode") == "exclude")
        case "byRegexp":
            return _is_like(text(options), column)
        case "byType":
            return text(options) == column.kind
        case "byTypes":
            return column.kind in {text(each) for each in items(options)}
        case "byFrameRefID":
            return text(options) == column.ref
        case "byValue":
            return _by_value(mapping(options), column)
        case "allFields" | "any":
            return True
        case "numeric":
            return column.kind == "number"
    return False


_COMPARISONS = {
    "gte": lambda a, b: a >= b,
    "gt": lambda a, b: a > b,
    "lte": lambda a, b: a <= b,
    "lt": lambda a, b: a < b,
    "eq": lambda a, b: a == b,
    "neq": lambda a, b: a != b,
}


def _by_value(options: Mapping[str, Any], column: Field) -> bool:
    value = reduce(text(options.get("reducer")), column.values)
    limit = options.get("value")
    compare = _COMPARISONS.get(text(options.get("op")))
    return bool(compare and isinstance(value, int | float) and isinstance(limit, int | float) and compare(value, limit))


def _is_like(pattern: str, column: Field) -> bool:
    compiled = compiled_pattern(pattern)
    return bool(compiled and (compiled.search(column.title) or compiled.search(column.name)))


def compiled_pattern(pattern: str) -> re.Pattern[str] | None:
    """Return the pattern of `/…/flags` or of a bare text; None for one that Python does not read."""
    match = re.fullmatch(r"/(.*)/([gimsuy]*)", pattern, re.DOTALL)
    try:
        return re.compile(match[1] if match else pattern, re.IGNORECASE if match and "i" in match[2] else 0)
    except re.error:
        return None


SHOWN = ("unit", "decimals", "min", "max", "noValue", "color", "thresholds", "mappings", "links", "description")


def described(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a configuration that the page draws with."""
    shown = {key: config[key] for key in SHOWN if config.get(key) is not None}
    return {**shown, "custom": config.get("custom") or {}}


def is_hidden(config: Mapping[str, Any], where: str = "viz") -> bool:
    """Tell whether a column is kept out of the drawing, the legend or the tool tip."""
    custom = mapping(config.get("custom"))
    return flag(mapping(custom.get("hideFrom")).get(where)) or flag(custom.get("hidden"))


def shown_name(config: Mapping[str, Any], column: Field) -> str:
    """Return a column's name after its configuration; `${__field.labels.X}` and the like are filled in."""
    name = text(config.get("displayName"))
    if not name:
        return column.title

    def replaced(match: re.Match[str]) -> str:
        if match[1] == "name":
            return column.name
        return column.labels.get(match[2] or "", "") if match[2] else column.title

    return re.sub(r"\$\{__(?:field|series)\.(?:(name|displayName)|labels\.([\w.]+))\}", replaced, name)


def names(columns: Iterable[Field]) -> list[str]:
    """Return the titles of columns."""
    return [column.title for column in columns]
