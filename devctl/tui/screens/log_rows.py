"""Log lines as rows: time, service in its tint, level, text, fields; folded by what they have in common. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from devctl.render.logs import DULL_FIELDS
from devctl.tui.cells import Cell, Cells, cut, fit, safe, width
from devctl.tui.theme import LEVEL_STYLES, TINTS
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.queries.pages import PageLine

Clock = Callable[[int], str]
LONGEST_NAME = 16
LONGEST_FIELD = 200
_SHORT = {"warning": "warn", "fatal": "fatal", "error": "error", "debug": "debug", "trace": "trace", "info": "info"}


def tint(name: str) -> str:
    """Return the style that lines of a service have their name in: the same in every run."""
    return f"tint{zlib.crc32(name.encode()) % TINTS}"


def name_width(names: Sequence[str]) -> int:
    """Return the room for the names of services."""
    return min(max((width(safe(name)) for name in names), default=8), LONGEST_NAME)


def row(line: PageLine, clock: Clock, room: int) -> Row:
    """Return the row of a line; its cells are made when it is drawn."""
    anchor = line.anchor
    indent = len(clock(anchor.time_ns)) + room + 9
    return Row((anchor.time_ns, anchor.source, anchor.offset), lambda: cells(line, clock, room), line, indent=indent)


def cells(line: PageLine, clock: Clock, room: int) -> Cells:
    """Return what is drawn of a line."""
    record = line.line
    parsed = record.parsed
    level = parsed.level or ""
    style = LEVEL_STYLES.get(level, "")
    name = safe(record.instance if record.instance.endswith(".otlp") or _has_others(record) else record.service)
    return (
        (f"{clock(record.time_ns)} ", "dim"),
        (fit(name, room) + " ", tint(record.service)),
        (f"{_SHORT.get(level, ''):<5} ", style),
        (safe(parsed.message), style if level in ("error", "fatal", "warning") else ""),
        *_fields(parsed.fields),
        *((("  ⏎̸", "dim"),) if record.is_partial and not record.raw else ()),
    )


def _has_others(record: Any) -> bool:
    """Tell whether an instance is not the first of its service, and is worth naming."""
    return not record.instance.endswith(".1")


def _fields(fields: Any) -> list[Cell]:
    drawn: list[Cell] = []
    for name, value in fields.items():
        if name in DULL_FIELDS:
            continue
        text = value if isinstance(value, str) else _compact(value)
        drawn += [(f"  {safe(str(name), LONGEST_FIELD)}=", "dim"), (cut(safe(text), LONGEST_FIELD), "dim")]
    return drawn


def _compact(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)


def as_json(line: PageLine) -> dict[str, Any]:
    """Return a line as `devctl logs --json` prints it."""
    from devctl.clock import rfc3339

    record = line.line
    parsed = record.parsed
    return {
        "time": rfc3339(record.time_ns), "service": record.service, "instance": record.instance,
        "level": parsed.level, "message": parsed.message, "trace_id": parsed.trace_id, "fields": dict(parsed.fields),
    }  # fmt: skip


def folded(lines: Sequence[PageLine], clock: Clock, room: int) -> list[Row]:
    """Return one row for lines that are alike, in the order of their last one: how often, when last, and an example."""
    from devctl.queries.logs import template

    groups: dict[tuple[str, str | None, str], list[PageLine]] = {}
    for line in lines:
        parsed = line.line.parsed
        key = (line.line.service, parsed.level, template(parsed.message))
        groups.setdefault(key, []).append(line)
    rows = []
    for key, members in sorted(groups.items(), key=lambda pair: pair[1][-1].anchor):
        last = members[-1]
        count = f"{len(members):>5}× " if len(members) > 1 else " " * 7
        rows.append(Row(("fold", *key), ((count, "mark"), *cells(last, clock, room)), last, indent=room + 29))
    return rows


def choices(line: PageLine) -> list[tuple[str, str]]:
    """Return what of a line is worth copying by itself: what it is called, and its text."""
    parsed = line.line.parsed
    fields = [(name, value if isinstance(value, str) else str(value)) for name, value in parsed.fields.items()]
    trace = [("trace id", parsed.trace_id)] if parsed.trace_id else []
    return [("message", parsed.message), ("line as it was", line.line.text), *trace, *fields]


def text_of(lines: Sequence[PageLine], clock: Clock) -> str:
    """Return lines as they came, after their time and service."""
    room = name_width([line.line.service for line in lines])
    return "\n".join(f"{clock(line.line.time_ns)} {line.line.service:<{room}} {line.line.text}" for line in lines)
