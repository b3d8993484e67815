import json
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devctl.keeper import segments
from devctl.queries.logs import groups
from devctl.record import logs
from devctl.record.entries import Entries
from devctl.record.jsonlines import json_line, json_lines
from devctl.record.lines import Line, severity
from devctl.record.logs import Query
from tests.unit.record.streams import make_run, write

SOURCES = ("order.1", "order.2", "pay.1")
TEXTS = st.sampled_from(
    [
        b"",
        b"plain words",
        b"ERROR it broke",
        b"WARN look out",
        b'{"level": "info", "message": "said", "user": 7}',
        b'{"level": "error", "message": "trace", "trace_id": "0123456789abcdef0123456789abcdef"}',
        b"id=0123456789abcdef0123456789abcdef",
        "größer é".encode(),
        b"\xff\xfe no text \r",
        b"x" * 3000,
    ]
)
HISTORIES = st.lists(st.tuples(st.sampled_from(SOURCES), st.integers(0, 3), TEXTS), max_size=60)
QUERIES = st.builds(
    Query,
    services=st.sampled_from([(), ("order",), ("order.2", "pay"), ("nobody",)]),
    since_ns=st.sampled_from([None, 0, 20, 1000]),
    until_ns=st.sampled_from([None, 0, 40, 1000]),
    tail=st.sampled_from([None, 0, 1, 3, 50]),
    level=st.sampled_from([None, None, "info", "error"]),
    grep=st.sampled_from(["", "", "words", "W[A-Z]+N", "^id=", "o$", "größer", "(?i)error", "x+$|said", "it|"]),
    ignore_case=st.booleans(),
    trace_id=st.sampled_from(["", "", "0123456789abcdef0123456789abcdef"]),
)


def history(steps: list[tuple[str, int, bytes]]) -> list[Line]:
    """Return the lines of a history in which each step comes some time after the one before."""
    now, lines = 1, []
    for instance, pause, text in steps:
        now += pause
        lines.append(Line(now, instance.partition(".")[0], instance, text))
    return lines


def expected(lines: list[Line], query: Query) -> list[Line]:
    """Say in the plainest way which lines a query wants."""
    heads = {
        id(line): head for name in SOURCES for line, head in entries([each for each in lines if each.instance == name])
    }

    def wants(line: Line) -> bool:
        if query.services and not {line.service, line.instance} & set(query.services):
            return False
        if query.since_ns is not None and line.time_ns < query.since_ns:
            return False
        if query.until_ns is not None and line.time_ns >= query.until_ns:
            return False
        if query.grep and not re.search(query.grep, line.text, re.IGNORECASE if query.ignore_case else 0):
            return False
        if query.trace_id and query.trace_id not in line.text + heads[id(line)].text:
            return False
        return not query.level or severity(heads[id(line)].parsed.level) >= severity(query.level)

    matching = [line for line in lines if wants(line)]
    return (
        matching
        if query.tail is None
        else matching[len(matching) - query.tail :]
        if query.tail < len(matching)
        else matching
    )


def entries(lines: list[Line]) -> list[tuple[Line, Line]]:
    """Return the lines of one source, each with the line that its entry begins with."""
    pairs: list[tuple[Line, Line]] = []
    for line in lines:
        head = pairs[-1][1] if pairs else line
        is_below = head.parsed.level and not line.parsed.level and not line.raw.startswith(b"{")
        pairs.append((line, head if is_below else line))
    return pairs


def by_source(lines: list[Line]) -> dict[str, list[Line]]:
    return {name: [line for line in lines if line.instance == name] for name in SOURCES}


@settings(max_examples=150)
@given(HISTORIES, QUERIES)
def test_a_query_yields_exactly_the_wanted_lines_in_the_order_of_arrival(
    steps: list[tuple[str, int, bytes]], query: Query
) -> None:
    lines = history(steps)
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder))
        for instance in SOURCES:
            write(run, instance, [(line.time_ns, line.raw + b"\n") for line in lines if line.instance == instance])
        read = list(logs.read(run, query))
    matching = expected(lines, query)
    assert [line.time_ns for line in read] == [line.time_ns for line in matching]
    if query.tail is None:  # else lines of one instant may be cut among each other
        assert by_source(read) == by_source(matching)


@settings(max_examples=100)
@given(st.lists(st.binary(max_size=40), max_size=40), st.lists(st.integers(0, 2), min_size=40, max_size=40))
def test_lines_are_whole_however_the_output_was_cut_into_chunks(chunks: list[bytes], pauses: list[int]) -> None:
    now, arrivals = 1, []
    for chunk, pause in zip(chunks, pauses, strict=False):
        now += pause
        arrivals.append((now, chunk))
    stream = b"".join(chunks)
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder))
        write(run, "a.1", arrivals)
        read = list(logs.read(run, Query()))
    assert b"\n".join(line.raw for line in read) == stream.removesuffix(b"\n")
    assert [line.is_partial for line in read if line.is_partial] == ([True] if stream and stream[-1:] != b"\n" else [])
    times = [line.time_ns for line in read]
    assert times == sorted(times)


def test_a_line_counts_as_arrived_with_its_end(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write(run, "a.1", [(10, b"first ha"), (20, b"lf\nsecond\nthi"), (30, b"rd\n")])
    assert [(line.time_ns, line.raw) for line in logs.read(run, Query())] == [
        (20, b"first half"),
        (20, b"second"),
        (30, b"third"),
    ]


def test_a_clock_that_was_set_back_does_not_reorder_an_instance(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write(run, "a.1", [(100, b"one\n"), (50, b"two\n"), (120, b"three\n")])
    write(run, "b.1", [(60, b"other\n")])
    read = [line.raw for line in logs.read(run, Query())]
    assert [raw for raw in read if raw != b"other"] == [b"one", b"two", b"three"]


def test_segments_read_as_one_stream_and_what_was_evicted_is_said(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    cap = 8 * segments.SMALLEST_SEGMENT
    lines = [b"%06d " % number + b"x" * 200 for number in range(4000)]
    write(run, "a.1", [(number, line + b"\n") for number, line in enumerate(lines)], cap)
    read = list(logs.read(run, Query()))
    (note,) = [line for line in read if "devctl.evicted.bytes" in line.parsed.fields]
    kept = [line.raw for line in read if line is not note]
    missing = sum(len(line) + 1 for line in lines) - sum(len(line) + 1 for line in kept)
    assert note.parsed.fields["devctl.evicted.bytes"] == missing > 0
    assert kept == sorted(set(kept))
    assert (kept[0], kept[-1]) == (lines[0], lines[-1])


def test_a_very_long_line_comes_in_pieces_that_are_marked(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write(run, "a.1", [(1, b"y" * (1 << 20)), (2, b"y" * (3 << 19)), (3, b"\nend\n")], 1 << 30)
    *pieces, end = logs.read(run, Query())
    assert b"".join(piece.raw for piece in pieces) == b"y" * (5 << 19)
    assert len(pieces) > 1
    assert all(piece.is_partial for piece in pieces[:-1])
    assert (end.raw, end.is_partial) == (b"end", False)


def test_a_mistaken_pattern_or_level_is_said_at_once(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    with pytest.raises(re.error):
        list(logs.read(run, Query(grep="(")))
    with pytest.raises(ValueError, match="no such level: loud"):
        list(logs.read(run, Query(level="loud")))


def test_fields_of_json_lines_can_be_asked_for(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write(run, "a.1", [(1, b'{"msg": "x", "user": 7}\n'), (2, b'{"msg": "y", "user": 8}\n'), (3, b"user 7\n")])
    assert [line.parsed.message for line in logs.read(run, Query(fields={"user": "7"}))] == ["x"]


@pytest.mark.parametrize("until", [4, 60, 90, 1000])
def test_the_last_lines_before_a_time_are_those_however_much_came_after(tmp_path: Path, until: int) -> None:
    run = make_run(tmp_path)
    write(run, "a.1", [(number, b"%d\n" % number) for number in range(0, 100, 2)])
    write(run, "b.1", [(number, b"%d\n" % number) for number in range(1, 100, 2)])
    last = [line.time_ns for line in logs.read(run, Query(tail=3, until_ns=until))]
    assert last == list(range(min(until, 100)))[-3:]


PYTHON = [
    b"INFO started",
    b"ERROR:shop:trace_id=0123456789abcdef0123456789abcdef boom",
    b"Traceback (most recent call last):",
    b'  File "x.py", line 1, in <module>',
    b"    raise ValueError('WARN')",
    b"ValueError: nothing",
    b"2026-01-31 12:00:00 GET / 200",
    b"plain again",
]
JAVA = [
    b"12:00:00.000 [main] ERROR Shop - failed",
    b"java.lang.IllegalStateException: no stock",
    b"\tat shop.Cart.add(Cart.java:12)",
    b"Caused by: java.io.IOException: gone",
    b"\t... 3 more",
    b"12:00:01.000 [main] INFO Shop - on",
]


@pytest.mark.parametrize(("text", "lines"), [(PYTHON, range(1, 6)), (JAVA, range(5))])
def test_the_text_of_an_exception_has_the_level_of_its_entry(tmp_path: Path, text: list[bytes], lines: range) -> None:
    run = make_run(tmp_path)
    write(run, "a.1", [(number, line + b"\n") for number, line in enumerate(text)])
    assert [line.time_ns for line in logs.read(run, Query(level="error"))] == list(lines)
    shown = [json.loads(row) for row in json_lines(next(logs.read_batches(run, Query())), Entries()).splitlines()]
    assert [number for number, row in enumerate(shown) if row["level"] == "error"] == list(lines)


def test_the_text_of_an_exception_is_shown_with_its_trace(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write(run, "a.1", [(number, line + b"\n") for number, line in enumerate(PYTHON)])
    write(run, "b.1", [(3, b"plain\n")])
    trace = "0123456789abcdef0123456789abcdef"
    assert [line.time_ns for line in logs.read(run, Query(trace_id=trace))] == [1, 2, 3, 4, 5]
    batches = logs.read_batches(run, Query(level="error"))
    rows = [json.loads(row) for batch in batches for row in json_lines(batch, Entries()).splitlines()]
    assert {row["trace_id"] for row in rows} == {trace}


def test_what_a_program_writes_later_is_an_entry_of_its_own(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    second = 10**9
    rows = [b"ERROR a", b"Traceback (most recent call last):", b"  File x", b"KeyError: 'k'", b"calm"]
    write(run, "a.1", [(number * second, row + b"\n") for number, row in enumerate(rows)])
    assert [line.raw for line in logs.read(run, Query(level="error"))] == rows[:-1]


def test_exceptions_that_differ_only_below_are_one_group(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    twice = [*JAVA[:5], *JAVA[:2], b"\tat other.Place(Place.java:1)"]
    write(run, "a.1", [(number, line + b"\n") for number, line in enumerate(twice)])
    (group,) = groups(logs.read_batches(run, Query()))
    assert (group.count, group.level) == (2, "error")
    assert group.example.endswith("\tat other.Place(Place.java:1)")


def test_an_entry_goes_on_over_blocks_and_while_it_is_followed(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    below = [b"\tat %06d " % number + b"x" * 200 for number in range(3000)]
    write(run, "a.1", [(1, b"INFO a\n"), (2, b"ERROR b\n"), *((3, line + b"\n") for line in below)], 1 << 30)
    assert len(list(logs.read(run, Query(level="error")))) == 3001
    assert len(list(logs.read(run, Query(level="error", tail=2)))) == 2
    follower = logs.follow(run, Query(level="error"))
    assert len([next(follower) for _ in range(3001)]) == 3001
    write(run, "a.1", [(4, b"\tat the end\n")], 1 << 30)
    assert next(follower).raw == b"\tat the end"
    follower.close()


def test_a_run_without_logs_has_no_lines(tmp_path: Path) -> None:
    assert list(logs.read(make_run(tmp_path), Query(tail=5))) == []


@settings(max_examples=60)
@given(st.lists(TEXTS, min_size=1, max_size=30))
def test_the_quick_json_is_the_plain_json(texts: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder))
        write(run, "a.1", [(1_700_000_000_123_456_789 + at, text + b"\n") for at, text in enumerate(texts)])
        quick = "".join(json_lines(batch) for batch in logs.read_batches(run, Query()))
        plain = "".join(json_line(line) for line in logs.read(run, Query()))
    assert quick == plain
    assert quick.isascii()


def test_a_follower_gets_history_and_then_what_comes_over_segments(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    cap = 8 * segments.SMALLEST_SEGMENT
    write(run, "a.1", [(1, b"history\n"), (2, b"unfinished ")], cap)
    follower = logs.follow(run, Query())
    assert next(follower).raw == b"history"
    write(run, "a.1", [(3, b"line\n")], cap)
    assert next(follower).raw == b"unfinished line"
    numbers = [b"%06d " % number + b"x" * 200 for number in range(1000)]
    write(run, "a.1", [(4, number + b"\n") for number in numbers], cap)
    assert [next(follower).raw for _ in numbers] == numbers
    write(run, "b.1", [(5, b"new\n")])
    assert next(follower).instance == "b.1"
    follower.close()


def test_a_follower_stops_when_asked(tmp_path: Path) -> None:
    assert list(logs.follow(make_run(tmp_path), Query(), stop=lambda: True)) == []
