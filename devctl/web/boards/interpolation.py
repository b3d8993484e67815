"""Fills variables into queries, titles and links: `$name`, `${name:format}` and `[[name]]`, as Grafana writes them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

ALL = "$__all"
_REFERENCE = re.compile(r"\$(\w+)|\[\[(\w+)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}")
_REGEX_CHARACTERS = re.compile(r"[\\^$.*+?()\[\]{}|\"]")
_IN_PATTERN = {"\\": r"\\\\", '"': r"\""}


@dataclass(frozen=True, slots=True)
class Value:
    """What a variable stands for now. `is_list`: the variable may have several values, so queries get a pattern.

    `all_value` is what stands for everything when everything is chosen, put in as it is.
    """

    values: tuple[str, ...]
    is_list: bool = False
    is_all: bool = False
    all_value: str = ""
    texts: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """What people read."""
        return "All" if self.is_all else " + ".join(self.texts or self.values)


Values = Mapping[str, Value]
Format = Callable[[Value], str]


def for_promql(value: Value) -> str:
    """Return a value as Grafana's Prometheus source puts it into a query that says no format."""
    if value.is_all and value.all_value:
        return value.all_value
    if not value.is_list:
        return "".join(value.values).replace("\\", "\\\\").replace('"', '\\"') if value.values else ""
    escaped = [_pattern(each) for each in value.values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def for_people(value: Value) -> str:
    """Return a value as it stands in titles."""
    return value.text


def raw(value: Value) -> str:
    """Return a value as it is; several by commas."""
    return value.all_value if value.is_all and value.all_value else ",".join(value.values)


def _pattern(text: str) -> str:
    """Return a text as a regular expression within a PromQL string."""
    return _REGEX_CHARACTERS.sub(lambda match: _IN_PATTERN.get(match[0], "\\\\" + match[0]), text)


def _regex(value: Value) -> str:
    if value.is_all and value.all_value:
        return value.all_value
    escaped = [_REGEX_CHARACTERS.sub(lambda match: "\\" + match[0], each) for each in value.values]
    return escaped[0] if len(escaped) == 1 else f"({'|'.join(escaped)})"


def _joined(separator: str) -> Format:
    return lambda value: value.all_value if value.is_all and value.all_value else separator.join(value.values)


def _quoted(mark: str) -> Format:
    return lambda value: ",".join(f"{mark}{each.replace(mark, chr(92) + mark)}{mark}" for each in value.values)


def _braces(value: Value) -> str:
    return value.values[0] if len(value.values) == 1 else "{" + ",".join(value.values) + "}"


_FORMATS: Mapping[str, Format] = {
    "raw": raw,
    "text": for_people,
    "regex": _regex,
    "pipe": _joined("|"),
    "csv": _joined(","),
    "glob": _braces,
    "json": lambda value: json.dumps(value.values if len(value.values) != 1 else value.values[0]),
    "singlequote": _quoted("'"),
    "doublequote": _quoted('"'),
    "sqlstring": lambda value: ",".join("'" + each.replace("'", "''") + "'" for each in value.values),
    "percentencode": lambda value: quote(_braces(value), safe=""),
    "lucene": _joined(" OR "),
}


def references(text: str) -> set[str]:
    """Return the names of variables in a text."""
    return {match[1] or match[2] or match[4] for match in _REFERENCE.finditer(text)}


def fill(text: str, values: Values, default: Format = for_people) -> str:
    """Return `text` with every variable filled in that has a value; `default` writes those that say no format."""

    def replaced(match: re.Match[str]) -> str:
        name = match[1] or match[2] or match[4]
        if name not in values:
            return match[0]
        return _written(name, values[name], match[3] or match[6] or "", default)

    return _REFERENCE.sub(replaced, text)


def _written(name: str, value: Value, format: str, default: Format) -> str:
    kind, _, argument = format.partition(":")
    if kind == "queryparam":
        return "&".join(f"var-{quote(name)}={quote(each, safe='')}" for each in _chosen(value))
    if kind == "date":
        return _date(value, argument)
    return _FORMATS.get(kind, default)(value)


def _chosen(value: Value) -> Sequence[str]:
    return (ALL,) if value.is_all else value.values


def _date(value: Value, form: str) -> str:
    moment = datetime.fromtimestamp(float("".join(value.values) or 0) / 1000, UTC)
    if form == "seconds":
        return str(int(moment.timestamp()))
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def with_queryparams(values: Values) -> str:
    """Return all variables as the query of an address (`$__all_variables`)."""
    names = (name for name in values if not name.startswith("__"))
    return "&".join(f"var-{quote(name)}={quote(each, safe='')}" for name in names for each in _chosen(values[name]))
