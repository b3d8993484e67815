"""The real programs and their stand-ins, each started on ports of its own, ready to be asked the same things."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.reference.running import answers_http, free_ports, running, stand_in

NODE = "devctl"


@contextlib.contextmanager
def real_consul_at(program: Path, folder: Path) -> Iterator[str]:
    """Run a real Consul in memory; give its address."""
    http, server, serf = free_ports(3)
    command = [
        *(program, "agent", "-dev", "-bind=127.0.0.1", "-client=127.0.0.1", f"-node={NODE}", "-log-level=warn"),
        *(f"-http-port={http}", f"-server-port={server}", f"-serf-lan-port={serf}"),
        *("-serf-wan-port=-1", "-dns-port=-1", "-grpc-port=-1"),
    ]
    url = f"http://127.0.0.1:{http}"

    def ready() -> bool:
        return answers_http(f"{url}/v1/health/node/{NODE}", lambda response: "serfHealth" in response.text)

    with running(command, ready, folder / "consul.log"):
        yield url


@contextlib.contextmanager
def embedded_consul(folder: Path, data: Path | None = None) -> Iterator[str]:
    """Run the stand-in for Consul; give its address."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    ready = f"{url}/v1/status/leader"
    with running(stand_in("consul", port, data), lambda: answers_http(ready), folder / "embedded-consul.log"):
        yield url
