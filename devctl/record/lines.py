"""One log line and what is understood of it: level, message, trace id, fields. Pure; knows nothing of files.

What a line claims of itself never changes whose line it is or when it arrived.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from typing import Any

from devctl.values import dataclass

LEVELS = ("trace", "debug", "info", "warning", "error", "fatal")
"""From least to most severe."""

_SEVERITY = {name: rank for rank, name in enumerate(LEVELS)}
_ALIASES = {
    "trace": "trace", "finest": "trace", "finer": "trace", "verbose": "debug", "debug": "debug", "fine": "debug",
    "info": "info", "information": "info", "notice": "info", "config": "info", "warn": "warning",
    "warning": "warning", "err": "error", "error": "error", "severe": "error", "crit": "fatal",
    "critical": "fatal", "fatal": "fatal", "alert": "fatal", "emerg": "fatal", "emergency": "fatal", "panic": "fatal",
}  # fmt: skip
_LEVEL_KEYS = ("level", "severity", "lvl", "levelname", "log.level", "severity_text", "severityText", "loglevel")
_MESSAGE_KEYS = ("message", "msg", "event", "body", "text")
_TRACE_KEYS = ("trace_id", "traceId", "traceID", "trace.id", "otelTraceID", "trace", "traceid")
_HEAD = 160  # a level stands near the beginning of a line

_STEMS = (b"trace", b"debug", b"info", b"notice", b"warn", b"err", b"severe", b"crit", b"fatal", b"alert", b"panic")
_LEVEL_HINTS = (*_STEMS, b"emerg", b"level=", b"lvl=", b"severity=", b"verbose", b"finer", b"finest")
_UPPER_WORD = re.compile(rb"\b[A-Z]{3,11}\b")
_NAMED_LEVEL = re.compile(rb"\b(?:level|lvl|severity)=\"?(\w+)")
_BRACKETED = re.compile(rb"[\[(<]([A-Za-z]{3,11})[\])>]")
_FIRST_WORD = re.compile(rb"([A-Za-z]{3,11})(?:\[\d+\])?:")
_KLOG = re.compile(rb"([IWEF])\d{4} \d\d:\d\d:")
_KLOG_LEVELS = {b"I": "info", b"W": "warning", b"E": "error", b"F": "fatal"}
TRACE_ID = re.compile(rb"(?<![0-9A-Za-z])([0-9a-f]{32})(?![0-9A-Za-z])")
_WORD_LEVELS = {name.encode(): level for name, level in _ALIASES.items() if name not in ("config", "fine")}
_UPPER_LEVELS = {name.upper(): level for name, level in _WORD_LEVELS.items()}


@dataclass(frozen=True, slots=True)
class Parsed:
    """What is understood of a line. `level` is one of LEVELS or None; `fields` is what else a JSON line says."""

    level: str | None
    message: str
    trace_id: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Line:
    """One line as it arrived, without its line end. `is_partial`: it had none."""

    time_ns: int
    service: str
    instance: str
    raw: bytes
    is_partial: bool = False

    @cached_property
    def parsed(self) -> Parsed:
        return parse(self.raw)

    @property
    def text(self) -> str:
        """The line with what is no UTF-8 replaced."""
        return self.raw.decode(errors="replace")


def severity(level: str | None) -> int:
    """Return the rank of a level, -1 for none."""
    return _SEVERITY.get(level or "", -1)


def level_name(claimed: object) -> str | None:
    """Return the one of LEVELS that a word or a number (as Bunyan and Pino number them, 10 to 60) means."""
    if isinstance(claimed, str):
        return _ALIASES.get(claimed.strip().lower())
    if isinstance(claimed, int | float) and not isinstance(claimed, bool):
        return LEVELS[int(claimed) // 10 - 1] if 10 <= claimed < 70 else None
    return None


def parse(raw: bytes) -> Parsed:
    """Return what is understood of a line: a JSON object is taken apart, anything else is looked through."""
    if raw[:1] == b"{" and raw[-1:] == b"}":
        try:
            value = json.loads(raw)
        except (ValueError, RecursionError):
            pass
        else:
            return _parse_object(value, raw)
    return Parsed(guess_level(raw), _text(raw), find_trace_id(raw))


def parse_record(raw: bytes) -> tuple[str, Parsed]:
    """Return the instance and the content of a line that `writer.LogWriter` made of an OTLP record."""
    try:
        value = json.loads(raw)
        parsed = Parsed(value["level"], value["message"], value["trace_id"], value["fields"])
        return value["instance"], parsed
    except (ValueError, KeyError, TypeError):
        return "", parse(raw)  # a note about lost bytes


def guess_level(raw: bytes) -> str | None:
    """Return the level that a line of plain text shows near its beginning."""
    head = raw[:_HEAD]
    for word in _UPPER_WORD.findall(head):
        if word in _UPPER_LEVELS:
            return _UPPER_LEVELS[word]
    if b"=" in head and (named := _NAMED_LEVEL.search(head)):
        return _WORD_LEVELS.get(named[1].lower())
    for pattern, at_start in ((_BRACKETED, False), (_FIRST_WORD, True)):
        match = pattern.match(head) if at_start else pattern.search(head)
        if match and match[1].lower() in _WORD_LEVELS:
            return _WORD_LEVELS[match[1].lower()]
    if klog := _KLOG.match(head):
        return _KLOG_LEVELS[klog[1]]
    return "error" if head.startswith(b"Traceback (most recent") else None


def may_show_level(data: bytes) -> bool:
    """Tell quickly whether any line in `data` could show a level."""
    lowered = data.lower()
    return any(hint in lowered for hint in _LEVEL_HINTS) or _KLOG.search(data) is not None


def find_trace_id(raw: bytes) -> str | None:
    """Return the first trace id in a line."""
    match = TRACE_ID.search(raw)
    if not match or match[1].strip(b"0") == b"":
        return None
    return match[1].decode()


def may_have_trace_id(data: bytes) -> bool:
    """Tell whether any line in `data` has a trace id."""
    return TRACE_ID.search(data) is not None


def _parse_object(value: dict[str, Any], raw: bytes) -> Parsed:
    level = trace_id = message = None
    for key in _LEVEL_KEYS:
        if key in value and (level := level_name(value[key])):
            del value[key]
            break
    for key in _MESSAGE_KEYS:
        if isinstance(value.get(key), str):
            message = value.pop(key)
            break
    for key in _TRACE_KEYS:
        if isinstance(value.get(key), str) and (trace_id := find_trace_id(value[key].lower().encode())):
            del value[key]
            break
    fields = value.get("fields")
    if len(value) == 1 and isinstance(fields, dict):
        value = fields
    return Parsed(level, _text(raw) if message is None else message, trace_id or find_trace_id(raw), value)


def _text(raw: bytes) -> str:
    return raw.decode(errors="replace").removesuffix("\r")
