"""OTLP log records as lines: every field at its extremes."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs

from devctl.hub.logs import records
from devctl.record import logs
from devctl.record.logs import Query
from devctl.record.writer import MOST_SERVICES, LogWriter, OtlpRecord
from tests.unit.record.streams import make_run


def _group(**record: Any) -> ResourceLogs:
    group = ResourceLogs()
    group.scope_logs.add().log_records.add(**record)
    return group


@pytest.mark.parametrize(
    ("number", "level"), [(-(2**31), None), (-1, None), (1, "trace"), (9, "info"), (24, "fatal"), (2**31 - 1, "fatal")]
)
def test_a_severity_may_be_any_number(number: int, level: str | None) -> None:
    (record,) = records([_group(severity_number=number)])
    assert record.level == level


def test_a_severity_that_is_no_level_leaves_the_word_to_tell() -> None:
    (record,) = records([_group(severity_number=-5, severity_text="WARN")])
    assert record.level == "warning"


def test_numbers_that_are_no_numbers_are_written_as_their_names() -> None:
    group = _group()
    (sent,) = group.scope_logs[0].log_records
    sent.attributes.add(key="ratio").value.double_value = math.nan
    sent.body.kvlist_value.values.add(key="most").value.double_value = math.inf
    (record,) = records([group])
    assert record.fields == {"ratio": "NaN"}
    assert json.loads(record.message, parse_constant=pytest.fail) == {"most": "Infinity"}


def test_an_event_without_a_body_shows_its_name() -> None:
    (record,) = records([_group(event_name="session.start")])
    assert record.message == "session.start"


@pytest.mark.parametrize("wrong", [b"", b"\1", bytes(16), b"\1" * 17])
def test_an_id_of_the_wrong_length_is_none(wrong: bytes) -> None:
    (record,) = records([_group(trace_id=wrong, span_id=wrong[:7])])
    assert record.trace_id is None
    assert "span_id" not in record.fields


def test_records_of_services_beyond_the_bound_keep_their_service(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = LogWriter(run)
    writer.write(OtlpRecord(f"s{number}", "", 1, "info", "x") for number in range(MOST_SERVICES + 1))
    writer.close()
    (line,) = (line for line in logs.read(run, Query()) if line.service == "(other services)")
    assert line.parsed.fields["service.name"] == f"s{MOST_SERVICES}"
