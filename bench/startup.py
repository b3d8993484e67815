"""What bringing stacks up and down costs, beside floors measured in the same run.

`python -m bench.startup` prints one line a figure: twelve services in four levels against their critical path,
a crash until it is verified healthy, idle cost with twelve checks a second, and 100 and 300 services from the first
instruction of the command.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

DEVCTL = (sys.executable, "-m", "devctl")
LEVELS, WIDTH = 4, 3
READY_SECONDS, STOP_SECONDS = 0.5, 0.3
IDLE_SECONDS = 20.0
SERVER = f"""
import os, signal, socket, sys, time
def stop(*_):
    time.sleep({STOP_SECONDS})
    os._exit(0)
signal.signal(signal.SIGTERM, stop)
time.sleep(float(os.environ.get("READY", {READY_SECONDS})))
listening = socket.create_server(("127.0.0.1", int(os.environ["PORT"])))
while True:
    connection, _ = listening.accept()
    connection.recv(4096)
    connection.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\nConnection: close\\r\\n\\r\\nok")
    connection.close()
"""


@dataclass
class Stack:
    """A folder with a manifest, and the environment in which its commands run."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str) -> float:
        """Run a devctl command and return the seconds that it took."""
        began = time.perf_counter()
        quiet = subprocess.DEVNULL
        subprocess.run([*DEVCTL, *arguments], cwd=self.folder, env=self.environ, check=True, stdout=quiet, stderr=quiet)
        return time.perf_counter() - began

    def status(self) -> dict[str, object]:
        """Return what `status --json` says."""
        done = subprocess.run(
            [*DEVCTL, "status", "--json"], cwd=self.folder, env=self.environ, check=False, capture_output=True
        )
        return dict(json.loads(done.stdout))


@contextmanager
def stack(manifest: dict[str, object]) -> Iterator[Stack]:
    """Make a stack in folders of its own; it is taken down and deleted in the end."""
    with (
        tempfile.TemporaryDirectory(prefix="bench") as folder_name,
        tempfile.TemporaryDirectory(prefix="dc") as runtime,
    ):
        made = Stack(Path(folder_name).resolve(), {**os.environ, "XDG_RUNTIME_DIR": runtime})
        (made.folder / "server.py").write_text(SERVER)
        (made.folder / "stack.yaml").write_text(json.dumps(manifest))
        try:
            yield made
        finally:
            subprocess.run(
                [*DEVCTL, "down"], cwd=made.folder, env=made.environ, check=False, capture_output=True, timeout=60
            )


def layered() -> dict[str, object]:
    """Return a manifest of twelve servers in four levels, each level waiting for the one below."""
    services = {}
    for level in range(LEVELS):
        for column in range(WIDTH):
            below = {f"s{level - 1}{n}": {"condition": "service_healthy"} for n in range(WIDTH)} if level else {}
            services[f"s{level}{column}"] = {
                "command": [sys.executable, "-I", "-S", "server.py"], "ports": {"http": 0}, "depends_on": below,
                "healthcheck": {"http": "/", "interval": "1s"},
            }  # fmt: skip
    return {"name": "bench", "telemetry": False, "services": services}


def sleeping(count: int) -> dict[str, object]:
    """Return a manifest of services that only sleep."""
    services = {f"s{n}": {"command": ["sleep", "600"]} for n in range(count)}
    return {"name": "bench", "telemetry": False, "services": services}


def floor_of_layers() -> float:
    """Return the seconds that plain Python needs for the same twelve servers in the same order."""
    began = time.perf_counter()
    processes = []
    with tempfile.NamedTemporaryFile("w", suffix=".py") as file:
        file.write(SERVER)
        file.flush()
        for _ in range(LEVELS):
            ports = [free_port() for _ in range(WIDTH)]
            for port in ports:
                environ = {**os.environ, "PORT": str(port)}
                processes.append(subprocess.Popen([sys.executable, "-I", "-S", file.name], env=environ))
            for port in ports:
                wait_for(port)
    took = time.perf_counter() - began
    for process in processes:
        process.kill()
        process.wait()
    return took


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int) -> None:
    """Return when somebody listens on `port`."""
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.002)


def floor_of_spawns(count: int) -> float:
    """Return the seconds that plain Python needs to start `count` sleeping processes."""
    began = time.perf_counter()
    processes = [subprocess.Popen(["sleep", "600"]) for _ in range(count)]
    took = time.perf_counter() - began
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()
    return took


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def pss_mebibytes(pid: int) -> float:
    """Return the proportional memory of a process."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("Pss:")) / 1024


def say(what: str, value: str, beside: str = "") -> None:
    """Print one figure."""
    print(f"{what:<52} {value:>14}  {beside}", flush=True)


def measure_layers() -> None:
    """Twelve servers in four levels: up, a crash, idle, down."""
    path = LEVELS * READY_SECONDS
    floor = floor_of_layers()
    with stack(layered()) as made:
        up = made.run("up", "-d")
        say(
            "12 services in 4 levels up",
            f"{up:.3f} s",
            f"{up / floor:.2f} x the floor of {floor:.3f} s (path {path} s)",
        )
        measure_crash(made)
        measure_idle(made)
        down = made.run("down")
        say("… down", f"{down:.3f} s", f"{down / (LEVELS * STOP_SECONDS):.2f} x the path of {LEVELS * STOP_SECONDS} s")


def measure_crash(made: Stack) -> None:
    """Kill one service and wait until the supervisor has verified the next one."""
    from devctl.paths import StackPaths
    from devctl.session.connect import connect

    os.environ["XDG_RUNTIME_DIR"] = made.environ["XDG_RUNTIME_DIR"]
    client = connect(StackPaths(made.folder))
    assert client is not None
    with client:
        pid = next(s["instances"][0]["pid"] for s in client.status()["services"] if s["name"] == "s30")
        items = client.watch()
        next(items)
        began = time.perf_counter()
        os.kill(pid, signal.SIGKILL)
        for item in items:
            if item.get("event", {}).get("type") == "instance_ready":
                break
        took = time.perf_counter() - began
    say(
        "crash to verified healthy",
        f"{(took - READY_SECONDS) * 1000:.0f} ms",
        f"without the {READY_SECONDS} s of the service",
    )


def measure_idle(made: Stack) -> None:
    """CPU and memory of supervisor and keeper while twelve checks a second are asked."""
    status = made.status()
    pids = [status[name]["pid"] for name in ("supervisor", "keeper")]  # type: ignore[index]
    before = sum(cpu_seconds(pid) for pid in pids)
    time.sleep(IDLE_SECONDS)
    used = sum(cpu_seconds(pid) for pid in pids) - before
    say("idle, 12 checks a second", f"{100 * used / IDLE_SECONDS:.2f} %", "of a core, supervisor and keeper")
    say("… memory", f"{sum(pss_mebibytes(pid) for pid in pids):.1f} MiB", "PSS, supervisor and keeper")


def measure_many(count: int) -> None:
    """Up and down of services that only sleep."""
    floor = floor_of_spawns(count)
    with stack(sleeping(count)) as made:
        up = made.run("up", "-d")
        down = made.run("down")
    say(f"{count} services up, from the command's start", f"{up:.3f} s", f"bare spawns: {floor:.3f} s")
    say("… down", f"{down:.3f} s")


def main() -> None:
    """Measure everything once."""
    measure_layers()
    measure_many(100)
    measure_many(300)


if __name__ == "__main__":
    main()
