"""What the writer of spans keeps: every text that a sender may choose, also in a file of an earlier version."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from devctl.record.span_query import SpanQuery
from devctl.record.span_writer import SpanWriter
from devctl.record.spans import Span, SpanReader
from tests.otlp import export

TEXTS = ["", "\0", "x\0", "a" * 2_000, "größe", "0", " "]

# What version 1 laid out for names and origins: the empty text and the byte 0 stood for "the span itself tells".
VERSION_1 = """
CREATE TABLE names (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE origins (id INTEGER PRIMARY KEY, service INTEGER NOT NULL, resource BLOB NOT NULL,
    scope BLOB NOT NULL, UNIQUE (resource, scope));
INSERT INTO names VALUES (0, ''), (1, 'earlier');
INSERT INTO origins VALUES (0, 0, x'00', x''), (1, 1, x'', x'');
PRAGMA user_version = 1;
"""


def _store(path: Path, name: str, service: str = "shop") -> None:
    writer = SpanWriter(path)
    with contextlib.closing(writer):
        writer.begin()
        writer.add(export({"name": name}, service=service).resource_spans)
        writer.commit()


def _spans(path: Path, query: SpanQuery) -> list[Span]:
    reader = SpanReader(path)
    with contextlib.closing(reader):
        return list(reader.spans(query))


@pytest.mark.parametrize("name", TEXTS)
def test_a_span_may_have_any_name(tmp_path: Path, name: str) -> None:
    _store(tmp_path / "record.db", name)
    (span,) = _spans(tmp_path / "record.db", SpanQuery(service="shop"))
    assert span.name == name


@pytest.mark.parametrize("service", [text for text in TEXTS if 0 < len(text) <= 1_000])
def test_a_service_may_have_any_name_and_is_found_by_it(tmp_path: Path, service: str) -> None:
    _store(tmp_path / "record.db", "work", service)
    (span,) = _spans(tmp_path / "record.db", SpanQuery(service=service))
    assert span.service == service


def test_the_empty_name_is_an_operation_of_its_service(tmp_path: Path) -> None:
    _store(tmp_path / "record.db", "")
    reader = SpanReader(tmp_path / "record.db")
    with contextlib.closing(reader):
        assert reader.operations("shop") == [("", 1)]


def test_a_parent_of_zeros_is_none(tmp_path: Path) -> None:
    writer = SpanWriter(tmp_path / "record.db")
    with contextlib.closing(writer):
        writer.begin()
        writer.add(export({"parent": bytes(8)}).resource_spans)
        writer.commit()
    (span,) = _spans(tmp_path / "record.db", SpanQuery())
    assert span.parent_id == ""


def test_a_record_of_version_1_takes_spans_without_a_name(tmp_path: Path) -> None:
    path = tmp_path / "record.db"
    with contextlib.closing(sqlite3.connect(path)) as db:
        db.executescript(VERSION_1)
    _store(path, "")
    _store(path, "earlier")
    assert {span.name for span in _spans(path, SpanQuery())} == {"", "earlier"}
