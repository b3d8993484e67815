"""The filter of the log view, as it is typed: words, `re:`, `level:`, `field=value`, `trace:`, `-word`. Pure."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace

from devctl.record.lines import LEVELS
from devctl.record.logs import Query


@dataclass(frozen=True, slots=True)
class LogFilter:
    """What lines are shown: `text` as it was typed, and the services that were chosen elsewhere."""

    text: str = ""
    services: tuple[str, ...] = ()
    trace_id: str = ""

    @property
    def is_empty(self) -> bool:
        return not (self.text or self.services or self.trace_id)


def query(chosen: LogFilter) -> Query:
    """Return the query of a filter; ValueError says why it is none."""
    made = Query(services=chosen.services, trace_id=chosen.trace_id)
    if chosen.text.startswith("re:"):
        return replace(made, grep=_compiled(chosen.text[3:]))
    fields: dict[str, str] = {}
    texts: list[str] = []
    for word in _terms(chosen.text):
        name, sign, value = word.partition("=")
        if word.startswith("level:"):
            made = replace(made, level=_level(word.removeprefix("level:")))
        elif word.startswith("trace:"):
            made = replace(made, trace_id=word.removeprefix("trace:"))
        elif word.startswith("service:"):
            made = replace(made, services=(*made.services, *word.removeprefix("service:").split(",")))
        elif sign and name.replace(".", "").replace("_", "").isalnum():
            fields[name] = value
        else:
            texts.append(word)
    grep = _in_any_order(texts)
    return replace(made, fields=fields, grep=grep, ignore_case=bool(grep))


def _terms(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:  # a quotation mark that is not closed yet, as one types
        return text.split()


def _level(word: str) -> str:
    for level in LEVELS:
        if word and level.startswith(word.lower()):
            return level
    raise ValueError(f"no level {word!r}: there are {', '.join(LEVELS)}")


def _in_any_order(texts: list[str]) -> str:
    """Return a pattern that finds the one text, or lines that hold all of several."""
    if len(texts) < 2:
        return "".join(map(_literal, texts))
    return "".join(f"(?=.*{_literal(text)})" for text in texts)


def _literal(text: str) -> str:
    """Quote what has a meaning in patterns, and nothing else: plain text is searched faster."""
    return re.sub(r"([.^$*+?{}\[\]\\|()])", r"\\\1", text)


def _compiled(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"no regular expression: {error}") from None
    return pattern


def command(chosen: LogFilter) -> str:
    """Return the devctl command that shows the same lines."""
    try:
        made = query(chosen)
    except ValueError:
        made = Query(services=chosen.services)
    parts = ["devctl", "logs", *made.services]
    if made.level:
        parts += ["--level", made.level]
    if made.trace_id:
        parts += ["--trace", made.trace_id]
    if made.grep:
        parts += ["--grep", made.grep, *(["-i"] if made.ignore_case else [])]
    return shlex.join(parts)


def highlighter(chosen: LogFilter) -> re.Pattern[str] | None:
    """Return what is drawn as a match."""
    text = chosen.text
    if text.startswith("re:"):
        return re.compile(text[3:])
    terms = [word for word in _terms(text) if not re.match(r"(level|trace|service):|[\w.]+=", word)]
    return re.compile("|".join(map(re.escape, terms)), re.IGNORECASE) if terms else None
