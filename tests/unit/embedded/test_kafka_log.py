"""A partition on disk: what it keeps, what it refuses, what a crash may leave behind."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from devctl.embedded.kafka import batch, partition
from devctl.embedded.kafka.batch import BadBatch
from devctl.embedded.kafka.partition import Partition
from devctl.wire.kafka.messages import Error

PLENTY = 1 << 30


def made(
    count: int = 1,
    *,
    producer: int = -1,
    epoch: int = 0,
    sequence: int = -1,
    transactional: bool = False,
    size: int = 0,
) -> bytes:
    """A batch of `count` records whose content nobody reads."""
    body = b"r" * (size or 10 * count)
    attributes = 0x10 if transactional else 0
    head = struct.pack(
        ">qiibIhiqqqhii",
        0,
        len(body) + 49,
        0,
        2,
        0,
        attributes,
        count - 1,
        0,
        1000 * count,
        producer,
        epoch,
        sequence,
        count,
    )
    return head + body


def written(log: Partition, data: bytes) -> tuple[Error, int]:
    return log.append(batch.header(data), data)


def offsets(data: bytes) -> list[int]:
    return [head.base_offset for head, _ in batch.split(memoryview(data))]


def test_offsets_go_on_after_the_log_is_opened_again(tmp_path: Path) -> None:
    log = Partition(tmp_path, PLENTY)
    assert [written(log, made(count))[1] for count in (3, 1, 2)] == [0, 3, 4]
    log.close(sync=True)
    again = Partition(tmp_path, PLENTY)
    assert (again.start, again.end) == (0, 6)
    assert written(again, made())[1] == 6
    assert offsets(again.read(0, PLENTY, committed_only=False)) == [0, 3, 4, 6]
    assert offsets(again.read(3, PLENTY, committed_only=False)) == [3, 4, 6]


@pytest.mark.parametrize("cut", [1, 20, 61, 70])
def test_a_tail_that_a_crash_cut_short_is_removed(tmp_path: Path, cut: int) -> None:
    log = Partition(tmp_path, PLENTY)
    written(log, made(2))
    written(log, made(1))
    log.close(sync=False)
    (file,) = tmp_path.glob("*.log")
    file.write_bytes(file.read_bytes()[:-cut])
    again = Partition(tmp_path, PLENTY)
    assert again.end == 2
    assert written(again, made())[1] == 2
    assert offsets(again.read(0, PLENTY, committed_only=False)) == [0, 2]


def test_a_read_gives_whole_batches_and_at_least_one(tmp_path: Path) -> None:
    log = Partition(tmp_path, PLENTY)
    for _ in range(5):
        written(log, made(1, size=1000))
    size = len(made(1, size=1000))
    assert offsets(log.read(0, 1, committed_only=False)) == [0]
    assert offsets(log.read(1, 2 * size, committed_only=False)) == [1, 2]
    assert offsets(log.read(1, 2 * size + 5, committed_only=False)) == [1, 2]
    assert offsets(log.read(4, PLENTY, committed_only=False)) == [4]
    assert log.read(5, PLENTY, committed_only=False) == b""


def test_the_oldest_segments_go_when_the_partition_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "SEGMENT_BYTES", 10_000)
    log = Partition(tmp_path, keep_bytes=50_000)
    for _ in range(200):
        written(log, made(1, size=1000))
    assert log.size <= 60_000
    assert log.end == 200
    assert 140 <= log.start <= 160
    assert offsets(log.read(log.start, PLENTY, committed_only=False))[0] == log.start
    log.close(sync=False)
    again = Partition(tmp_path, keep_bytes=50_000)
    assert (again.start, again.end) == (log.start, 200)
    got = again.start
    while data := again.read(got, 3000, committed_only=False):
        got = offsets(data)[-1] + 1
    assert got == 200


def test_records_below_a_deletion_stay_deleted(tmp_path: Path) -> None:
    log = Partition(tmp_path, PLENTY)
    for _ in range(3):
        written(log, made())
    log.delete_before(2)
    log.close(sync=False)
    assert Partition(tmp_path, PLENTY).start == 2


def test_a_repeated_batch_is_acknowledged_and_not_written_again(tmp_path: Path) -> None:
    log = Partition(tmp_path, PLENTY)
    first, second = made(2, producer=7, sequence=0), made(1, producer=7, sequence=2)
    assert [written(log, data) for data in (first, second, first, second)] == [
        (Error.NONE, 0),
        (Error.NONE, 2),
        (Error.NONE, 0),
        (Error.NONE, 2),
    ]
    log.close(sync=False)
    again = Partition(tmp_path, PLENTY)
    assert written(again, second) == (Error.NONE, 2)
    assert written(again, made(1, producer=7, sequence=9))[0] is Error.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert written(again, made(1, producer=7, epoch=1, sequence=0)) == (Error.NONE, 3)
    assert written(again, made(1, producer=7, epoch=0, sequence=3))[0] is Error.INVALID_PRODUCER_EPOCH


def test_what_producers_and_transactions_did_is_known_over_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partition, "SEGMENT_BYTES", 300)
    log = Partition(tmp_path, PLENTY)
    written(log, made(1, producer=7, sequence=0, transactional=True))
    for _ in range(10):
        written(log, made(1))
    log.close(sync=False)
    again = Partition(tmp_path, PLENTY)
    assert (again.stable, again.end) == (0, 11)
    again.end_transaction(7, 0, commit=False, now_ms=1)
    assert (again.stable, again.end) == (12, 12)
    assert again.aborted_since(0) == [(7, 0)]
    assert again.aborted_since(12) == []
    again.close(sync=False)
    assert Partition(tmp_path, PLENTY).aborted_since(0) == [(7, 0)]


def test_who_reads_committed_sees_nothing_of_an_open_transaction_or_after_it(tmp_path: Path) -> None:
    log = Partition(tmp_path, PLENTY)
    written(log, made(1))
    written(log, made(1, producer=7, sequence=0, transactional=True))
    written(log, made(1))
    assert offsets(log.read(0, PLENTY, committed_only=True)) == [0]
    assert log.read(1, PLENTY, committed_only=True) == b""
    log.end_transaction(7, 0, commit=True, now_ms=1)
    assert offsets(log.read(0, PLENTY, committed_only=True)) == [0, 1, 2, 3]


def test_a_marker_is_a_batch_with_the_right_checksum() -> None:
    marker = batch.marker(producer=1, epoch=2, commit=True, now_ms=3)
    head = batch.header(marker)
    assert (head.control, head.transactional, head.size, batch.commits(marker)) == (True, True, len(marker), True)
    assert batch._crc32c(b"123456789") == 0xE3069283  # the check value of CRC-32C


@pytest.mark.parametrize("data", [b"", b"x" * 60, b"\xff" * 80, made()[:-1]])
def test_bytes_that_are_no_whole_batch_are_refused(data: bytes) -> None:
    with pytest.raises(BadBatch):
        list(batch.split(memoryview(data)) if data else [batch.header(data)])
