"""Pages of the record against the plainest reading of it: everything, sorted."""

import re
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from devctl.keeper import segments
from devctl.queries.pages import BEGIN, END, Anchor, PageLine, Pager, page
from devctl.record.batch import Label
from devctl.record.entries import Entries
from devctl.record.lines import parse, severity
from devctl.record.logs import Query
from devctl.record.store import Run
from tests.unit.record.streams import make_run, write

SOURCES = ("order.1", "order.2", "pay.1")
TEXTS = st.sampled_from(
    [
        b"",
        b"plain text",
        b"ERROR it broke",
        b"ERROR it broke again",
        b'{"level": "error", "message": "trace", "trace_id": "0123456789abcdef0123456789abcdef"}',
        b"\xff\xfe no text \r",
        b"text",
        b"12:00:00 " + b"x" * 40_000,  # begins an entry: those longer than LONGEST_ENTRY lose their level
    ]
)
CHUNKS = st.lists(
    st.tuples(st.sampled_from(SOURCES), st.integers(0, 3), st.lists(TEXTS, max_size=4), st.booleans()), max_size=40
)
QUERIES = st.builds(
    Query,
    services=st.sampled_from([(), (), ("order",), ("order.2", "pay"), ("nobody",)]),
    since_ns=st.sampled_from([None, None, 0, 20]),
    until_ns=st.sampled_from([None, None, 0, 40]),
    level=st.sampled_from([None, None, "error"]),
    grep=st.sampled_from(["", "", "text", "ERROR", "^text$", "o$"]),
)
Chunks = list[tuple[str, int, list[bytes], bool]]


def _arrivals(chunks: Chunks) -> Iterator[tuple[str, int, bytes]]:
    now = 1
    for source, pause, lines, is_cut in chunks:
        now += pause
        data = b"".join(line + b"\n" for line in lines)
        yield source, now, data[:-3] if is_cut else data


def _written(folder: str, chunks: Chunks) -> tuple[Run, list[tuple[Anchor, bytes]]]:
    """Write the chunks; return the run and its lines in order as the simplest program would find them."""
    run = make_run(Path(folder))
    lines: list[tuple[Anchor, bytes]] = []
    arrivals = list(_arrivals(chunks))
    for source in SOURCES:
        pieces = [(time_ns, data) for name, time_ns, data in arrivals if name == source and data]
        write(run, source, pieces, cap_bytes=1 << 30)
        lines += _lines_of(source, pieces)
    return run, sorted(lines)


def _lines_of(source: str, pieces: list[tuple[int, bytes]]) -> Iterator[tuple[Anchor, bytes]]:
    pending, start, time_ns = b"", 0, 0
    for time_ns, data in pieces:
        *ended, rest = (pending + data).split(b"\n")
        for line in ended:
            yield Anchor(time_ns, source, start), line
            start += len(line) + 1
        pending = rest
    if pending:
        yield Anchor(time_ns, source, start), pending


def _kept(query: Query, lines: list[tuple[Anchor, bytes]]) -> list[tuple[Anchor, bytes]]:
    def keeps(anchor: Anchor, raw: bytes) -> bool:
        service = anchor.source.partition(".")[0]
        return (
            (not query.services or service in query.services or anchor.source in query.services)
            and (query.since_ns is None or anchor.time_ns >= query.since_ns)
            and (query.until_ns is None or anchor.time_ns < query.until_ns)
            and (not query.grep or re.search(query.grep.encode(), raw) is not None)
            and (not query.level or severity(levels[anchor]) >= severity(query.level))
        )

    entries = Entries()
    levels = {
        anchor: entries.attribute(
            Label(anchor.source.partition(".")[0], anchor.source), raw, parse(raw), anchor.time_ns
        ).level
        for anchor, raw in lines
    }
    return [(anchor, raw) for anchor, raw in lines if keeps(anchor, raw)]


def _plain(lines: list[PageLine]) -> list[tuple[Anchor, bytes]]:
    return [(line.anchor, line.line.raw) for line in lines]


@settings(max_examples=150)
@given(CHUNKS, QUERIES, st.integers(0, 60), st.integers(0, 8), st.integers(0, 8))
def test_a_page_is_what_a_plain_sort_has_around_its_anchor(
    chunks: Chunks, query: Query, at: int, before: int, after: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run, lines = _written(folder, chunks)
        anchor = lines[at][0] if at < len(lines) else END if at % 2 else Anchor(at // 2)
        kept = _kept(query, lines)
        earlier = [line for line in kept if line[0] < anchor]
        later = [line for line in kept if not line[0] < anchor]
        read = page(run, anchor, before, after, query)
    assert _plain(read.lines) == (earlier[-before:] if before else []) + later[:after]
    assert read.at_begin == (len(earlier) < before)
    assert read.at_end == (len(later) < after)


@settings(max_examples=60)
@given(CHUNKS, QUERIES, st.integers(1, 5))
def test_pages_joined_end_to_start_are_the_whole_record_in_both_directions(
    chunks: Chunks, query: Query, size: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run, lines = _written(folder, chunks)
        pager = Pager(run, query)
        down: list[PageLine] = []
        while part := pager.page(down[-1].end if down else BEGIN, 0, size).lines:
            down += part
        up: list[PageLine] = []
        while part := pager.page(up[0].anchor if up else END, size, 0).lines:
            up[:0] = part
    assert _plain(down) == _plain(up) == _kept(query, lines)


@settings(max_examples=60)
@given(CHUNKS, st.integers(1, 30), st.sampled_from(["", "ERROR", "text"]))
def test_following_returns_each_whole_line_once_however_it_was_cut(chunks: Chunks, step: int, grep: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        run = make_run(Path(folder))
        pager = Pager(run, Query(grep=grep), whole=False)
        positions = pager.ends()
        seen: list[PageLine] = []
        arrivals = [each for each in _arrivals(chunks) if each[2]]
        for start in range(0, len(arrivals), step):
            for source, time_ns, data in arrivals[start : start + step]:
                write(run, source, [(time_ns, data)], cap_bytes=1 << 30)
            lines, skipped = pager.fresh(positions, 1 << 20)
            assert skipped == 0
            seen += lines
        every_line = page(run, BEGIN, 0, 1 << 20, Query(grep=grep)).lines
    ended = {line.anchor for line in every_line if not line.line.is_partial}
    assert {line.anchor for line in seen} == ended
    assert len(seen) == len(ended)


def test_of_a_flood_only_the_newest_lines_are_handed_out_and_the_rest_is_counted(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write(run, "a.1", [(1, b"first\n")])
    pager = Pager(run, Query(), whole=False)
    positions = pager.ends()
    write(run, "a.1", [(2 + n, b"line %d\n" % n) for n in range(100)])
    lines, skipped = pager.fresh(positions, 10)
    assert [line.line.raw for line in lines] == [b"line %d" % n for n in range(90, 100)]
    assert skipped == 90
    assert pager.fresh(positions, 10) == ([], 0)


def test_a_search_hands_out_hits_on_the_way_and_says_how_far_it_is(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    block = b"nothing to see here\n" * 5000
    write(run, "a.1", [(n, (b"needle %d\n" % n if n % 30 == 0 else b"") + block) for n in range(1, 91)], 1 << 30)
    slices = list(Pager(run, Query(grep="needle")).backward(END))
    assert [line.line.raw for part in slices for line in reversed(part.lines)] == [
        b"needle 90",
        b"needle 60",
        b"needle 30",
    ]
    done = [part.done for part in slices]
    assert all(earlier < later for earlier, later in pairwise(done))
    assert done[-1] == 1
    assert len(done) > 4


def test_lines_around_evicted_segments_keep_their_places(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write(run, "a.1", [(n, b"line %06d\n" % n * 100) for n in range(1, 1000)], cap_bytes=segments.SMALLEST_SEGMENT * 4)
    pager = Pager(run, Query())
    down = pager.page(BEGIN, 0, 1 << 20).lines
    up = pager.page(END, 1 << 20, 0).lines
    assert _plain(down) == _plain(up)
    assert {line.line.raw[:5] for line in down} == {b"line "}
    middle = down[len(down) // 2]
    assert pager.page(middle.anchor, 1, 1).lines == down[len(down) // 2 - 1 : len(down) // 2 + 1]


def test_a_clock_that_was_set_back_does_not_reorder_a_source(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write(run, "a.1", [(100, b"first\n"), (50, b"second\n"), (120, b"third\n")])
    write(run, "b.1", [(60, b"other\n")])
    lines = page(run, BEGIN, 0, 10).lines
    assert [line.line.raw for line in lines] == [b"other", b"first", b"second", b"third"]
    assert page(run, Anchor(70), 0, 10).lines == lines[1:]


def test_a_line_without_end_belongs_to_a_run_that_is_over_and_not_yet_to_one_that_goes_on(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    write(run, "a.1", [(1, b"whole\nhalf")])
    assert [line.line.raw for line in page(run, END, 5, 0).lines] == [b"whole", b"half"]
    assert [line.line.raw for line in page(run, END, 5, 0, whole=False).lines] == [b"whole"]


def test_the_span_of_a_record_is_from_its_first_line_to_its_last(tmp_path: Path) -> None:
    run = make_run(tmp_path)
    assert Pager(run, Query()).span() == (0, 0)
    write(run, "a.1", [(5, b"a\n"), (9, b"b\n")])
    write(run, "b.1", [(7, b"c\n")])
    assert Pager(run, Query()).span() == (5, 9)
