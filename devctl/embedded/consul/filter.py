"""Consul's filter expressions: `Service.Meta.version == "2" and "blue" in ServiceTags`, read once, asked often.

Raises Unreadable for what it does not understand, so that nobody mistakes an unfiltered answer for a filtered one.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

Test = Callable[[dict[str, Any]], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<quoted>"(?:[^"\\]|\\.)*"|`[^`]*`)|(?P<sign>==|!=|\(|\))|(?P<word>(?:[^\s()"`=!\[]|\["[^"]*"\])+))"""
)
_MISSING = object()
MOST_DEPTH = 50


class Unreadable(Exception):
    """The expression cannot be evaluated here; the message says why."""


def compile_filter(text: str) -> Test:
    """Make a test of a filter expression; raise Unreadable when it is none that is known here."""
    reader = _Reader(_tokens(text))
    test = reader.either(0)
    if reader.peek() is not None:
        raise Unreadable(f"nothing expected at {reader.peek()!r}")
    return test


def _tokens(text: str) -> list[str]:
    tokens, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise Unreadable(f"cannot read {text[at:]!r}")
        tokens.append(match.group().strip())
        at = match.end()
    return tokens


class _Reader:
    """Reads tokens from left to right: `or` binds least, then `and`, then `not`."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self, ahead: int = 0) -> str | None:
        at = self._at + ahead
        return self._tokens[at] if at < len(self._tokens) else None

    def take(self) -> str:
        token = self.peek()
        if token is None:
            raise Unreadable("it ends too early")
        self._at += 1
        return token

    def either(self, depth: int) -> Test:
        tests = [self.both(depth)]
        while self.peek() == "or":
            self.take()
            tests.append(self.both(depth))
        return tests[0] if len(tests) == 1 else lambda entry: any(test(entry) for test in tests)

    def both(self, depth: int) -> Test:
        tests = [self.single(depth)]
        while self.peek() == "and":
            self.take()
            tests.append(self.single(depth))
        return tests[0] if len(tests) == 1 else lambda entry: all(test(entry) for test in tests)

    def single(self, depth: int) -> Test:
        if depth > MOST_DEPTH:
            raise Unreadable("it is nested too deeply")
        if self.peek() == "not" and self.peek(1) not in ("==", "!=", "in", "contains", "is", "matches"):
            self.take()
            inner = self.single(depth + 1)
            return lambda entry: not inner(entry)
        if self.peek() == "(":
            self.take()
            inner = self.either(depth + 1)
            if self.take() != ")":
                raise Unreadable("a bracket is not closed")
            return inner
        return self.comparison()

    def comparison(self) -> Test:
        left = self.take()
        operator = self._operator()
        if operator in ("is empty", "is not empty"):
            return _negate_if("not" in operator, lambda entry: not _selected(entry, left))
        right = self.take()
        if operator in ("in", "not in"):
            left, right = right, left  # the value stands left of `in`, the field right of it
        value, field = _plain(right), left
        if operator in ("==", "!="):
            return _negate_if(operator == "!=", lambda entry: _equal(_selected(entry, field), value))
        if operator.endswith("matches"):
            return _negate_if("not" in operator, _matching(field, value))
        return _negate_if("not" in operator, lambda entry: _contains(_selected(entry, field), value))

    def _operator(self) -> str:
        token = self.take()
        if token == "is":  # noqa: S105 - a word of the language
            token = " ".join([token, *([self.take()] if self.peek() == "not" else []), self.take()])
        elif token == "not":  # noqa: S105
            token = f"not {self.take()}"
        if token not in _OPERATORS:
            raise Unreadable(f"{token!r} is no operator")
        return token


_OPERATORS = {
    *("==", "!=", "in", "not in", "contains", "not contains"),
    *("is empty", "is not empty", "matches", "not matches"),
}


def _negate_if(negate: bool, test: Test) -> Test:
    return (lambda entry: not test(entry)) if negate else test


def _matching(field: str, pattern: str) -> Test:
    try:
        compiled = re.compile(pattern)
    except re.error as failure:
        raise Unreadable(f"{pattern!r} is no regular expression: {failure}") from failure
    return lambda entry: compiled.search(str(_selected(entry, field))) is not None


def _plain(token: str) -> str:
    if token.startswith('"'):
        return re.sub(r"\\(.)", r"\1", token[1:-1])
    return token.strip("`")


def _selected(entry: dict[str, Any], field: str) -> Any:
    """Follow `Service.Meta.version` through the entry; a key that a map lacks is empty, a field is a mistake."""
    value: Any = entry
    path = re.findall(r"""\["([^"]*)"\]|([^.\[]+)""", field)
    for at, (quoted, plain) in enumerate(path):
        name = quoted or plain
        if not isinstance(value, dict):
            raise Unreadable(f'Selector "{field}" is not valid')
        inner = value.get(name, _MISSING)
        if inner is _MISSING:
            if at == len(path) - 1 and at and path[at - 1][1].endswith("Meta"):
                return ""
            raise Unreadable(f'Selector "{field}" is not valid')
        value = inner
    return value


def _equal(actual: Any, value: str) -> bool:
    if isinstance(actual, bool):
        return actual == (value.lower() in ("true", "1", "t"))
    if isinstance(actual, (int, float)):
        try:
            return actual == float(value)
        except ValueError as failure:
            raise Unreadable(f"{value!r} is no number") from failure
    return str(actual) == value


def _contains(actual: Any, value: str) -> bool:
    return value in actual if isinstance(actual, (list, dict, str)) else False
