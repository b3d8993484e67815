"""What a sender of ever new names and resources costs: bounded tables, and nothing lost."""

from pathlib import Path

import pytest

from devctl.queries import traces
from devctl.record.span_query import SpanQuery
from devctl.record.span_writer import SpanWriter
from devctl.record.spans import SpanReader
from tests.otlp import export

BOUND = 20


@pytest.fixture
def reader(tmp_path: Path) -> SpanReader:
    writer = SpanWriter(tmp_path / "record.db", most_known=BOUND)
    for number in range(3 * BOUND):
        writer.begin()
        writer.add(export({"name": f"GET /users/{number}"}, service=f"service-{number}").resource_spans)
        writer.commit()
    writer.close()
    return SpanReader(tmp_path / "record.db")


def test_every_span_keeps_its_own_name_service_and_resource(reader: SpanReader) -> None:
    all_traces = traces.find(reader, SpanQuery(limit=1000))
    expected = {(f"service-{i}", f"GET /users/{i}", f"service-{i}") for i in range(3 * BOUND)}
    spans = [trace.spans[0] for trace in all_traces]
    assert {(span.service, span.name, span.resource_attributes["service.name"]) for span in spans} == expected
    reader.close()


@pytest.mark.parametrize("number", [0, 3 * BOUND - 1])
def test_an_operation_is_found_whether_or_not_it_has_a_row_of_its_own(reader: SpanReader, number: int) -> None:
    (trace,) = traces.find(reader, SpanQuery(operation=f"GET /users/{number}"))
    assert trace.root.name == f"GET /users/{number}"
    reader.close()


@pytest.mark.parametrize("number", [0, 3 * BOUND - 1])
def test_a_service_is_found_whether_or_not_it_has_a_row_of_its_own(reader: SpanReader, number: int) -> None:
    (trace,) = traces.find(reader, SpanQuery(service=f"service-{number}"))
    assert trace.root.service == f"service-{number}"
    reader.close()


def test_lists_of_services_and_operations_stay_short(reader: SpanReader) -> None:
    assert len(reader.services()) <= BOUND
    assert all(len(reader.operations(service)) <= BOUND for service in reader.services())
    reader.close()


@pytest.mark.parametrize("most_known", [BOUND, 1, 0])
def test_calls_are_between_the_services_of_the_spans_wherever_their_names_are_kept(
    tmp_path: Path, most_known: int
) -> None:
    trace = {"trace": b"t" * 16}
    writer = SpanWriter(tmp_path / "record.db", most_known=most_known)
    writer.begin()
    writer.add(export(trace | {"span": b"1" * 8}, service="first").resource_spans)
    writer.add(export(trace | {"span": b"2" * 8, "parent": b"1" * 8}, service="second").resource_spans)
    writer.add(export(trace | {"span": b"3" * 8, "parent": b"2" * 8}, service="second").resource_spans)
    writer.add(export({"span": b"4" * 8, "links": [(b"t" * 16, b"1" * 8)]}, service="third").resource_spans)
    writer.commit()
    writer.close()
    reader = SpanReader(tmp_path / "record.db")
    calls = [(caller, callee) for caller, callee, *_ in reader.calls(0, 1 << 62)]
    assert calls == [("first", "second"), ("first", "third")]
    reader.close()
