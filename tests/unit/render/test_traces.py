"""The list of traces fits the terminal that it is shown on."""

import io
from pathlib import Path

import pytest

from devctl.queries import traces
from devctl.record.span_query import SpanQuery
from devctl.render import traces as rendered
from devctl.render.table import width
from devctl.render.terminal import Terminal
from tests.unit.queries.spans import record, span


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("columns", [75, 80, 100, 120, 200])
def test_no_line_of_the_list_is_wider_than_the_terminal(tmp_path: Path, columns: int) -> None:
    reader = record(
        tmp_path,
        gateway=[span("POST /api/v1/orders/with/a/long/path/that/goes/on/and/on", 1, 0, 1, error=True)],
        **{f"service{i}": [span("work", 10 + i, 0, 1, parent=1)] for i in range(9)},
    )
    terminal = Terminal(Screen(), io.StringIO(), {"COLUMNS": str(columns), "NO_COLOR": "1"})
    head, line = rendered.listing(traces.find(reader, SpanQuery()), terminal)
    assert width(line) <= columns
    assert line.index("gateway") == head.index("ROOT")
    assert "1 error" in line
    assert f"{1:032x}"[:8] in line
    reader.close()
