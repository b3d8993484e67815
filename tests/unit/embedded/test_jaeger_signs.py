"""Searching by tags: what the database passes over without decoding never carries the tag."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from devctl.embedded.jaeger import model, query
from devctl.embedded.jaeger.signs import signs
from devctl.record.span_query import SpanQuery
from devctl.record.span_writer import SpanWriter
from devctl.record.spans import SpanReader
from tests.integration.embedded import jaeger_scenarios


@pytest.fixture(params=[20_000, 1], ids=["origins in a table", "origins inside the spans"])
def reader(request: pytest.FixtureRequest, tmp_path: Path) -> SpanReader:
    writer = SpanWriter(tmp_path / "record.db", most_known=request.param)
    writer.begin()
    for body in jaeger_scenarios.spans():
        writer.add(body.resource_spans)
    writer.commit()
    writer.close()
    return SpanReader(tmp_path / "record.db")


def test_a_span_shows_the_signs_of_every_tag_that_it_carries(reader: SpanReader) -> None:
    everything = SpanQuery(limit=1000)
    for span in list(reader.spans(everything)):
        shown = [*model.tags(span), *model.process(span)["tags"]]
        shown += [field for log in model.converted(span)["logs"] for field in log["fields"]]
        for tag in shown:
            pairs = ((tag["key"], model.as_text(tag)),)
            assert query.has_tags(span, pairs)
            ids = {other.id for other in reader.spans(replace(everything, signs=signs(pairs)))}
            assert span.id in ids, pairs


@pytest.mark.parametrize(("key", "value"), [("number", "99"), ("peer", "orde"), ("ok", "false"), ("none", "x")])
def test_what_nobody_carries_is_passed_over_undecoded(reader: SpanReader, key: str, value: str) -> None:
    assert list(reader.spans(SpanQuery(signs=signs(((key, value),))))) == []
