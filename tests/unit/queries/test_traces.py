"""Traces found, summed up, tailed and written as OTLP JSON."""

from pathlib import Path

from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from devctl.queries import traces
from devctl.record.span_query import SpanQuery
from devctl.record.span_writer import SpanWriter
from tests.otlp import export
from tests.unit.queries.spans import record, span


def test_a_summary_runs_from_the_first_start_to_the_last_end_over_all_services(tmp_path: Path) -> None:
    reader = record(
        tmp_path,
        gateway=[span("POST /orders", 1, 0, 1)],
        payment=[span("charge", 2, 2, 3, parent=1, error=True)],
    )
    (trace,) = traces.find(reader, SpanQuery())
    assert traces.summary(trace) == {
        "trace_id": f"{1:032x}",
        "root": "POST /orders",
        "service": "gateway",
        "start": "1970-01-01T00:16:40.000000Z",
        "duration_ms": 3000.0,
        "spans": 2,
        "services": ["gateway", "payment"],
        "errors": 1,
    }
    reader.close()


def test_the_newest_traces_come_first_and_the_limit_counts_traces(tmp_path: Path) -> None:
    reader = record(tmp_path, shop=[span("s", i * 10 + j, i, i + 1, trace=i) for i in (1, 2, 3) for j in (1, 2)])
    assert [t.trace_id[-1] for t in traces.find(reader, SpanQuery(service="shop", limit=2))] == ["3", "2"]
    reader.close()


def test_a_tail_tells_a_trace_once_it_is_quiet_and_again_when_more_arrives(tmp_path: Path) -> None:
    reader = record(tmp_path, shop=[span("old", 1, 0, 1)])
    tail = traces.Tail(reader, SpanQuery())
    writer = SpanWriter(tmp_path / "record.db")

    def add(*spans: dict[str, object]) -> None:
        writer.begin()
        writer.add(export(*spans).resource_spans)
        writer.commit()

    add(span("root", 5, 0, 1, trace=2))
    assert tail.poll(now_ns=0) == []
    assert [t.root.name for t in tail.poll(now_ns=traces.QUIET_NS)] == ["root"]
    add(span("late", 6, 2, 3, trace=2, parent=5))
    tail.poll(now_ns=10 * traces.QUIET_NS)
    assert [len(t.spans) for t in tail.poll(now_ns=11 * traces.QUIET_NS)] == [2]
    assert tail.poll(now_ns=99 * traces.QUIET_NS) == []
    writer.close()
    reader.close()


def test_a_tail_waits_longer_for_a_root_that_has_not_come(tmp_path: Path) -> None:
    reader = record(tmp_path, shop=[span("child", 1, 0, 1, parent=9)])
    tail = traces.Tail(reader, SpanQuery(), from_row=0)
    assert tail.poll(now_ns=0) == tail.poll(now_ns=traces.QUIET_NS) == []
    assert len(tail.poll(now_ns=traces.PATIENCE_NS)) == 1
    reader.close()


def test_otlp_json_is_read_back_as_the_same_spans(tmp_path: Path) -> None:
    reader = record(tmp_path, shop=[span("root", 1, 0, 1, attributes={"n": 1}), span("child", 2, 0, 1, parent=1)])
    loaded = traces.load(reader, f"{1:032x}")
    assert loaded
    document = traces.otlp_json(loaded.spans)
    (scoped,) = document["resourceSpans"][0]["scopeSpans"]
    assert [s["spanId"] for s in scoped["spans"]] == [f"{1:016x}", f"{2:016x}"]
    assert scoped["spans"][1]["parentSpanId"] == f"{1:016x}"
    json_format.ParseDict(document, TracesData())
    reader.close()


def test_a_mermaid_diagram_names_callers_and_keeps_foreign_text_harmless(tmp_path: Path) -> None:
    reader = record(tmp_path, a=[span("in", 1, 0, 2)], b=[span("GET <b>;x\n", 2, 0, 1, parent=1)])
    diagram = traces.mermaid(traces.find(reader, SpanQuery()))
    assert diagram.splitlines()[-1] == "    s0->>s1: GET  b  x  1000.0 ms"
    reader.close()


def test_a_trace_id_may_be_shortened_while_it_stays_unique(tmp_path: Path) -> None:
    reader = record(tmp_path, shop=[span("s", 1, 0, 1, trace=0xAB << 120)])
    assert reader.complete_id("ab0") == ["ab" + "0" * 30]
    assert reader.complete_id("zz") == reader.complete_id("ac") == []
    reader.close()
