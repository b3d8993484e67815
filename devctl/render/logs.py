"""How log lines look: prefixed and coloured for people, or JSON lines. Works on whole batches of bytes.

What comes from outside is made safe here; a batch that is safe as it is, is copied and not looked at line by line.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from json.encoder import JSONEncoder
from json.encoder import encode_basestring_ascii as quoted

from devctl.record.entries import Entries
from devctl.record.jsonlines import json_lines
from devctl.record.lines import Parsed, parse, parse_record
from devctl.text import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.record.batch import Batch, Label

Render = Callable[["Batch"], bytes]
"""Turns one batch into what is written for it."""

_UNSAFE = bytes(set(range(32)) - {9, 10} | {127})
_UNSAFE_WIDE = re.compile(
    rb"\xc2[\x80-\x9f]|\xd8\x9c|\xe2\x80[\x8b-\x8f\xa8-\xae]|\xe2\x81[\xa0-\xa9]|\xef\xbb\xbf|\xef\xbf[\xb9-\xbb]|\xf3\xa0"
)
_SERVICE_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
_LEVEL_COLOURS = {"trace": "2", "debug": "2", "info": "32", "warning": "33", "error": "31", "fatal": "1;31"}
_encode = JSONEncoder().encode


def safe(data: bytes, *, colour: bool = False) -> bytes:
    """Return whole lines as they may reach a terminal."""
    if len(data.translate(None, _UNSAFE)) == len(data) and (data.isascii() or _is_safe_wide(data)):
        return data
    lines = data.decode(errors="replace").split("\n")
    return "\n".join([clean(line, colour=colour) for line in lines]).encode(errors="replace")


def _is_safe_wide(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return _UNSAFE_WIDE.search(data) is None


class LogStyle:
    """What lines shall look like. `pretty`: JSON lines are rendered for people; `times`: arrival before each line."""

    def __init__(
        self, *, colour: bool = False, prefix: bool = True, pretty: bool = False, times: bool = False, width: int = 0
    ) -> None:
        self.colour = colour
        self.prefix = prefix
        self.pretty = pretty
        self.times = times
        self.width = width  # of the widest name that will come


def for_people(style: LogStyle) -> Render:
    """Return what renders batches for people."""
    prefixes = _Prefixes(style)

    def render(batch: Batch) -> bytes:
        prefix = prefixes.of(batch.label)
        pretty = style.pretty and (b'{"' in batch.data or b"{ " in batch.data)
        if pretty or style.times:
            return _line_by_line(batch, prefix, style)
        return _prefixed(safe(batch.data, colour=style.colour), prefix)

    return render


def _prefixed(data: bytes, prefix: bytes) -> bytes:
    return prefix + data[:-1].replace(b"\n", b"\n" + prefix) + b"\n" if prefix else data


def name(label: Label) -> str:
    """Return how a source is named for people: the service, and its number from the second replica on."""
    return clean(label.service if label.is_otlp else label.instance.removesuffix(".1") or label.service)


class _Prefixes:
    """The name before each line, in its colour, padded to the widest so far."""

    def __init__(self, style: LogStyle) -> None:
        self._style = style
        self._width = style.width
        self._made: dict[tuple[str, int], bytes] = {}
        self._colours: dict[str, int] = {}

    def of(self, label: Label) -> bytes:
        """Return the prefix of this source's lines, empty when none is wanted."""
        if not self._style.prefix:
            return b""
        shown = name(label)
        self._width = max(self._width, len(shown))
        key = (shown, self._width)
        if key not in self._made:
            padded = f"{shown:<{self._width}} │ "
            code = self._colours.setdefault(shown, _SERVICE_COLOURS[len(self._colours) % len(_SERVICE_COLOURS)])
            self._made[key] = (f"\x1b[{code}m{padded}\x1b[0m" if self._style.colour else padded).encode()
        return self._made[key]


def _line_by_line(batch: Batch, prefix: bytes, style: LogStyle) -> bytes:
    shown: list[bytes] = []
    for time_ns, start, end in batch.parts():
        stamp = f"{clock(time_ns)} ".encode() if style.times or style.pretty else b""
        for raw in batch.data[start : end - 1].split(b"\n"):
            parsed = _structured(raw, is_otlp=batch.label.is_otlp) if style.pretty else None
            if parsed is None:
                shown += (prefix, stamp if style.times else b"", safe(raw, colour=style.colour), b"\n")
                continue
            head, *rest = _pretty(parsed, colour=style.colour)
            shown += (prefix, stamp, head, b"\n")
            for line in rest:
                shown += (prefix, b"    ", line, b"\n")
    return b"".join(shown)


def level_cell(level: str | None) -> tuple[str, str]:
    """Return a level as a cell of a table, with its style."""
    return (level or "", {"warning": "yellow", "error": "red", "fatal": "red"}.get(level or "", ""))


def _structured(raw: bytes, *, is_otlp: bool) -> Parsed | None:
    """Return what a JSON line says, None for one of plain text."""
    if is_otlp:
        return parse_record(raw)[1]
    if raw[:1] != b"{":
        return None
    parsed = parse(raw)
    return parsed if parsed.fields or parsed.level or parsed.message.encode() != raw else None


def clock(time_ns: int) -> str:
    """Return the time of day here, with milliseconds."""
    seconds, rest = divmod(time_ns, 1_000_000_000)
    return f"{time.strftime('%H:%M:%S', time.localtime(seconds))}.{rest // 1_000_000:03d}"


def for_reading(parsed: Parsed) -> tuple[str, str, list[str]]:
    """Return the message of a line, its fields, and what of both takes lines of its own (tracebacks), all safe."""
    message, *below = parsed.message.rstrip("\n").split("\n")
    short: list[str] = []
    for key, value in parsed.fields.items():
        if isinstance(value, str) and "\n" in value:
            below += value.rstrip("\n").split("\n")
        elif key not in DULL_FIELDS:
            short.append(f"{clean(str(key))}={_value(value)}")
    return clean(message), " ".join(short), [clean(line) for line in below]


def _pretty(parsed: Parsed, *, colour: bool) -> list[bytes]:
    """Return a line for people: level, message, fields; texts of several lines (tracebacks) follow below."""
    level = (parsed.level or "").upper()
    message, fields, below = for_reading(parsed)
    if colour:
        level = f"\x1b[{_LEVEL_COLOURS.get(parsed.level or '', '0')}m{level:<7}\x1b[0m"
        fields = fields and f"\x1b[2m{fields}\x1b[0m"
    head = f"{level:<7} {message} {fields}".rstrip()
    return [line.encode(errors="replace") for line in (head, *below)]


DULL_FIELDS = frozenset({"time", "timestamp", "ts", "@timestamp", "service", "span_id", "logger"})
"""Fields that a person following a log already sees, or does not want to."""


def _value(value: object) -> str:
    if isinstance(value, str):
        return clean(value) if value and " " not in value else quoted(value)
    return _encode(value)


def as_json(batch: Batch) -> bytes:
    """Render a batch as JSON lines `{time, service, instance, level, message, trace_id, fields}`, ASCII only."""
    return json_lines(batch).encode("ascii")


def entries_as_json() -> Render:
    """Return what renders batches as `as_json` does, lines without a level with that of the entry before them.

    It has to be shown every line that is shown at all, in order.
    """
    entries = Entries()
    return lambda batch: json_lines(batch, entries).encode("ascii")
