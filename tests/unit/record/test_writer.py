import time
from pathlib import Path

from devctl.record import logs
from devctl.record.jsonlines import json_lines
from devctl.record.logs import Query
from devctl.record.writer import LogWriter, OtlpRecord
from tests.unit.record.streams import make_run, write

PAST = 1_700_000_000_000_000_000


def test_otlp_records_are_lines_of_their_service_at_their_own_time(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write(run, "order.1", [(PAST + 5, b"captured\n")])
    writer = LogWriter(run)
    writer.write(
        [
            OtlpRecord("order", "order-a", PAST + 9, "error", "later", "ab" * 16, {"k": 1}),
            OtlpRecord("order", "order-a", PAST + 1, None, "earlier"),
        ]
    )
    writer.close()
    read = list(logs.read(run, Query(services=("order",))))
    assert [(line.time_ns - PAST, line.instance, line.parsed.message) for line in read] == [
        (1, "order-a", "earlier"),
        (5, "order.1", "captured"),
        (9, "order-a", "later"),
    ]
    assert (read[2].parsed.level, read[2].parsed.trace_id, read[2].parsed.fields) == ("error", "ab" * 16, {"k": 1})


def test_no_record_comes_from_the_future(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = LogWriter(run)
    writer.write([OtlpRecord("a", "", time.time_ns() + 10**12, "info", "x")])
    writer.close()
    (line,) = logs.read(run, Query())
    assert line.time_ns <= time.time_ns()
    assert line.instance == "a.otlp"


def test_a_service_may_have_any_name(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    names = ["../../etc", "a/b", "..", "", "größer", "x" * 500, "a.1", "new\nline", "%2E"]
    writer = LogWriter(run)
    writer.write(OtlpRecord(name, "", PAST, "info", "x") for name in names)
    writer.close()
    assert len(list(run.logs.iterdir())) == len(names)
    assert list(tmp_path.rglob("*.log")) == list(run.logs.rglob("*.log"))
    services = {line.service for line in logs.read(run, Query())}
    assert services >= set(names) - {"x" * 500}


def test_a_sender_cannot_make_folders_without_end(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = LogWriter(run)
    writer.write(OtlpRecord(f"svc-{number}", "", PAST, "info", "x") for number in range(1100))
    writer.close()
    assert len(list(run.logs.iterdir())) == 1001
    assert sum(batch.count() for batch in logs.read_batches(run, Query())) == 1100


def test_records_as_json_name_their_own_instance(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    writer = LogWriter(run)
    writer.write([OtlpRecord("a", "a-7", PAST, "info", "x", None, {})])
    writer.close()
    (batch,) = logs.read_batches(run, Query())
    assert json_lines(batch) == (
        '{"time":"2023-11-14T22:13:20.000000Z","service":"a","instance":"a-7",'
        '"level":"info","message":"x","trace_id":null,"fields":{}}\n'
    )
