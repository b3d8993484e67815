"""One thing followed across spans, links and log lines."""

import json
from pathlib import Path

from devctl.core.spec import Journey
from devctl.keeper.log import SegmentLog
from devctl.queries import journey
from devctl.record.store import Run
from tests.unit.queries.spans import SECOND, record, span

ORDER = Journey(name="order", attribute="order.id", field="order_id")


def _run(tmp_path: Path, *lines: tuple[float, dict[str, object]]) -> Run:
    run = Run(tmp_path)
    run.logs.mkdir()
    log = SegmentLog(str(run.logs / "order.1"), 1 << 20)
    for at, line in lines:
        log.write(json.dumps(line).encode() + b"\n", int((1000 + at) * SECOND))
    log.close()
    return run


def test_a_journey_runs_over_linked_traces_and_lines_in_time_order(tmp_path: Path) -> None:
    link = ((1).to_bytes(16), (2).to_bytes(8))
    reader = record(
        tmp_path,
        order=[
            span("POST /orders", 1, 0, 3, kind=2, attributes={"order.id": "42", "http.response.status_code": 201}),
            span("send orders", 2, 2, 3, parent=1, kind=4),
            span("INSERT orders", 3, 1, 2, parent=1, kind=3, attributes={"db.system": "sqlite"}),
            span("SELECT orders", 4, 1, 2, parent=1, kind=3, attributes={"db.system": "sqlite"}),
        ],
        payment=[span("process orders", 9, 5, 6, trace=2, kind=5, links=[link])],
        other=[span("POST /orders", 1, 0, 1, trace=7, kind=2, attributes={"order.id": "421"})],
    )
    run = _run(
        tmp_path,
        (2.5, {"message": "order placed", "order_id": "42", "trace_id": f"{1:032x}"}),
        (2.6, {"message": "POST /orders 201", "trace_id": f"{1:032x}"}),
        (2.7, {"message": "somebody else's", "order_id": "421"}),
    )
    entries = journey.collect(run, reader, [ORDER], "42")
    assert [(entry.kind.value, entry.service, entry.what) for entry in entries] == [
        ("request", "order", "POST /orders → 201"),
        ("database", "order", "INSERT orders"),
        ("published", "order", "send orders"),
        ("log", "order", "order placed"),
        ("consumed", "payment", "process orders"),
    ]
    assert [line["after_ms"] for line in journey.as_json(entries)] == [0.0, 1000.0, 1000.0, 500.0, 2500.0]
    reader.close()


def test_what_nobody_knows_has_no_journey(tmp_path: Path) -> None:
    reader = record(tmp_path, order=[span("POST /orders", 1, 0, 1, kind=2, attributes={"order.id": "42"})])
    assert journey.collect(_run(tmp_path), reader, [ORDER], "4") == []
    reader.close()
