"""Compose's interpolation of one text: ${V}, $V, :- - :? ? :+ +, nested, $$. The result is never read again."""

from __future__ import annotations

import re
from typing import Protocol

MAX_DEPTH = 16
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
DOTTED = re.compile(r"(?:services|volumes)\.[A-Za-z0-9_.-]+|python(?=\})")
OPERATORS = (":-", ":?", ":+", "-", "?", "+")


class Values(Protocol):
    """Where the values come from."""

    def variable(self, name: str) -> str | None:
        """Return an environment variable's value, None when it is not set."""
        ...

    def unset(self, name: str) -> None:
        """Hear that a variable without a value and without a default was used."""
        ...

    def reference(self, dotted: str) -> str:
        """Return what stands for `services.NAME.PORT…`, `volumes.NAME` or `python`; ValueError says why not."""
        ...


def interpolate(text: str, values: Values) -> str:
    """Return `text` with every ${…} replaced; ValueError says what cannot be replaced."""
    if "$" not in text:
        return text
    result, end = _until(text, 0, values, depth=0, used=True)
    assert end == len(text)
    return result


def _until(text: str, at: int, values: Values, *, depth: int, used: bool) -> tuple[str, int]:
    """Return what stands before the closing brace (or the end, at depth 0) and where that is. Braces of the text
    itself are balanced, as in Compose: `{"n":1}` is a whole default."""
    parts: list[str] = []
    open_braces = 0
    while at < len(text):
        if text[at] == "$":
            part, at = _dollar(text, at + 1, values, depth, used=used)
            parts.append(part)
            continue
        if depth and text[at] == "}" and not open_braces:
            return "".join(parts), at
        end = _plain_end(text, at, depth)
        parts.append(text[at:end])
        open_braces += {"{": 1, "}": -1}.get(text[at], 0)
        at = end
    if depth:
        raise ValueError("${ without its }")
    return "".join(parts), at


def _plain_end(text: str, at: int, depth: int) -> int:
    """Return where the plain text at `at` ends; inside ${…} a brace is a piece of its own."""
    if depth and text[at] in "{}":
        return at + 1
    ends = [text.find(mark, at) for mark in ("${}" if depth else "$")]
    return min((end for end in ends if end >= 0), default=len(text))


def _dollar(text: str, at: int, values: Values, depth: int, *, used: bool) -> tuple[str, int]:
    if text.startswith("$", at):
        return "$", at + 1
    if text.startswith("{", at):
        return _braced(text, at + 1, values, depth + 1, used=used)
    if name := NAME.match(text, at):
        return _value(name[0], values, used=used), name.end()
    raise ValueError("a $ must be followed by a name or {; a literal one is written $$")


def _braced(text: str, at: int, values: Values, depth: int, *, used: bool) -> tuple[str, int]:
    if depth > MAX_DEPTH:
        raise ValueError(f"${{…}} nested deeper than {MAX_DEPTH} levels")
    if dotted := DOTTED.match(text, at):
        if not text.startswith("}", dotted.end()):
            raise ValueError(f"${{{dotted[0]} without its }}")
        return values.reference(dotted[0]) if used else "", dotted.end() + 1
    name = NAME.match(text, at)
    if name is None:
        raise ValueError("${ must be followed by the name of a variable")
    at = name.end()
    if text.startswith("}", at):
        return _value(name[0], values, used=used), at + 1
    operator = next((o for o in OPERATORS if text.startswith(o, at)), None)
    if operator is None:
        raise ValueError(f"${{{name[0]}…: after the name comes }} or one of {' '.join(OPERATORS)}")
    return _operate(text, at + len(operator), name[0], operator, values, depth, used=used)


def _operate(
    text: str, at: int, name: str, operator: str, values: Values, depth: int, *, used: bool
) -> tuple[str, int]:
    value = values.variable(name)
    is_there = bool(value) if operator.startswith(":") else value is not None
    wants_word = not is_there if operator[-1] in "-?" else is_there
    word, end = _until(text, at, values, depth=depth, used=used and wants_word)
    if operator[-1] == "?" and not is_there and used:
        raise ValueError(f"{name} must be set" + (f": {word}" if word else ""))
    if operator[-1] == "+":
        return word if is_there else "", end + 1
    return (value or "") if is_there else word, end + 1


def _value(name: str, values: Values, *, used: bool) -> str:
    value = values.variable(name)
    if value is None and used:
        values.unset(name)
    return value or ""
