"""What the terminal UI costs: first paint, an idle screen, a flood of lines, a key, memory, and jumps in a long record.

`python -m bench.tui` prints one line a figure. A real terminal (a pseudo-terminal of 100 by 30) over a real stack.
"""

from __future__ import annotations

import json
import os
import pty
import random
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from devctl.keeper.log import SegmentLog
from devctl.paths import StackPaths
from devctl.queries.pages import Anchor, Pager
from devctl.record import store
from devctl.record.logs import Query
from devctl.record.store import Run

SERVICES = 12
LINES = 1_000_000
FLOOD_SECONDS, FLOOD_RATE = 10, 10_000
IDLE_SECONDS = 20
START_NS = 1_700_000_000_000_000_000
TICKS = os.sysconf("SC_CLK_TCK")


class Screen:
    """A devctl in a pseudo-terminal."""

    def __init__(self, folder: Path, environ: dict[str, str]) -> None:
        self.began = time.monotonic()
        self.pid, self._leader = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execve(sys.executable, [sys.executable, "-m", "devctl", "tui"], environ)
        import fcntl
        import struct
        import termios

        fcntl.ioctl(self._leader, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))

    def until(self, text: bytes, seconds: float = 60) -> float:
        """Return after how many seconds a text was drawn."""
        began, drawn = time.monotonic(), b""
        while text not in drawn:
            if not select.select([self._leader], [], [], max(began + seconds - time.monotonic(), 0))[0]:
                raise TimeoutError(text)
            drawn += os.read(self._leader, 1 << 16)
        return time.monotonic() - began

    def drain(self, seconds: float) -> int:
        """Read what is drawn for so long; return the bytes."""
        end, count = time.monotonic() + seconds, 0
        while (rest := end - time.monotonic()) > 0:
            if select.select([self._leader], [], [], rest)[0]:
                try:
                    count += len(os.read(self._leader, 1 << 16))
                except OSError:  # it has ended
                    break
        return count

    def press(self, keys: bytes) -> None:
        os.write(self._leader, keys)

    def cpu_seconds(self) -> float:
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory(self) -> int:
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0]) * 1024

    def close(self) -> None:
        self.press(b"q")
        self.drain(1)
        os.close(self._leader)
        os.waitpid(self.pid, 0)


@contextmanager
def stack() -> Iterator[tuple[Path, dict[str, str]]]:
    """Run a stack of twelve quiet services."""
    with tempfile.TemporaryDirectory(prefix="dv") as name:
        folder = Path(name)
        services = {f"s{n}": {"command": ["sleep", "infinity"]} for n in range(SERVICES)}
        (folder / "stack.yaml").write_text(json.dumps({"name": "bench", "telemetry": "off", "services": services}))
        environ = {k: v for k, v in os.environ.items() if k not in ("CI", "DEVCTL_TUI", "NO_COLOR")}
        environ |= {"XDG_RUNTIME_DIR": name, "TERM": "xterm-256color"}
        argv = [sys.executable, "-m", "devctl"]
        subprocess.run([*argv, "up", "-d", "-q"], cwd=folder, env=environ, check=True)
        try:
            yield folder, environ
        finally:
            subprocess.run([*argv, "down"], cwd=folder, env=environ, capture_output=True)


def live(folder: Path, environ: dict[str, str]) -> None:
    """Measure the screen of a running stack."""
    paints = []
    for _ in range(5):
        screen = Screen(folder, environ)
        screen.until(b"12/12")
        paints.append(time.monotonic() - screen.began)
        screen.close()
    print(f"first paint with the state: {sorted(paints)[2] * 1000:.0f} ms (limit 700, aim 450)")
    screen = Screen(folder, environ)
    screen.until(b"12/12")
    screen.drain(3)
    before = screen.cpu_seconds()
    drawn = screen.drain(IDLE_SECONDS)
    share = (screen.cpu_seconds() - before) / IDLE_SECONDS
    print(f"idle, {SERVICES} services: {share:.1%} of a core (limit 2 %), {drawn / IDLE_SECONDS:.0f} bytes/s drawn")
    screen.press(b"2")
    screen.drain(1)
    flood(screen, store.runs(StackPaths(folder.resolve()))[0])
    print(f"memory after {FLOOD_SECONDS * FLOOD_RATE + LINES:,} lines: {screen.memory() / 1e6:.0f} MB (limit 90)")
    screen.close()


def flood(screen: Screen, run: Run) -> None:
    """Write lines as fast as asked for, and press a key now and then; then a million at once."""
    log = SegmentLog(str(run.logs / "s0.1"), 1 << 30)
    before, began = screen.cpu_seconds(), time.monotonic()
    keys: list[float] = []
    for tick in range(FLOOD_SECONDS * 50):
        block = b"".join(b"line %d of a flood of lines\n" % n for n in range(FLOOD_RATE // 50))
        log.write(block, time.time_ns())
        if tick % 50 == 25:
            screen.drain(0)
            screen.press(b"?")
            keys.append(screen.until(b"Moving"))
            screen.press(b"\x1b")
        screen.drain(max(began + (tick + 1) / 50 - time.monotonic(), 0))
    share = (screen.cpu_seconds() - before) / (time.monotonic() - began)
    print(f"{FLOOD_RATE:,} lines/s arriving: {share:.0%} of a core (limit 25 %)")
    print(f"key to paint meanwhile, worst of {len(keys)}: {max(keys) * 1000:.0f} ms (limit 50 at p95)")
    for _ in range(100):
        log.write(b"one of a million lines, each of about sixty bytes, one by one\n" * (LINES // 100), time.time_ns())
        screen.drain(0.05)
    log.close()
    screen.drain(2)


def jumps() -> None:
    """Measure pages anywhere in a record of a million lines."""
    with tempfile.TemporaryDirectory() as name:
        run = store.create(StackPaths(Path(name)))
        for number in range(SERVICES):
            log = SegmentLog(str(run.logs / f"s{number}.1"), 1 << 30)
            for at in range(LINES // SERVICES // 10):
                time_ns = START_NS + at * 1_000_000 + number
                log.write(b"".join(b"line %d of service %d\n" % (at * 10 + n, number) for n in range(10)), time_ns)
            log.close()
        pager = Pager(run, Query())
        first, last = pager.span()
        rng = random.Random(1)
        took = []
        for _ in range(50):
            began = time.perf_counter()
            pager.page(Anchor(rng.randrange(first, last)), 50, 50)
            took.append(time.perf_counter() - began)
        median, worst = (seconds * 1000 for seconds in (sorted(took)[25], max(took)))
        print(f"jump in {LINES:,} lines: median {median:.1f} ms, worst {worst:.1f} ms (limit 100)")
        began = time.perf_counter()
        hits = sum(len(part.lines) for part in Pager(run, Query(grep="line 8000 ")).backward(Anchor(last + 1)))
        print(f"search through all of it: {hits} hits in {(time.perf_counter() - began) * 1000:.0f} ms")


def main() -> None:
    """Measure everything."""
    jumps()
    with stack() as (folder, environ):
        live(folder, environ)


if __name__ == "__main__":
    main()
