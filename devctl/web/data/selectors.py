"""Ad hoc filters: label matchers that are put into every selector of a PromQL expression. Pure.

Only as much of the language is read as tells a selector from what looks like one: functions, aggregations with their
label lists, modifiers, strings, ranges and comments.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

OPERATORS = ("=", "!=", "=~", "!~")
MOST_FILTERS = 50
_TOKEN = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|\[[^\]]*\]|\d[\w.]*)
      |(?P<name>[a-zA-Z_:][\w:]*)
      |(?P<braces>\{(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|[^}"'`])*\})
      |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_LABEL_LISTS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_WORDS = frozenset({"and", "or", "unless", "offset", "bool", "atan2", "inf", "nan", "start", "end", *_LABEL_LISTS})
_AFTER = re.compile(r"\s*(\(|\{|by\b|without\b)?", re.IGNORECASE)
_LABELS = re.compile(r"\s*\([^)]*\)")


@dataclass(frozen=True, slots=True)
class Filter:
    """One matcher: `label operator value`."""

    label: str
    operator: str
    value: str

    @property
    def text(self) -> str:
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        label = self.label if re.fullmatch(r"[a-zA-Z_]\w*", self.label) else f'"{self.label}"'
        return f'{label}{self.operator}"{quoted}"'


def filters(values: Sequence[str]) -> list[Filter]:
    """Return the filters that Grafana writes as `label|operator|value`; what is none is left out."""
    parted = [value.split("|", 2) for value in values[:MOST_FILTERS]]
    return [
        Filter(parts[0], parts[1], parts[2])
        for parts in parted
        if len(parts) == 3 and parts[0] and '"' not in parts[0] and "\\" not in parts[0] and parts[1] in OPERATORS
    ]


def narrowed(query: str, chosen: Sequence[Filter]) -> str:
    """Return an expression in which every selector also asks for these filters."""
    return "".join(_narrowed(query, ", ".join(each.text for each in chosen))) if chosen else query


def _narrowed(query: str, matchers: str) -> Iterator[str]:
    at = 0
    while at < len(query):
        token = _TOKEN.match(query, at)
        assert token is not None  # any character is a token
        at = token.end()
        if token["braces"]:
            inside = token["braces"][1:-1].strip().rstrip(",")
            yield "{" + ", ".join(filter(None, (inside, matchers))) + "}"
        elif name := token["name"]:
            yield name
            yield from _after_name(name, query, at, matchers)
            if name.lower() in _LABEL_LISTS and (labels := _LABELS.match(query, at)):
                yield labels[0]
                at = labels.end()
        else:
            yield token[0]


def _after_name(name: str, query: str, at: int, matchers: str) -> Iterator[str]:
    """Yield the selector of a bare metric name; nothing after a word of the language, a function, or before braces."""
    following = _AFTER.match(query, at)
    if name.lower() not in _WORDS and (following is None or following[1] is None):
        yield "{" + matchers + "}"
