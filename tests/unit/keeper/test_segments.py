import errno
import os
from pathlib import Path

import pytest

from devctl.keeper import segments
from devctl.keeper.log import SegmentLog
from devctl.keeper.segments import ENTRY, KIND_SHIFT, PARTIAL


def entries(folder: Path, number: int = 1) -> list[tuple[int, int]]:
    """Return (offset, kind) of each entry."""
    packed = (folder / f"{number:04d}.idx").read_bytes()
    return [(offset, word >> KIND_SHIFT) for offset, _, word in ENTRY.iter_unpack(packed)]


def test_a_log_goes_on_where_an_earlier_writer_stopped(tmp_path: Path) -> None:
    first = SegmentLog(str(tmp_path), 1 << 20)
    first.write(b"one\n", 1)
    first.close()
    second = SegmentLog(str(tmp_path), 1 << 20)
    second.write(b"two\n", 2)
    assert (tmp_path / "0001.log").read_bytes() == b"one\ntwo\n"
    assert entries(tmp_path)[-1] == (4, segments.CHUNK)
    assert second.end == 8
    second.close()


def test_a_silent_instance_makes_no_file(tmp_path: Path) -> None:
    log = SegmentLog(str(tmp_path / "a.1"), 1 << 20)
    assert log.end_line()
    log.close()
    assert list(tmp_path.iterdir()) == []


def test_a_log_that_cannot_be_made_yet_costs_only_what_was_said_meanwhile(tmp_path: Path) -> None:
    (tmp_path / "logs").touch()  # no folder
    log = SegmentLog(str(tmp_path / "logs" / "a.1"), 1 << 20)
    assert not log.write(b"lost\n", 1)
    (tmp_path / "logs").unlink()
    log.retry_at = 0
    assert log.write(b"kept\n", 2)
    log.close()
    assert (tmp_path / "logs" / "a.1" / "0001.log").read_bytes() == (
        b'{"level": "warning", "message": "5 bytes lost: Not a directory", "fields": {"devctl.gap.bytes": 5}}\nkept\n'
    )


def test_an_index_that_a_power_cut_tore_is_mended(tmp_path: Path) -> None:
    log = SegmentLog(str(tmp_path), 1 << 20)
    log.write(b"one\n", 1)
    log.close()
    index = tmp_path / "0001.idx"
    index.write_bytes(index.read_bytes() + ENTRY.pack(400, 5, 0) + ENTRY.pack(500, 6, 0) + b"half")
    log = SegmentLog(str(tmp_path), 1 << 20)
    log.write(b"two\n", 7)
    log.close()
    assert [offset for offset, _ in entries(tmp_path)] == [0, 0, 4]
    assert index.stat().st_size % ENTRY.size == 0


def test_a_lost_index_only_costs_times(tmp_path: Path) -> None:
    log = SegmentLog(str(tmp_path), 1 << 20)
    log.write(b"one\n", 1)
    log.close()
    (tmp_path / "0001.idx").unlink()
    log = SegmentLog(str(tmp_path), 1 << 20)
    log.write(b"two\n", 2)
    assert log.end == 8
    log.close()


def test_segments_are_numbered_on_without_a_gap_in_the_stream(tmp_path: Path) -> None:
    log = SegmentLog(str(tmp_path), 8 * segments.SMALLEST_SEGMENT)
    block = b"x" * 999 + b"\n"
    for time_ns in range(200):
        log.write(block, time_ns)
    log.close()
    numbers = segments.segment_numbers(str(tmp_path))
    assert len(numbers) == 4
    end = 0
    for number in numbers:
        assert segments.first_offset(str(tmp_path), number) == end
        end += segments.file_size(segments.log_path(str(tmp_path), number))
    assert end == 200_000


def test_the_cap_is_kept_by_dropping_the_middle(tmp_path: Path) -> None:
    cap = 8 * segments.SMALLEST_SEGMENT
    log = SegmentLog(str(tmp_path), cap)
    for time_ns in range(3_000):
        log.write(b"x" * 999 + b"\n", time_ns)
    log.close()
    numbers = segments.segment_numbers(str(tmp_path))
    total = sum(segments.file_size(segments.log_path(str(tmp_path), number)) for number in numbers)
    assert numbers[0] == 1
    assert numbers[1:] == list(range(numbers[1], numbers[-1] + 1))
    assert numbers[1] > 2
    assert total <= cap
    assert not {path.stem for path in tmp_path.glob("*.idx")} - {f"{number:04d}" for number in numbers}


def test_a_line_end_is_added_once_and_marked(tmp_path: Path) -> None:
    log = SegmentLog(str(tmp_path), 1 << 20)
    log.write(b"last words", 1)
    log.end_line()
    log.end_line()
    log.close()
    assert (tmp_path / "0001.log").read_bytes() == b"last words\n"
    assert [each for each in entries(tmp_path) if each[1] == PARTIAL] == [(10, PARTIAL)]


def test_output_is_counted_while_the_disk_is_full_and_the_gap_written_down_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = SegmentLog(str(tmp_path), 1 << 20)
    log.write(b"before\n", 1)
    write = os.write

    def refuse(fd: int, text: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(segments.os, "write", refuse)
    assert not log.write(b"lost one\n", 2)
    assert not log.write(b"lost two\n", 3)
    monkeypatch.setattr(segments.os, "write", write)
    log.retry_at = 0
    assert log.write(b"after\n", 4)
    log.close()
    before, note, after = (tmp_path / "0001.log").read_bytes().splitlines()
    assert (before, after) == (b"before", b"after")
    assert note == (b'{"level": "warning", "message": "18 bytes lost: disk full", "fields": {"devctl.gap.bytes": 18}}')


def test_a_write_that_fits_in_part_leaves_nothing_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = SegmentLog(str(tmp_path), 1 << 20)
    write = os.write
    monkeypatch.setattr(segments.os, "write", lambda fd, text: write(fd, text[:3]))
    assert not log.write(b"a whole line\n", 1)
    log.close()
    assert (tmp_path / "0001.log").read_bytes() == b""
    assert log.lost == 13
