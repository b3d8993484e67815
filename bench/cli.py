"""What the command line costs, beside the floor of a Python process measured in the same run.

`python -m bench.cli` prints one line a figure. A stack of twelve sleeping services runs meanwhile, in a folder of
its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devctl.keeper.log import SegmentLog

ROUNDS = 15
SERVICES = 12
LINES = 1_000_000
BLOCK = 50
DEVCTL = (sys.executable, "-m", "devctl")


@dataclass(frozen=True)
class Cost:
    """The median wall time of a command, and the largest memory that it took."""

    milliseconds: float
    mebibytes: float


def cost(argv: Sequence[str], folder: Path, environ: dict[str, str]) -> Cost:
    """Run a command several times and return what it costs."""
    times: list[float] = []
    memory = 0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        process = subprocess.Popen(argv, cwd=folder, env=environ, stdout=subprocess.DEVNULL)
        _, _, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        times.append(time.perf_counter() - began)
        memory = max(memory, usage.ru_maxrss)
    return Cost(sorted(times)[ROUNDS // 2] * 1000, memory / 1024)


@contextmanager
def stack(services: str, files: Mapping[str, str]) -> Iterator[tuple[Path, dict[str, str]]]:
    """Run a stack of these services (YAML) with these files beside it, in a folder of its own."""
    with (
        tempfile.TemporaryDirectory(prefix="bench") as folder_name,
        tempfile.TemporaryDirectory(prefix="dc") as runtime,
    ):
        folder = Path(folder_name).resolve()
        (folder / "stack.yaml").write_text(f"name: bench\ntelemetry: off\nservices:\n{services}")
        for name, content in files.items():
            (folder / name).write_text(content)
        environ = {**os.environ, "XDG_RUNTIME_DIR": runtime}
        subprocess.run([*DEVCTL, "up", "-d", "-q"], cwd=folder, env=environ, check=True, stdout=subprocess.DEVNULL)
        try:
            yield folder, environ
        finally:
            subprocess.run([*DEVCTL, "down"], cwd=folder, env=environ, check=False, stderr=subprocess.DEVNULL)


def commands() -> None:
    """Print what small commands cost."""
    sleepers = "".join(f"  svc{number}: {{command: sleep 600}}\n" for number in range(SERVICES))
    with stack(sleepers, {}) as (folder, environ):
        floor = cost([sys.executable, "-c", "pass"], folder, environ)
        print(f"{'python -c pass':<24} {floor.milliseconds:7.1f} ms   {floor.mebibytes:5.1f} MiB   (the floor)")
        for line in ("--version", "--help", "status", "status --json", "why"):
            figures = cost([*DEVCTL, *line.split()], folder, environ)
            ratio = figures.milliseconds / floor.milliseconds
            name = f"devctl {line}"
            print(
                f"{name:<24} {figures.milliseconds:7.1f} ms   {figures.mebibytes:5.1f} MiB   {ratio:4.1f} × the floor"
            )


def write_lines(folder: Path, instances: int) -> None:
    """Write a run of a million lines, spread over instances that take turns every few lines."""
    logs = {
        n: folder / ".devctl" / "runs" / f"20260131-120000-{instances:04x}" / "logs" / f"s{n}.1"
        for n in range(instances)
    }
    began = time.time_ns()
    for number, log_folder in logs.items():
        log_folder.mkdir(parents=True)
        log = SegmentLog(str(log_folder), 1 << 31)
        for first in range(0, LINES // instances, BLOCK):
            text = b"".join(
                b"line %07d says a few words about what the service does\n" % n for n in range(first, first + BLOCK)
            )
            log.write(text, began + (first * instances + number * BLOCK) * 1000)
        log.close()


def logs() -> None:
    """Print how many lines a second `logs` shows."""
    with tempfile.TemporaryDirectory(prefix="bench") as folder_name:
        folder = Path(folder_name).resolve()
        (folder / "stack.yaml").write_text("name: bench\nservices:\n  s0: {command: sleep 1}\n")
        for instances, options in ((1, ""), (1, "--json"), (12, ""), (1, "--grep 0999999")):
            if not (folder / ".devctl" / "runs" / f"20260131-120000-{instances:04x}").exists():
                write_lines(folder, instances)
            argv = [*DEVCTL, "logs", "--run", f"20260131-120000-{instances:04x}", *options.split()]
            began = time.perf_counter()
            subprocess.run(argv, cwd=folder, check=True, stdout=subprocess.DEVNULL)
            rate = LINES / (time.perf_counter() - began)
            name = f"logs of {instances} {options}"
            print(f"{name:<24} {rate:12,.0f} lines/s")


WRITER = f"""
import os, sys, time
while not os.path.exists("go"):
    time.sleep(0.01)
for first in range(0, {LINES}, 100):
    lines = (b"line %07d says a few words about what the service does\\n" % n for n in range(first, first + 100))
    sys.stdout.buffer.write(b"".join(lines))
sys.stdout.flush()
time.sleep(600)
"""


def follow() -> None:
    """Print how many lines a second `logs -f` shows of a service that writes a million as fast as it can."""
    for options in ("", "--json"):
        with stack("  writer: {command: [python3, writer.py]}\n", {"writer.py": WRITER}) as (folder, environ):
            argv = [*DEVCTL, "logs", "-f", *options.split()]
            with subprocess.Popen(argv, cwd=folder, env=environ, stdout=subprocess.PIPE) as reader:
                time.sleep(1)  # it is there before the first line
                began = time.perf_counter()
                (folder / "go").touch()
                left = LINES
                assert reader.stdout
                while left > 0 and (chunk := os.read(reader.stdout.fileno(), 1 << 20)):
                    left -= chunk.count(b"\n")
                rate = LINES / (time.perf_counter() - began)
                reader.terminate()
            print(f"{f'logs -f {options}':<24} {rate:12,.0f} lines/s, {left} lost")


def main() -> None:
    """Print all figures."""
    commands()
    logs()
    follow()


if __name__ == "__main__":
    main()
