"""Kafka from its jars beside devctl's embedded broker: start, memory, idle CPU, messages a second, latency.

`python -m bench.brokers [--messages N]` prints one line a figure. Both run as their recipe starts them.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from devctl.core.spec import Variant, substitute
from devctl.products import find, toolbox
from devctl.products.base import Context
from devctl.products.kafka.recipe import Topic

TOPIC = "bench.message.v1"
PARTITIONS = 6
IDLE_SECONDS = 10.0
READY_SECONDS = 120.0
PINGS = 300
CLIENT = {"log_level": "0", "reconnect.backoff.ms": "20", "reconnect.backoff.max.ms": "100"}


@dataclass
class Broker:
    """A broker that answers, and how long it took from its spawn on."""

    process: psutil.Process
    address: str
    start_seconds: float

    def mebibytes(self) -> float:
        """Return the proportional set size."""
        return float(self.process.memory_full_info().pss) / (1 << 20)

    def cpu_seconds(self) -> float:
        times = self.process.cpu_times()
        return float(times.user + times.system)


def expanded(kind: str, home: Path) -> Variant:
    """Return the variant of Kafka's recipe with one topic."""
    product = find("kafka")
    assert product is not None
    context = Context("kafka", str(home), str(home / "kafka"), sys.executable, {}, lambda _: "", lambda _: [])
    return product.variants[kind].expand(product.settings(topics={TOPIC: Topic(PARTITIONS)}), context)


@contextlib.contextmanager
def running(variant: Variant, ports: dict[str, int]) -> Iterator[Broker]:
    """Start the variant and wait until it names its topic."""
    variables = {f"services.kafka.{name}": f"127.0.0.1:{number}" for name, number in ports.items()}
    variables["services.kafka.broker.advertised"] = variables["services.kafka.broker"]
    variables |= {f"tools.{name}": toolbox.fetch(name, lambda _: None).path for name in variant.tools}
    for folder in variant.folders:
        Path(folder).mkdir(parents=True, exist_ok=True)
    for file in variant.files:
        Path(substitute(file.path, variables)).write_text(substitute(file.content, variables))
    began = time.perf_counter()
    process = subprocess.Popen(
        [substitute(word, variables) for word in variant.argv],
        cwd=variant.working_dir,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait(variables["services.kafka.broker"])
        yield Broker(psutil.Process(process.pid), variables["services.kafka.broker"], time.perf_counter() - began)
    finally:
        process.terminate()
        process.wait(30)


def _wait(address: str) -> None:
    client = AdminClient({"bootstrap.servers": address, **CLIENT})
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        with contextlib.suppress(KafkaException):
            if TOPIC in client.list_topics(timeout=1).topics:
                return
        time.sleep(0.01)
    raise TimeoutError(f"no topic at {address} within {READY_SECONDS:.0f} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def producer(broker: Broker, **more: object) -> Producer:
    return Producer({"bootstrap.servers": broker.address, "enable.idempotence": True, **CLIENT, **more})


def consumer(broker: Broker, group: str) -> Consumer:
    made = Consumer({"bootstrap.servers": broker.address, "group.id": group, "auto.offset.reset": "earliest", **CLIENT})
    made.subscribe([TOPIC])
    return made


def produce(broker: Broker, count: int) -> float:
    """Return how many messages of 200 bytes are acknowledged a second."""
    sender = producer(broker, **{"linger.ms": 5, "queue.buffering.max.messages": 200_000})
    began = time.perf_counter()
    for number in range(count):
        while True:
            try:
                sender.produce(TOPIC, b"x" * 200, key=str(number % 1000))
                break
            except BufferError:
                sender.poll(0.05)
    sender.flush(120)
    return count / (time.perf_counter() - began)


def consume(broker: Broker, count: int) -> float:
    """Return how many messages a second a new group takes in, from its first one on."""
    taker = consumer(broker, "bench")
    taken = len(taker.consume(1, 30))
    began = time.perf_counter()
    while taken < count and time.perf_counter() - began < 120:
        taken += len(taker.consume(5000, 1))
    taker.close()
    return taken / (time.perf_counter() - began)


def latency(broker: Broker) -> tuple[float, float]:
    """Return the median and 99th percentile in ms from handing a message over until another client has it."""
    taker = consumer(broker, f"ping-{time.time_ns()}")
    sender = producer(broker, **{"linger.ms": 0})
    while taker.consume(10_000, 1):
        continue
    times = []
    for _ in range(PINGS):
        began = time.perf_counter()
        sender.produce(TOPIC, b"ping")
        sender.poll(0)
        while not taker.consume(1, 1):
            continue
        times.append((time.perf_counter() - began) * 1e3)
    taker.close()
    return statistics.median(times), sorted(times)[int(0.99 * len(times))]


def idle_percent(broker: Broker) -> float:
    """Return the CPU of one core that a broker with nothing to do takes."""
    before = broker.cpu_seconds()
    time.sleep(IDLE_SECONDS)
    return (broker.cpu_seconds() - before) / IDLE_SECONDS * 100


def measure(kind: str, messages: int) -> None:
    """Print every figure of one variant."""
    with tempfile.TemporaryDirectory() as folder:
        variant = expanded(kind, Path(folder))
        ports = {"broker": free_port(), **{port.name: free_port() for port in variant.ports}}
        with running(variant, ports) as first:
            say(kind, "first start", f"{first.start_seconds:.2f} s")
        with running(variant, ports) as broker:
            say(kind, "start", f"{broker.start_seconds:.2f} s")
            say(kind, "idle", f"{idle_percent(broker):.1f} % of a core, {broker.mebibytes():.0f} MiB")
            say(kind, "produced", f"{produce(broker, messages):,.0f} messages/s")
            say(kind, "consumed", f"{consume(broker, messages):,.0f} messages/s")
            middle, late = latency(broker)
            say(kind, "latency", f"{middle:.2f} ms median, {late:.2f} ms at 99 %")
            say(kind, "after that", f"{broker.mebibytes():.0f} MiB")


def say(kind: str, what: str, figure: str) -> None:
    print(f"  {kind:9} {what:12} {figure}", flush=True)


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(prog="python -m bench.brokers")
    parser.add_argument("--messages", type=int, default=200_000)
    options = parser.parse_args()
    for kind in ("native", "embedded"):
        measure(kind, options.messages)


if __name__ == "__main__":
    main()
