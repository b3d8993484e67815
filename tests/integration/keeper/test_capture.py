import os
import resource
import threading
from collections import Counter
from pathlib import Path

import pytest

from devctl.record import logs
from devctl.record.logs import Query
from tests.integration.keeper.stack import COUNTER, Stack, numbered
from tests.waiting import eventually, eventually_async


class Follower:
    """Follows the logs in a thread and keeps what it gets."""

    def __init__(self, stack: Stack, query: Query | None = None) -> None:
        self._stopped = threading.Event()
        self.lines: list[bytes] = []
        self._thread = threading.Thread(target=self._follow, args=(stack, query or Query()))
        self._thread.start()

    def _follow(self, stack: Stack, query: Query) -> None:
        for batch in logs.follow_batches(stack.run, query, self._stopped.is_set):
            self.lines += batch.data.split(b"\n")[:-1]

    async def until(self, count: int) -> list[bytes]:
        async def probe() -> bool:
            return len(self.lines) >= count

        await eventually_async(probe, within=60, what=f"{count} lines followed")
        return self.stop()

    def stop(self) -> list[bytes]:
        self._stopped.set()
        self._thread.join(10)
        return self.lines


async def test_last_words_without_line_end_are_kept_and_marked(stack: Stack) -> None:
    for _ in range(20):
        await stack.start("job.1", "sh", "-c", "echo first; printf 'last words'")
        await stack.ended("job.1")
    read = list(logs.read(stack.run, Query()))
    assert [(line.raw, line.is_partial) for line in read] == [(b"first", False), (b"last words", True)] * 20


async def test_a_burst_before_the_end_is_whole(stack: Stack) -> None:
    await stack.python("job.1", COUNTER, 0, 50_000, 0)
    await stack.ended("job.1")
    assert stack.lines() == numbered(0, 50_000)


async def test_both_outputs_are_one_stream_in_their_order(stack: Stack) -> None:
    await stack.start("job.1", "sh", "-c", "for i in 1 2 3; do echo out $i; echo err $i >&2; done")
    await stack.ended("job.1")
    assert stack.lines() == [b"out 1", b"err 1", b"out 2", b"err 2", b"out 3", b"err 3"]


async def test_bytes_that_are_no_text_are_kept_as_they_are(stack: Stack) -> None:
    await stack.python("job.1", r"import os; os.write(1, b'\xff\xfe nul \0 half \xc3'); os.write(1, b'\xa9\n')")
    await stack.ended("job.1")
    (line,) = logs.read(stack.run, Query())
    assert line.raw == b"\xff\xfe nul \0 half \xc3\xa9"
    assert line.text == "�� nul \0 half é"


async def test_a_line_of_a_mebibyte_is_whole(stack: Stack) -> None:
    await stack.python("job.1", "import os; os.write(1, b'x' * (1 << 20) + b'\\nnext\\n')")
    await stack.ended("job.1")
    assert b"".join(stack.lines()[:-1]) == b"x" * (1 << 20)
    assert stack.lines()[-1] == b"next"


async def test_a_line_without_end_keeps_memory_flat_and_loses_nothing(stack: Stack) -> None:
    size = 96 << 20
    await stack.python(
        "job.1", f"import os\nfor _ in range({size >> 20}): os.write(1, b'x' * (1 << 20))", log_bytes=1 << 30
    )
    await stack.ended("job.1", within=60)
    assert sum(map(len, logs_of(stack))) == size
    status = Path(f"/proc/{stack.runner.keeper_pid}/status").read_text()
    peak_kib = int(status.split("VmHWM:")[1].split()[0])
    assert peak_kib < 40 << 10


def logs_of(stack: Stack) -> list[bytes]:
    return [line.raw for line in logs.read(stack.run, Query())]


async def test_a_follower_loses_and_doubles_nothing_over_rotation_and_restarts(stack: Stack) -> None:
    follower = Follower(stack)
    for start in range(3):
        await stack.python("job.1", COUNTER, start * 10_000, (start + 1) * 10_000, 0, log_bytes=4 << 20)
        await stack.ended("job.1")
    followed = await follower.until(30_000)
    assert followed == numbered(0, 30_000)
    assert len(list((stack.run.logs / "job.1").glob("*.log"))) > 2


async def test_a_follower_sees_a_service_that_starts_later(stack: Stack) -> None:
    follower = Follower(stack)
    await stack.start("late.1", "sh", "-c", "echo here")
    assert await follower.until(1) == [b"here"]


async def test_a_reader_that_stands_still_holds_nobody_up(stack: Stack) -> None:
    followed = logs.follow_batches(stack.run, Query())
    await stack.python("job.1", COUNTER, 0, 10, 0)
    await stack.ended("job.1")
    lines = next(followed).data.splitlines()
    await stack.python("job.1", COUNTER, 10, 30_000, 0)
    assert (await stack.ended("job.1")).code == 0
    while len(lines) < 30_000:
        lines += next(followed).data.splitlines()
    followed.close()
    assert lines == numbered(0, 30_000)


async def test_a_chatty_service_stays_within_its_cap_and_its_first_lines_stay(stack: Stack) -> None:
    await stack.python("job.1", COUNTER, 0, 60_000, 0, log_bytes=1 << 20)
    await stack.ended("job.1")
    on_disk = sum(path.stat().st_size for path in (stack.run.logs / "job.1").glob("*.log"))
    read = stack.lines()
    notes = [line for line in read if b"devctl.evicted.bytes" in line]
    kept = [line for line in read if b"devctl.evicted.bytes" not in line]
    assert on_disk <= 1.2 * (1 << 20)
    assert kept[:100] == numbered(0, 100)
    assert kept[-1:] == numbered(59_999, 60_000)
    written = 60_000 * (len(kept[0]) + 1)
    evicted = sum(int(note.split(b'bytes": ')[1].rstrip(b"} ")) for note in notes)
    assert evicted == written - on_disk


@pytest.mark.parametrize("how", ["deleted", "link", "cut"])
async def test_a_log_that_is_taken_away_is_reopened_and_links_are_not_followed(
    stack: Stack, tmp_path: Path, how: str
) -> None:
    follower = Follower(stack)
    await stack.python("job.1", COUNTER, 0, 100_000_000, 0.002)
    await stack.has_line("job.1", b"000000100")
    victim = tmp_path / "victim"
    victim.write_bytes(b"untouched")
    segment = stack.segment("job.1")
    if how == "cut":
        os.truncate(segment, 0)
    else:
        segment.unlink()
    if how == "link":
        segment.symlink_to(victim)
    eventually(stack.segment("job.1", 2).exists, what="another segment")
    seen = len(follower.lines)
    lines = await follower.until(seen + 200)
    tail = [line for line in lines[seen:] if line[:9].isdigit()]
    assert [int(line[:9]) for line in tail] == list(range(int(tail[0][:9]), int(tail[0][:9]) + len(tail)))
    assert victim.read_bytes() == b"untouched"


async def test_a_disk_that_is_full_costs_what_the_gap_mark_says_and_nobody_waits(stack: Stack) -> None:
    await stack.python("job.1", COUNTER, 0, 10, 0)
    await stack.ended("job.1")
    before = stack.segment("job.1").stat().st_size
    limit = before + 100_000
    soft, hard = resource.prlimit(stack.runner.keeper_pid, resource.RLIMIT_FSIZE)
    resource.prlimit(stack.runner.keeper_pid, resource.RLIMIT_FSIZE, (limit, hard))
    await stack.python("job.1", COUNTER, 10, 20_000, 0)
    assert (await stack.ended("job.1")).code == 0
    resource.prlimit(stack.runner.keeper_pid, resource.RLIMIT_FSIZE, (soft, hard))
    await stack.has_line("job.1", b"bytes lost: disk full")
    await stack.python("job.1", COUNTER, 20_000, 20_010, 0)
    await stack.ended("job.1")

    read = list(logs.read(stack.run, Query()))
    (note,) = [line.parsed for line in read if b"devctl.gap.bytes" in line.raw]
    kept = [line.raw for line in read if b"devctl.gap.bytes" not in line.raw]
    written = 20_010 * (len(kept[0]) + 1)
    on_disk = sum(len(line.raw) + (not line.is_partial) for line in read if b"devctl.gap.bytes" not in line.raw)
    lost = note.fields["devctl.gap.bytes"]
    assert (note.level, note.message) == ("warning", f"{lost} bytes lost: disk full")
    assert lost == written - on_disk > 0
    assert kept[-10:] == numbered(20_000, 20_010)


async def test_lines_of_several_services_are_merged_by_arrival(stack: Stack) -> None:
    for number in range(1, 5):
        await stack.python(f"svc{number}.1", COUNTER, 0, 2_000, 0.001)
    for number in range(1, 5):
        await stack.ended(f"svc{number}.1")
    read = list(logs.read(stack.run, Query()))
    times = [line.time_ns for line in read]
    assert times == sorted(times)
    assert Counter(line.service for line in read) == {f"svc{number}": 2_000 for number in range(1, 5)}
