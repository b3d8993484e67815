"""Operations on a terminal: a table, with what changed where two times are compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from devctl.queries.operations import Operation
from devctl.render import table
from devctl.text import clean, duration

if TYPE_CHECKING:
    from devctl.render.terminal import Terminal

_HEADS = ["service", "operation", "count", "errors", "p50", "p95", "p99", "self"]
_RIGHT = "count errors p50 p95 p99 self p95-change"
_MARKED = 0.2  # from this change on it is coloured: less is chance in most samples


def lines(
    operations: Sequence[Operation], before: Mapping[tuple[str, str], Operation] | None, terminal: Terminal
) -> list[str]:
    """Return the table; with `before` how the p95 of each changed."""
    heads = [*_HEADS, "p95-change"] if before is not None else _HEADS
    rows = [_row(each, before) for each in operations]
    return table.lines(heads, rows, terminal, right=_RIGHT)


def _row(operation: Operation, before: Mapping[tuple[str, str], Operation] | None) -> list[table.Cell]:
    took = [duration(operation.percentile(percent) / 1e9) for percent in (50, 95, 99)]
    errors: table.Cell = (str(operation.errors), "red") if operation.errors else ""
    self_time = duration(operation.self_ns / 1e9)
    row: list[table.Cell] = [
        clean(operation.service),
        clean(operation.name),
        str(operation.count),
        errors,
        *took,
        self_time,
    ]
    return row if before is None else [*row, _change(operation, before.get((operation.service, operation.name)))]


def _change(operation: Operation, before: Operation | None) -> table.Cell:
    if before is None:
        return ("new", "yellow")
    earlier = before.percentile(95)
    share = operation.percentile(95) / earlier - 1 if earlier else 0.0
    style = "red" if share >= _MARKED else "green" if share <= -_MARKED else "dim"
    return (f"{share:+.0%}", style)
