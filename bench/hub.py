"""What the hub costs, beside a real Jaeger all-in-one fed with the same spans in the same run.

`python -m bench.hub [--spans N] [--flat N] [--searched N] [--log-bytes N]` prints one line a figure. Hub and Jaeger
are held to one core, the sender to another. Without Go (or a Jaeger built before) the ratios are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.spans import BATCH, bodies
from devctl.record.store import Run

CONNECTIONS = 4
SENDER_CORE, SERVER_CORE = 0, 1
CAP_BYTES = 256 << 20
MOST_SEARCH_MS, MOST_WATERFALL_MS = 200, 150


@dataclass(frozen=True)
class Intake:
    """How many spans a second were taken in, by the clock and by the CPU time of the server."""

    per_second: float
    per_cpu_second: float
    mebibytes: float


class Server:
    """A process that takes OTLP in, held to one core."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.pid = process.pid
        self.port = port
        self._process = process
        wait_until(lambda: accepts(port), "the server listens")
        hold_to(process.pid, SERVER_CORE)

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def mebibytes(self) -> float:
        """Return the proportional set size."""
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1024

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)


@dataclass(frozen=True)
class Jaeger:
    """A running Jaeger: its intake, and the ports of its query API and of its metrics."""

    server: Server
    query_port: int
    admin_port: int

    def saved(self) -> int:
        """Return how many spans are in its storage: it answers while they are still in a queue."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}/metrics", timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        saved = [line for line in lines if line.startswith("jaeger_collector_spans_saved_by_svc_total")]
        return sum(int(float(line.rsplit(" ", 1)[1])) for line in saved)


def hub(folder: Path, cap_bytes: int = CAP_BYTES) -> Server:
    """Start a hub over an empty record."""
    config = folder / "hub.json"
    config.write_text(json.dumps({"cap_bytes": cap_bytes}))
    (port,) = free_ports(1)
    listen = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "devctl.hub", "--run", str(folder), "--config", str(config), "--listen", listen]
    return Server(subprocess.Popen(command), port)


def jaeger(program: Path) -> Jaeger:
    """Start a Jaeger that keeps spans in memory."""
    names = (
        "collector.otlp.http", "query.http-server", "query.grpc-server", "collector.otlp.grpc", "collector.http-server",
        "collector.grpc-server", "admin.http", "http-server",
    )  # fmt: skip
    old = ("jaeger-compact", "jaeger-binary", "zipkin-compact")
    numbers = free_ports(len(names) + len(old))
    flags = [f"--{name}.host-port=127.0.0.1:{port}" for name, port in zip(names, numbers, strict=False)]
    flags += [
        f"--processor.{name}.server-host-port=127.0.0.1:{port}"
        for name, port in zip(old, numbers[len(names) :], strict=True)
    ]
    quiet = {"SPAN_STORAGE_TYPE": "memory", "LOG_LEVEL": "error", "GOMAXPROCS": "1", "MEMORY_MAX_TRACES": "50000"}
    command = [str(program), *flags, "--collector.queue-size=100000"]
    process = subprocess.Popen(
        command, env={**os.environ, **quiet}, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
    )
    ports = dict(zip(names, numbers, strict=False))
    return Jaeger(Server(process, numbers[0]), ports["query.http-server"], ports["admin.http"])


def intake(server: Server, spans: int, per_trace: int, saved: Callable[[], int] | None = None) -> Intake:
    """Send spans in batches over several connections; each waits for its answer before it sends the next.

    `saved` tells how many are stored, where an answer does not mean that.
    """
    before = server.cpu_seconds()
    batches = max(spans // BATCH // CONNECTIONS, 1)
    arguments = [str(server.port), str(batches), str(per_trace)]
    sender = subprocess.run(
        [sys.executable, "-m", "bench.hub", "send", *arguments], stdout=subprocess.PIPE, check=True, text=True
    )
    answered, seconds = time.perf_counter(), float(sender.stdout)
    sent = batches * CONNECTIONS * BATCH
    if saved:
        wait_until(lambda: saved() >= sent, "all spans are stored")
        seconds += time.perf_counter() - answered
    return Intake(sent / seconds, sent / (server.cpu_seconds() - before), server.mebibytes())


def send(port: int, batches: int, per_trace: int) -> None:
    """Be the sender: print the seconds from the first request to the last answer."""
    os.sched_setaffinity(0, {SENDER_CORE})
    began = time.perf_counter()
    senders = [threading.Thread(target=_send, args=(port, batches, per_trace)) for _ in range(CONNECTIONS)]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    print(time.perf_counter() - began)


def _send(port: int, batches: int, per_trace: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    for body in bodies(batches, per_trace=per_trace):
        status = 0
        while status != 200:
            connection.request("POST", "/v1/traces", body, {"Content-Type": "application/x-protobuf"})
            response = connection.getresponse()
            response.read()
            status = response.status
            if status not in (200, 429, 503):
                raise SystemExit(f"refused with {status}")
    connection.close()


def intakes(spans: int) -> None:
    """Print what taking spans in costs, of hub and Jaeger."""
    program = _jaeger_program()
    for per_trace, name in ((8, "8 spans a trace"), (1, "each span its own trace")):
        with (
            tempfile.TemporaryDirectory(prefix="bench") as folder,
            contextlib.closing(hub(Path(folder), 2 << 30)) as devctl_hub,
        ):
            ours = intake(devctl_hub, spans, per_trace)
        _say_intake(f"hub, {name}", ours)
        if program:
            other = jaeger(program)
            with contextlib.closing(other.server):
                theirs = intake(other.server, spans, per_trace, other.saved)
            _say_intake(f"Jaeger, {name}", theirs)
            clock, cpu = ours.per_second / theirs.per_second, ours.per_cpu_second / theirs.per_cpu_second
            _say(f"ratio, {name}", f"{clock:.2f} × by the clock, {cpu:.2f} × by CPU time (at least 0.15, aim 0.5)")


def _say_intake(name: str, measured: Intake) -> None:
    _say(
        name,
        f"{measured.per_second:,.0f} spans/s, {measured.per_cpu_second:,.0f} spans/CPU s, "
        f"{measured.mebibytes:.0f} MiB PSS",
    )


def _jaeger_program() -> Path | None:
    from tests.reference.go_programs import JAEGER, NotBuildable, find_or_build

    try:
        return find_or_build(JAEGER)
    except NotBuildable as reason:
        _say("Jaeger", f"left out: {reason}")
        return None


def flat(spans: int) -> None:
    """Print the memory of a hub over many spans with the size cap on."""
    with tempfile.TemporaryDirectory(prefix="bench") as name, contextlib.closing(hub(Path(name))) as server:
        seen = []
        for part in range(10):
            measured = intake(server, spans // 10, 8 if part % 2 else 1)
            seen.append(measured.mebibytes)
        size = sum(file.stat().st_size for file in Path(name).glob("record.db*"))
        course = " ".join(f"{mebibytes:.0f}" for mebibytes in seen)
        _say(f"memory over {spans:,} spans, MiB PSS", f"{course} (at most 150); {size / 1e6:,.0f} MB on disk")


def searches(spans: int) -> None:
    """Print how long searches and a waterfall over many stored spans take."""
    from devctl.record.span_query import SpanQuery
    from devctl.record.spans import SpanReader

    with tempfile.TemporaryDirectory(prefix="bench") as name, contextlib.closing(hub(Path(name), 4 << 30)) as server:
        intake(server, spans, 8)
        wait_until(
            lambda: _indexed(Path(name)) >= spans // BATCH // CONNECTIONS * CONNECTIONS * BATCH, "all is indexed"
        )
        reader = SpanReader(Run(Path(name)).spans_file)
        hour_ago = time.time_ns() - 3600 * 10**9
        for what, query in (
            ("service and duration", SpanQuery(service="shop", min_duration_ns=99_900_000, since_ns=hour_ago)),
            ("the same, none that long", SpanQuery(service="shop", min_duration_ns=10**12, since_ns=hour_ago)),
            ("duration of any service", SpanQuery(min_duration_ns=99_900_000, since_ns=hour_ago)),
            ("an attribute that none has", SpanQuery(attributes=(("shop.order.id", "x"),), since_ns=hour_ago)),
        ):
            milliseconds, matches = timed(lambda query=query: reader.find(query))  # type: ignore[misc]
            _say(
                f"search {spans:,}: {what}",
                f"{milliseconds:.0f} ms, {len(matches)} traces (at most {MOST_SEARCH_MS} ms)",
            )


def waterfalls(size: int = 1_000) -> None:
    """Print how long one large trace takes, from disk to text."""
    from devctl.queries import traces, waterfall
    from devctl.record.span_writer import SpanWriter
    from devctl.record.spans import SpanReader
    from devctl.render import traces as rendered
    from devctl.render.terminal import Terminal
    from tests.otlp import export

    spans: list[dict[str, Any]] = [
        {
            "trace": b"t" * 16, "span": i.to_bytes(8), "parent": (i // 3).to_bytes(8) if i > 2 else b"",
            "start": 10**18 + i * 1000, "name": f"step {i}", "attributes": {"n": i},
        }
        for i in range(1, size + 1)
    ]  # fmt: skip
    with tempfile.TemporaryDirectory(prefix="bench") as name:
        file = Path(name) / "record.db"
        writer = SpanWriter(file)
        writer.begin()
        writer.add(export(*spans).resource_spans)
        writer.commit()
        writer.close()
        terminal = Terminal(sys.stdout, sys.stderr, {"COLUMNS": "160"})

        def draw() -> int:
            reader = SpanReader(file)
            trace = traces.load(reader, (b"t" * 16).hex())
            assert trace
            return len(rendered.waterfall(waterfall.rows(trace.spans), [], terminal))

        milliseconds, lines = timed(draw)
        _say(f"waterfall of {size:,} spans", f"{milliseconds:.0f} ms, {lines} lines (at most {MOST_WATERFALL_MS} ms)")


def logs(size: int) -> None:
    """Print how fast literal text is found in the logs of the last five minutes."""
    from devctl.keeper.log import SegmentLog
    from devctl.record import logs as record
    from devctl.record.logs import Query

    with tempfile.TemporaryDirectory(prefix="bench") as name:
        run = Run(Path(name))
        run.logs.mkdir()
        log = SegmentLog(str(run.logs / "s.1"), size * 2)
        block = b"".join(b"%09d GET /api/v1/products took 12.3 ms for user alice\n" % n for n in range(5000))
        while log.end < size:
            log.write(block, time.time_ns())
        log.write(b"a needle\n", time.time_ns())
        log.close()

        def find() -> int:
            query = Query(grep="needle", since_ns=time.time_ns() - 300 * 10**9)
            return sum(batch.count() for batch in record.read_batches(run, query))

        milliseconds, traces_read = timed(find)
        assert traces_read == 1
        _say(
            f"logs --since 5m --grep over {size / 1e9:.1f} GB", f"{size / 1e3 / milliseconds:,.0f} MB/s (at least 400)"
        )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the milliseconds that `work` takes (the middle of five), and its answer."""
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        answer = work()
        taken.append((time.perf_counter() - began) * 1000)
    return sorted(taken)[2], answer


def _indexed(folder: Path) -> int:
    from devctl.record.spans import SpanReader

    reader = SpanReader(Run(folder).spans_file)
    with contextlib.closing(reader):
        return reader.last()


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now."""
    with contextlib.ExitStack() as stack:
        return [stack.enter_context(socket.create_server(("127.0.0.1", 0))).getsockname()[1] for _ in range(count)]


def accepts(port: int) -> bool:
    """Tell whether somebody listens."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def hold_to(pid: int, core: int) -> None:
    """Let all threads of a process run on one core only."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})


def wait_until(holds: Callable[[], bool], what: str, within: float = 60.0) -> None:
    """Wait until something holds; SystemExit when it does not."""
    deadline = time.monotonic() + within
    while not holds():
        if time.monotonic() > deadline:
            raise SystemExit(f"not within {within:.0f} s: {what}")
        time.sleep(0.02)


def _say(name: str, figure: str) -> None:
    print(f"{name:<44} {figure}", flush=True)


def main() -> None:
    """Print all figures, or be the sender."""
    if sys.argv[1:2] == ["send"]:
        send(*map(int, sys.argv[2:]))
        return
    parser = argparse.ArgumentParser(prog="bench.hub", description="Measure the hub beside a real Jaeger.")
    parser.add_argument("--spans", type=int, default=200_000, help="of each intake")
    parser.add_argument("--flat", type=int, default=1_000_000, help="over which memory is watched (5,000,000 in full)")
    parser.add_argument("--searched", type=int, default=1_000_000, help="stored spans that are searched")
    parser.add_argument("--log-bytes", type=int, default=1 << 30, help="of logs that are searched")
    parser.add_argument("--only", choices=("intake", "flat", "search", "waterfall", "logs"))
    options = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "intake": lambda: intakes(options.spans),
        "flat": lambda: flat(options.flat),
        "search": lambda: searches(options.searched),
        "waterfall": waterfalls,
        "logs": lambda: logs(options.log_bytes),
    }
    for name, part in parts.items():
        if options.only in (None, name):
            part()


if __name__ == "__main__":
    main()
