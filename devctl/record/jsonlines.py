"""Log lines as the documented JSON, one a line, quickly: `{time, service, instance, level, message, trace_id, fields}`.

`fields` has `partial: true` for a line whose end the instance did not write. The result is plain ASCII.
"""

import json
import time
from collections.abc import Iterator
from functools import lru_cache
from json.encoder import encode_basestring_ascii as quote

from devctl.clock import rfc3339
from devctl.record.batch import Batch, Label
from devctl.record.entries import Entries, attributed_lines
from devctl.record.lines import Line, Parsed, may_have_trace_id, may_show_level, parse

_encode = json.JSONEncoder(separators=(",", ":")).encode
_WORTH_A_LOOK = 2000  # bytes from which looking at a whole batch first is cheaper
_PLAIN_TAIL = ',"trace_id":null,"fields":{}}\n'


def json_line(line: Line) -> str:
    """Return one line as JSON, with its line end."""
    head = f'{{"time":"{rfc3339(line.time_ns)}","service":{quote(line.service)},"instance":{quote(line.instance)}'
    return head + _content(line.parsed, is_partial=line.is_partial)


def json_lines(batch: Batch, entries: Entries | None = None) -> str:
    """Return all lines of a batch as JSON; with `entries` what belongs to an entry has its level and its trace."""
    if batch.label.is_otlp or batch.partials:
        lines = (line for line, _ in attributed_lines(batch, entries)) if entries else batch.lines()
        return "".join(map(json_line, lines))
    owner = _owner(batch.label)
    is_plain = len(batch.data) > _WORTH_A_LOOK and _is_plain(batch.data)
    if entries and entries.head(batch.label).level:
        is_plain = False
    pieces: list[str] = []
    for time_ns, start, end in batch.parts():
        seconds, rest = divmod(time_ns, 1_000_000_000)
        head = f"{_second(seconds)}{rest // 1000:06d}{owner}"
        data = batch.data[start : end - 1]
        pieces += _plain(head, data) if is_plain else _each(head, data, batch.label, time_ns, entries)
    return "".join(pieces)


@lru_cache(maxsize=1024)
def _owner(label: Label) -> str:
    return f'Z","service":{quote(label.service)},"instance":{quote(label.instance)}'


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    return time.strftime('{"time":"%Y-%m-%dT%H:%M:%S.', time.gmtime(seconds))


def _is_plain(data: bytes) -> bool:
    """Tell whether no line needs a look of its own: no JSON, no level, no trace id."""
    has_objects = data[:1] == b"{" or b"\n{" in data
    return not has_objects and not may_have_trace_id(data) and not may_show_level(data)


def _plain(head: str, data: bytes) -> Iterator[str]:
    head += ',"level":null,"message":'
    for text in data.decode(errors="replace").split("\n"):
        yield f"{head}{quote(text.removesuffix(chr(13)))}{_PLAIN_TAIL}"


def _each(head: str, data: bytes, label: Label, time_ns: int, entries: Entries | None) -> Iterator[str]:
    for raw in data.split(b"\n"):
        parsed = parse(raw)
        yield head + _content(entries.attribute(label, raw, parsed, time_ns) if entries else parsed)


def _content(parsed: Parsed, *, is_partial: bool = False) -> str:
    level = f'"{parsed.level}"' if parsed.level else "null"
    trace_id = quote(parsed.trace_id) if parsed.trace_id else "null"
    fields = {**parsed.fields, "partial": True} if is_partial else parsed.fields
    extra = _encode(fields) if fields else "{}"
    return f',"level":{level},"message":{quote(parsed.message)},"trace_id":{trace_id},"fields":{extra}}}\n'
