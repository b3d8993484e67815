"""The real programs and their stand-ins, each started on ports of its own, ready to be asked the same things."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from devctl.errors import EnvironmentProblem
from devctl.recipes import kafka_config
from devctl.tools import finder
from tests.reference.go_programs import NotBuildable
from tests.reference.running import accepts, answers_http, free_ports, running, stand_in

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


@contextlib.contextmanager
def real_kafka(folder: Path) -> Iterator[str]:
    """Run a real Kafka as devctl's recipe would; give its address. Raises NotBuildable where there can be none."""
    try:
        java, jars = (finder.fetch(name, lambda _: None).path for name in ("java", "kafka"))
    except EnvironmentProblem as reason:
        raise NotBuildable(str(reason)) from reason
    home = folder / "kafka"
    home.mkdir()
    port, controller = free_ports(2)
    broker = f"127.0.0.1:{port}"
    config, logging = home / "server.properties", home / "log4j2.yaml"
    config.write_text(kafka_config.properties(broker, f"127.0.0.1:{controller}", str(home / "data"), {}))
    logging.write_text(kafka_config.logging("WARN"))
    command = [
        *(sys.executable, "-m", "devctl.tools.start_kafka", "--java", java, "--jars", jars, "--broker", broker),
        *("--config", config, "--logging", logging, "--data", home / "data"),
    ]
    with running(command, lambda: accepts(port), folder / "kafka.log", within=60.0):
        yield broker


@contextlib.contextmanager
def embedded_kafka(folder: Path, *more: str, port: int = 0) -> Iterator[str]:
    """Run the stand-in broker; give its address."""
    port = port or free_ports(1)[0]
    command = stand_in("kafka", port, folder / "broker", *more)
    with running(command, lambda: accepts(port), folder / "embedded-kafka.log"):
        yield f"127.0.0.1:{port}"
