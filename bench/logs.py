"""What capturing, following, merging and searching logs costs, beside floors measured in the same run.

`python -m bench.logs` prints one line a figure. A real keeper captures real processes; a process of its own follows.
"""

from __future__ import annotations

import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devctl.core.launch import Launch
from devctl.keeper.log import SegmentLog
from devctl.paths import StackPaths
from devctl.record import jsonlines, logs, store
from devctl.record.batch import Batch
from devctl.record.logs import Query
from devctl.record.store import Run
from devctl.runners.base import Exit
from devctl.runners.process import ProcessRunner

LINES = 1_000_000
MERGED = 12
SEARCHED_BYTES = 512 << 20
LINE_BYTES = 120
INSTANCES = 300
PATIENCE_SECONDS = 120

WRITER = f"""
import os, sys
write, filling = os.write, b"x" * {LINE_BYTES - 11} + b"\\n"
for number in range(int(sys.argv[1])):
    write(1, b"%09d " % number + filling)
"""


@dataclass(frozen=True)
class Followed:
    """What a follower saw: lines, its last look at the clock, how far back in time it had to step, its costs."""

    lines: int
    ended: float
    worst_step_ms: float
    cpu_seconds: float
    peak_mebibytes: float


def follow(folder: str, lines: int, form: str) -> None:
    """Be the follower: render what comes to nowhere until `wanted` lines are there, and print what was seen."""
    render: Callable[[Batch], bytes] = _as_json if form == "json" else _with_prefix
    seen = newest = worst = 0
    deadline = time.monotonic() + PATIENCE_SECONDS
    with open(os.devnull, "wb") as sink:
        for batch in logs.follow_batches(Run(Path(folder)), Query(), lambda: time.monotonic() > deadline):
            sink.write(render(batch))
            seen += batch.count()
            worst = max(worst, newest - batch.times[0])
            newest = max(newest, batch.times[-1])
            if seen >= lines:
                break
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu = usage.ru_utime + usage.ru_stime
    print(json.dumps([seen, time.monotonic(), worst / 1e6, cpu, usage.ru_maxrss / 1024]))


def _with_prefix(batch: Batch) -> bytes:
    prefix = batch.label.instance.encode() + b" | "
    return prefix + batch.data[:-1].replace(b"\n", b"\n" + prefix) + b"\n"


def _as_json(batch: Batch) -> bytes:
    return jsonlines.json_lines(batch).encode()


@contextmanager
def _stack() -> Iterator[StackPaths]:
    """Give a stack's folders, gone afterwards."""
    before = os.environ.get("XDG_RUNTIME_DIR")
    with tempfile.TemporaryDirectory(prefix="bench") as folder, tempfile.TemporaryDirectory(prefix="dk") as runtime:
        os.environ["XDG_RUNTIME_DIR"] = runtime
        try:
            yield StackPaths(Path(folder).resolve())
        finally:
            os.environ.pop("XDG_RUNTIME_DIR")
            if before is not None:
                os.environ["XDG_RUNTIME_DIR"] = before


def _launch(run: Run, instance: str, *argv: str) -> Launch:
    folder = str(run.logs / instance)
    return Launch(instance, instance.partition(".")[0], run.id, argv, dict(os.environ), "/", folder, log_bytes=1 << 30)


async def _captured(writers: int, form: str) -> tuple[float, Followed, float]:
    """Let writers write, captured and followed; return the seconds, what was followed, the keeper's CPU seconds."""
    with _stack() as paths:
        run = store.create(paths)
        exits: list[Exit] = []
        runner = ProcessRunner(paths)
        await runner.connect(exits.append, lambda: None)
        each = LINES // writers
        argv = [sys.executable, "-m", "bench.logs", "follow", str(run.folder), str(each * writers), form]
        follower = await asyncio.create_subprocess_exec(*argv, stdout=subprocess.PIPE)
        before = _cpu_seconds(runner.keeper_pid)
        began = time.monotonic()
        for number in range(writers):
            await runner.start(_launch(run, f"s{number}.1", sys.executable, "-I", "-S", "-c", WRITER, str(each)))
        output, _ = await follower.communicate()
        followed = Followed(*json.loads(output))
        cpu = _cpu_seconds(runner.keeper_pid) - before
        for number in range(writers):
            await runner.stop(f"s{number}.1", 9, 0)
        await runner.close(end=True)
        return followed.ended - began, followed, cpu


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def floors() -> tuple[float, float]:
    """Return lines per second of the same writer into a file, and through `cat` into a file."""
    writer = [sys.executable, "-I", "-S", "-c", WRITER, str(LINES)]
    with tempfile.TemporaryFile() as file:
        began = time.monotonic()
        subprocess.run(writer, stdout=file, check=True)
        plain = LINES / (time.monotonic() - began)
    with tempfile.TemporaryFile() as file:
        began = time.monotonic()
        with subprocess.Popen(writer, stdout=subprocess.PIPE) as process:
            subprocess.run(["cat"], stdin=process.stdout, stdout=file, check=True)
        through_cat = LINES / (time.monotonic() - began)
    _say("floor: writer into a file", f"{plain:,.0f} lines/s")
    _say("floor: writer | cat into a file", f"{through_cat:,.0f} lines/s")
    return plain, through_cat


def following(floor: float) -> None:
    """Print what following costs: one writer, plain and as JSON, and twelve merged."""
    for writers, form in ((1, "plain"), (1, "json"), (MERGED, "plain")):
        seconds, followed, keeper_cpu = asyncio.run(_captured(writers, form))
        rate = followed.lines / seconds
        lost = LINES // writers * writers - followed.lines
        step = f", {followed.worst_step_ms:.1f} ms out of order" if writers > 1 else ""
        _say(
            f"followed, {writers} writer{'s' * (writers > 1)}, {form}",
            f"{rate:,.0f} lines/s = {rate / floor:.2f} × cat, {lost} lost{step}; keeper {keeper_cpu:.2f} CPU s, "
            f"follower {followed.cpu_seconds:.2f} CPU s and {followed.peak_mebibytes:.0f} MiB",
        )


def searching() -> None:
    """Print how fast text is found on disk."""
    with _stack() as paths:
        run = store.create(paths)
        log = SegmentLog(str(run.logs / "s.1"), SEARCHED_BYTES * 2)
        block = b"".join(b"%09d GET /api/v1/products took 12.3 ms for user alice\n" % n for n in range(5000))
        while log.end < SEARCHED_BYTES:
            log.write(block, time.time_ns())
        log.write(b"a needle\n", time.time_ns())
        log.close()
        files = sorted(map(str, (run.logs / "s.1").glob("*.log")))
        floor = _throughput(lambda: subprocess.run(["cat", *files], stdout=subprocess.DEVNULL, check=True))
        grep = _throughput(lambda: subprocess.run(["grep", "-c", "needle", *files], stdout=subprocess.DEVNULL))
        _say("floor: cat / grep -c of the same files", f"{floor:,.0f} / {grep:,.0f} MB/s")
        for name, query in (("text", Query(grep="needle")), ("pattern", Query(grep="need.e"))):
            rate = _throughput(lambda query=query: _find(run, query))  # type: ignore[misc]
            _say(f"--grep {name}", f"{rate:,.0f} MB/s = {rate / grep:.2f} × grep")


def _find(run: Run, query: Query) -> None:
    lines_read = sum(batch.count() for batch in logs.read_batches(run, query))
    if lines_read != 1:
        raise AssertionError(f"found {lines_read} lines instead of one")


def _throughput(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return SEARCHED_BYTES / 1e6 / (time.monotonic() - began)


async def starting() -> None:
    """Print what it takes to start and stop many instances, beside plain spawning."""
    floor = _spawning()
    with _stack() as paths:
        run = store.create(paths)
        runner = ProcessRunner(paths)
        await runner.connect(lambda _: None, lambda: None)
        began = time.monotonic()
        names = [f"s{number}.1" for number in range(INSTANCES)]
        await asyncio.gather(*(runner.start(_launch(run, name, "/bin/sleep", "600")) for name in names))
        started = time.monotonic() - began
        memory = _memory_mebibytes(runner.keeper_pid)
        began = time.monotonic()
        await asyncio.gather(*(runner.stop(name, 15, 10) for name in names))
        stopped = time.monotonic() - began
        await runner.close(end=True)
    _say(f"start {INSTANCES} instances", f"{started:.3f} s = {started / floor:.1f} × posix_spawn alone ({floor:.3f} s)")
    _say(f"stop {INSTANCES} instances", f"{stopped:.3f} s")
    _say(f"keeper of {INSTANCES} instances", memory)


def _spawning() -> float:
    """Return the seconds that plain spawning of as many takes."""
    began = time.monotonic()
    pids = [os.posix_spawn("/bin/sleep", ["sleep", "600"], os.environ, setsid=True) for _ in range(INSTANCES)]
    seconds = time.monotonic() - began
    for pid in pids:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
    return seconds


def _memory_mebibytes(pid: int) -> str:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kib = {line.split(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return f"{kib['Pss'] / 1024:.1f} MiB PSS, {kib['Rss'] / 1024:.1f} MiB RSS"


def _say(name: str, figure: str) -> None:
    print(f"{name:<40} {figure}", flush=True)


def main() -> None:
    """Print all figures, or be the follower."""
    if sys.argv[1:2] == ["follow"]:
        follow(sys.argv[2], int(sys.argv[3]), sys.argv[4])
        return
    _, floor = floors()
    following(floor)
    searching()
    asyncio.run(starting())


if __name__ == "__main__":
    main()
