"""Going on with a container's output: each byte once, wherever the copying broke off."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devctl.keeper.log import SegmentLog
from devctl.runners.container_output import Mark, Message, Output, Resumed, last_mark

SECOND = 1_000_000_000


def output(folder: Path) -> Output:
    return Output(None, "c", SegmentLog(str(folder), 1 << 20))  # type: ignore[arg-type]  # nothing is asked of it


def text(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.glob("*.log")))


def test_a_log_that_does_not_exist_has_no_mark(tmp_path: Path) -> None:
    assert last_mark(str(tmp_path / "none")) is None


def test_the_mark_is_the_time_of_the_last_entry_and_what_came_since(tmp_path: Path) -> None:
    writer = output(tmp_path)
    writer._write([(5 * SECOND, b"a\n"), (6 * SECOND, b"bc\n"), (6 * SECOND + 10, b"d\n")])
    assert last_mark(str(tmp_path)) == Mark(6 * SECOND, len(b"bc\nd\n"))


def test_a_line_end_that_was_added_is_not_counted(tmp_path: Path) -> None:
    writer = output(tmp_path)
    writer._write([(5 * SECOND, b"half")])
    writer.end()
    assert last_mark(str(tmp_path)) == Mark(5 * SECOND, 4)


def test_everything_is_new_without_a_mark() -> None:
    assert Resumed(None).take([(1, b"a"), (2, b"b")]) == [(1, b"a"), (2, b"b")]


def test_where_the_engine_no_longer_has_the_line_the_later_ones_are_taken() -> None:
    resumed = Resumed(Mark(5 * SECOND, 100))
    assert resumed.take([(3 * SECOND, b"old")]) == []
    assert resumed.take([(5 * SECOND + 1, b"b"), (8 * SECOND, b"c")]) == [(5 * SECOND + 1, b"b"), (8 * SECOND, b"c")]
    waiting = Resumed(Mark(5 * SECOND, 100))
    assert waiting.take([(5 * SECOND + 1, b"b")]) == []
    assert waiting.rest() == [(5 * SECOND + 1, b"b")]


def test_a_line_that_was_copied_in_part_is_gone_on_with() -> None:
    assert Resumed(Mark(5, 2)).take([(5, b"abc\n"), (6, b"d\n")]) == [(5, b"c\n"), (6, b"d\n")]


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Message], list[int]]:
    """Return what a container wrote, with times that may be equal or out of order, and where the copying breaks off."""
    steps = draw(st.lists(st.integers(-300_000, 3_000_000), min_size=1, max_size=40))
    time_ns, messages = 100 * SECOND, []
    for number, step in enumerate(steps):
        time_ns += step
        messages.append((time_ns, b"%d\n" % number))
    return messages, sorted(draw(st.lists(st.integers(0, len(messages)), max_size=4)))


@given(histories(), st.integers(1, 7))
def test_whatever_was_written_is_there_once_however_often_the_copying_breaks_off(
    tmp_path_factory: pytest.TempPathFactory, history: tuple[list[Message], list[int]], batch: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    messages, breaks = history
    for end in (*breaks, len(messages)):
        mark = last_mark(str(folder))
        writer, resumed = output(folder), Resumed(mark)
        writer._entry_ns = mark.time_ns if mark else 0
        told = [message for message in messages if message[0] >= resumed.since_ns]
        told = told[: len(told) - (len(messages) - end)] if end < len(messages) else told
        for start in range(0, len(told), batch):
            writer._write(resumed.take(told[start : start + batch]))
        writer._write(resumed.rest())
        writer._log.close()
    assert text(folder) == b"".join(line for _, line in messages)
