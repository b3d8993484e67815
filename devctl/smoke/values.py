"""Values of declared checks: JSON paths, comparisons, and `${NAME}` filled in while the checks run. Pure."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from devctl.manifest.interpolate import interpolate
from devctl.manifest.smoke import COMPARISON, TIME_COMPARISON
from devctl.text import parse_duration

OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
ANYTHING = "*"
_PART = re.compile(r"\.(?P<name>[^.\[\]()]+)(?P<call>\(\))?|\[(?P<index>-?\d+|\*)\]|\['(?P<quoted>[^']*)'\]")


class NotThere(ValueError):
    """A JSON path leads nowhere."""


def select(document: Any, path: str) -> list[Any]:
    """Return every value at a JSON path: `$.a.b[0].c`, `$.items[*].id`, `$.items.length()`, `$['a b']`."""
    if not path.startswith("$"):
        raise ValueError(f"a JSON path begins with $, not {path!r}")
    values = [document]
    end = 1
    while end < len(path):
        part = _PART.match(path, end)
        if part is None:
            raise ValueError(f"not a JSON path: {path!r} (at {path[end:]!r})")
        end = part.end()
        values = [below for value in values for below in _below(value, part)]
    return values


def _below(value: Any, part: re.Match[str]) -> Iterator[Any]:
    name = part["name"] if part["quoted"] is None else part["quoted"]
    if part["call"]:
        if name == "length" and isinstance(value, list | dict | str):
            yield len(value)
    elif part["index"] == ANYTHING:
        yield from value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    elif part["index"] is not None:
        index = int(part["index"])
        if isinstance(value, list) and -len(value) <= index < len(value):
            yield value[index]
    elif isinstance(value, dict) and name in value:
        yield value[name]


def first(document: Any, path: str) -> Any:
    """Return the first value at a JSON path; NotThere when there is none."""
    values = select(document, path)
    if not values:
        raise NotThere(f"nothing at {path}")
    return values[0]


def compare(text: str, actual: float) -> bool:
    """Tell whether a number is as `text` says: `3`, `>= 2`."""
    match = re.fullmatch(COMPARISON, text.strip())
    if match is None:
        raise ValueError(f"not a comparison: {text!r}")
    return OPERATORS[match[1] or "=="](actual, float(match[2]))


def compare_seconds(text: str, seconds: float) -> bool:
    """Tell whether a time is as `text` says: `< 800ms`; without a sign it is the most that it may take."""
    match = re.fullmatch(TIME_COMPARISON, text.strip())
    if match is None:
        raise ValueError(f"not a comparison with a duration: {text!r}")
    return OPERATORS[match[1] or "<="](seconds, parse_duration(match[2]))


def matches(expected: Any, actual: Any) -> bool:
    """Tell whether a value is what a check expects: equal, `*` for anything, `> 3` for a comparison."""
    if isinstance(expected, str):
        if expected == ANYTHING:
            return True
        if expected[:1] in "<>=!" and re.fullmatch(COMPARISON, expected.strip()) and _is_number(actual):
            return compare(expected, float(actual))
        return text_of(actual) == expected
    return bool(expected == actual and isinstance(expected, bool) == isinstance(actual, bool))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def text_of(value: Any) -> str:
    """Return a value as it stands in a text: JSON's words for true, false and null."""
    if isinstance(value, str):
        return value
    import json

    return json.dumps(value)


class Variables:
    """What `${NAME}` stands for: what was captured, else a variable of the environment or of `.env`."""

    def __init__(self, environ: Mapping[str, str], built_in: Mapping[str, str] = {}) -> None:
        self.captured: dict[str, str] = dict(built_in)
        self._environ = environ

    def variable(self, name: str) -> str | None:
        """Return a value, None when there is none."""
        return self.captured.get(name, self._environ.get(name))

    def unset(self, name: str) -> None:
        """Refuse a name without a value and without a default."""
        raise ValueError(f"${{{name}}}: no step captured it, and it is not set in the environment")

    def reference(self, dotted: str) -> str:
        """Refuse addresses: a step names its service."""
        raise ValueError(f"${{{dotted}}} cannot stand in a check; name the service in `service:`")

    def fill(self, value: Any) -> Any:
        """Return `value` with every `${NAME}` in its texts replaced."""
        if isinstance(value, str):
            return interpolate(value, self)
        if isinstance(value, Mapping):
            return {self.fill(key) if "${" in key else key: self.fill(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.fill(item) for item in value]
        return value


def wildcard(pattern: str, text: str) -> bool:
    """Tell whether `text` is as `pattern`, in which `*` stands for any text and nothing else is special."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("*"))), text, re.DOTALL) is not None
