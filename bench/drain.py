"""How fast one consumer of the shop works off what has piled up: each event in its own transaction, and in batches.

`python -m bench.drain` fills a topic of the embedded Kafka with payments of orders that wait for them, and lets the
consumer of the order service take them in, in turns of both kinds within one run.
"""

import asyncio
import contextlib
import json
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.brokers import free_port
from services.common.events.consumer import AT_ONCE, Consumer, ServiceParts
from services.common.events.event import Event, Message, to_message
from services.common.events.kafka import KafkaBroker
from services.common.runtime import logs
from services.common.runtime.clock import utc_now
from services.common.runtime.ids import new_id
from services.common.runtime.settings import Environment, Settings
from services.common.service import Runtime
from services.order import consumers, domain
from services.order.adapters import SqlOrders
from services.order.app import SERVICE

MESSAGES = 1000
ROUNDS = 3
TOPIC = consumers.TOPICS[0]
_START_SECONDS, _DRAIN_SECONDS = 20.0, 300.0


def main() -> int:
    """Measure and print one line a figure."""
    logs.configure("off")
    rates: dict[int, list[float]] = {1: [], AT_ONCE: []}
    spent: dict[int, list[float]] = {1: [], AT_ONCE: []}
    for _ in range(ROUNDS):
        for at_once in rates:
            with tempfile.TemporaryDirectory() as folder, _kafka(Path(folder)) as address:
                rate, cpu = asyncio.run(_drain(address, Path(folder), at_once))
                rates[at_once].append(rate)
                spent[at_once].append(cpu)
    for at_once, measured in rates.items():
        rate, cpu = statistics.median(measured), statistics.median(spent[at_once])
        print(f"drained, {at_once:>2} at once          {rate:8.0f} messages/s, {cpu * 1000:6.2f} ms CPU each")
    ratio = statistics.median(b / a for a, b in zip(rates[1], rates[AT_ONCE], strict=True))
    print(f"  in batches               {ratio:8.2f} times as fast")
    return 0


async def _drain(address: str, folder: Path, at_once: int) -> tuple[float, float]:
    """Return messages a second, and seconds of CPU for each (client, effects and database; not the broker)."""
    env = Environment({"DATA_DIR": str(folder / "order"), "KAFKA_BOOTSTRAP_SERVERS": address})
    runtime = Runtime(SERVICE, Settings.read("order", env))
    await runtime.database.migrate()
    store = SqlOrders(runtime.database, runtime.outbox)
    await _pile_up(address, runtime, store)
    begun, drained, left = asyncio.Event(), asyncio.Event(), MESSAGES

    async def deliver(messages: Sequence[Message]) -> None:
        nonlocal left
        begun.set()
        await consumer.deliver(messages)
        left -= len(messages)
        if left <= 0:
            drained.set()

    parts = ServiceParts(runtime.database, runtime.broker, runtime.metrics, runtime.telemetry.tracer, runtime.log)
    consumer = Consumer([TOPIC], "order", consumers.build(store, utc_now), parts, before_delivery=_nothing)
    broker = KafkaBroker(address, "bench", "bench", runtime.metrics, runtime.log)
    broker.subscribe([TOPIC], "order", deliver, at_once)
    await broker.start()
    async with asyncio.timeout(_DRAIN_SECONDS):
        await begun.wait()  # the time until the group has its partitions is another figure
        began, cpu = time.perf_counter(), time.process_time()
        await drained.wait()
    seconds, cpu_seconds = time.perf_counter() - began, time.process_time() - cpu
    await broker.close()
    await runtime.database.close()
    return MESSAGES / seconds, cpu_seconds / MESSAGES


async def _nothing() -> None:
    """Hold nothing up."""


async def _pile_up(address: str, runtime: Runtime, store: SqlOrders) -> None:
    """Store orders that wait for their payment, and publish the payments."""
    line = domain.Line("pot", "Pot", 1, 100)
    placed = [domain.place_order(new_id(), "ada", (line,), "EUR", None, utc_now()) for _ in range(MESSAGES)]
    async with store.begin() as tx:
        for change in placed:
            await tx.insert(change)
    broker = KafkaBroker(address, "filling", "filling", runtime.metrics, runtime.log)
    await broker.start()
    payments = (
        Event("payment.succeeded", TOPIC, change.order.id, {"orderId": change.order.id}, source="/bench")
        for change in placed
    )
    await asyncio.gather(*(broker.publish(to_message(payment)) for payment in payments))
    await broker.close()


@contextlib.contextmanager
def _kafka(folder: Path) -> Iterator[str]:
    port = free_port()
    address = f"127.0.0.1:{port}"
    command = [sys.executable, "-m", "devctl.embedded.kafka", "--listen", address, "--data", str(folder / "kafka")]
    broker = subprocess.Popen([*command, "--topics", json.dumps({TOPIC: 6})], stdout=subprocess.DEVNULL)
    try:
        ends_at = time.monotonic() + _START_SECONDS
        while not _listens(port):
            if time.monotonic() > ends_at:
                raise SystemExit("the broker does not start")
            time.sleep(0.05)
        yield address
    finally:
        broker.terminate()
        broker.wait(10)


def _listens(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


if __name__ == "__main__":
    sys.exit(main())
