"""The service map from spans."""

from pathlib import Path

from devctl.queries import map as maps
from tests.unit.queries.spans import SECOND, record, span

ALWAYS = (0, 2000 * SECOND)


def test_edges_count_calls_errors_and_latency_by_parent_and_by_link(tmp_path: Path) -> None:
    link = ((1).to_bytes(16), (2).to_bytes(8))
    reader = record(
        tmp_path,
        gateway=[span("in", 1, 0, 1)],
        order=[span("POST", 2, 0, 1, parent=1, kind=2), span("inner", 3, 0, 1, parent=2)],
        payment=[span("consume", 9, 1, 3, trace=2, kind=5, links=[link], error=True)],
    )
    edges = maps.edges(reader, *ALWAYS)
    assert [(e.caller, e.callee, e.kind, e.calls, e.errors, e.p95_ms) for e in edges] == [
        ("gateway", "order", "http", 1, 0, 1000.0),
        ("order", "payment", "event", 1, 1, 2000.0),
    ]
    reader.close()


def test_names_from_outside_cannot_break_out_of_a_drawing(tmp_path: Path) -> None:
    reader = record(tmp_path, **{'a"]; x': [span("in", 1, 0, 1)], "b": [span("c", 2, 0, 1, parent=1)]})
    edges = maps.edges(reader, *ALWAYS)
    assert '"a\\"]; x" -> "b"' in maps.dot(edges)
    assert 's0["a  ; x"]' in maps.mermaid(edges)
    reader.close()
