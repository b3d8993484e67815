"""The list of traces fits the terminal that it is shown on."""

import io
import json
from pathlib import Path

import pytest

from devctl.queries import traces, waterfall
from devctl.record.lines import Line
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


def test_log_lines_in_a_waterfall_keep_their_fields_and_their_line_breaks(tmp_path: Path) -> None:
    reader = record(tmp_path, web=[span("page", 1, 0, 10)])
    raw = json.dumps({"level": "error", "message": "no stock\nof 7", "order_id": "o-1", "exception": "Traceback\n  x"})
    line = Line(1, "web", "web.1", raw.encode())
    terminal = Terminal(io.StringIO(), io.StringIO(), {})
    shown = rendered.waterfall(waterfall.rows(reader.trace(f"{1:032x}")), [line], terminal)
    reader.close()
    assert shown[-4].endswith("error   web: no stock  order_id=o-1")
    assert [row.strip() for row in shown[-3:]] == ["of 7", "Traceback", "x"]
