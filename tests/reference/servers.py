"""The real programs and their emulators, each started on ports of its own, ready to be asked the same things."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from devctl.errors import EnvironmentProblem
from devctl.products import toolbox
from devctl.products.kafka import properties
from devctl.record.span_writer import SpanWriter
from tests.reference.go_programs import NotBuildable
from tests.reference.running import HTTP, accepts, answers_http, emulator, free_ports, running
from tests.waiting import eventually

NODE = "devctl"


@contextlib.contextmanager
def real_consul_at(program: Path, folder: Path) -> Iterator[str]:
    """Run a real Consul in memory; give its address."""
    http, server, serf = free_ports(3)
    command: list[str | Path] = [
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
    """Run the emulator of Consul; give its address."""
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    ready = f"{url}/v1/status/leader"
    with running(emulator("consul", port, data), lambda: answers_http(ready), folder / "embedded-consul.log"):
        yield url


@contextlib.contextmanager
def real_kafka(folder: Path) -> Iterator[str]:
    """Run a real Kafka as devctl's recipe would; give its address. Raises NotBuildable where there can be none."""
    try:
        java, jars = (toolbox.fetch(name, lambda _: None).path for name in ("java", "kafka"))
    except EnvironmentProblem as reason:
        raise NotBuildable(str(reason)) from reason
    home = folder / "kafka"
    home.mkdir()
    port, *others = free_ports(3)
    broker, internal, controller = (f"127.0.0.1:{number}" for number in (port, *others))
    config, logging = home / "server.properties", home / "log4j2.yaml"
    config.write_text(properties.server(properties.Addresses(broker, internal, controller), str(home / "data"), {}))
    logging.write_text(properties.logging("WARN"))
    command: list[str | Path] = [
        *(sys.executable, "-m", "devctl.products.kafka.start", "--java", java, "--jars", jars, "--broker", broker),
        *("--config", config, "--logging", logging, "--data", home / "data"),
    ]
    with running(command, lambda: accepts(port), folder / "kafka.log", within=60.0):
        yield broker


@contextlib.contextmanager
def embedded_kafka(folder: Path, *more: str, port: int = 0) -> Iterator[str]:
    """Run the emulator broker; give its address."""
    port = port or free_ports(1)[0]
    command = emulator("kafka", port, folder / "broker", *more)
    with running(command, lambda: accepts(port), folder / "embedded-kafka.log"):
        yield f"127.0.0.1:{port}"


@contextlib.contextmanager
def real_jaeger_at(program: Path, folder: Path, batches: Sequence[ExportTraceServiceRequest]) -> Iterator[str]:
    """Run a real Jaeger all-in-one in memory, fed with the batches; give the address of its page and API."""
    names = (
        *("query.http-server", "query.grpc-server", "collector.otlp.http", "collector.otlp.grpc"),
        *("collector.http-server", "collector.grpc-server", "admin.http", "http-server"),
    )
    old = ("jaeger-compact", "jaeger-binary", "zipkin-compact")
    numbers = free_ports(len(names) + len(old))
    ports = dict(zip(names, numbers, strict=False))
    command: list[str | Path] = [
        str(program),
        *(f"--{name}.host-port=127.0.0.1:{port}" for name, port in ports.items()),
        *(
            f"--processor.{name}.server-host-port=127.0.0.1:{port}"
            for name, port in zip(old, numbers[-3:], strict=True)
        ),
    ]
    url = f"http://127.0.0.1:{ports['query.http-server']}"
    quiet = {"SPAN_STORAGE_TYPE": "memory", "OTEL_TRACES_SAMPLER": "always_off", "LOG_LEVEL": "warn"}
    ready = f"http://127.0.0.1:{ports['admin.http']}/"
    with running(command, lambda: answers_http(ready), folder / "jaeger.log", environment=quiet):
        for batch in batches:
            answer = HTTP.post(
                f"http://127.0.0.1:{ports['collector.otlp.http']}/v1/traces",
                content=batch.SerializeToString(),
                headers={"Content-Type": "application/x-protobuf"},
            )
            answer.raise_for_status()
        total = sum(
            len(scoped.spans) for batch in batches for group in batch.resource_spans for scoped in group.scope_spans
        )
        eventually(lambda: _spans_saved(ready) >= total, what="all spans stored")
        yield url


def _spans_saved(admin: str) -> int:
    lines = HTTP.get(f"{admin}metrics").text.splitlines()
    saved = [line for line in lines if line.startswith("jaeger_collector_spans_saved_by_svc_total")]
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in saved)


@contextlib.contextmanager
def embedded_jaeger(folder: Path, batches: Sequence[ExportTraceServiceRequest]) -> Iterator[str]:
    """Run the emulator of Jaeger over a record that holds the batches; give its address."""
    record = folder / "record.db"
    writer = SpanWriter(record)
    writer.begin()
    for batch in batches:
        writer.add(batch.resource_spans)
    writer.commit()
    writer.close()
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    command = emulator("jaeger", port, None, "--record", str(record))
    with running(command, lambda: answers_http(f"{url}/api/services"), folder / "embedded-jaeger.log"):
        yield url
