"""`python -m devctl.embedded.kafka --listen HOST:PORT --data DIR --topics JSON`: run the emulator broker."""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from devctl.embedded.kafka.broker import KEEP_BYTES, Broker
from devctl.embedded.kafka.server import Server
from devctl.embedded.kafka.store import MOST_PARTITIONS, legal
from devctl.embedded.process import Address, Log, address, parser, private_folder, until_told_to_stop

NAME = "devctl's embedded emulator of Apache Kafka"
DEFAULT_PARTITIONS = 1


def topics(text: str) -> dict[str, int]:
    """Read `{"NAME": {"partitions": N}}`, or `{"NAME": N}`, given as JSON or as a path to a file with it."""
    try:
        settings = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text())
        return {name: _partitions(name, value) for name, value in settings.items()}
    except (OSError, ValueError, AttributeError) as failure:
        raise argparse.ArgumentTypeError(f"--topics: {failure}") from failure


def _partitions(name: str, value: Any) -> int:
    count = (value or {}).get("partitions", DEFAULT_PARTITIONS) if not isinstance(value, int) else value
    if not legal(name) or not isinstance(count, int) or not 0 < count <= MOST_PARTITIONS:
        raise ValueError(f"topic {name!r} with {count!r} partitions: a legal name and 1 to {MOST_PARTITIONS} please")
    return count


def alone_in(data: Path) -> bool:
    """Lock the folder for this process, as long as it lives; False when another one has it."""
    lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def serve(
    listen: Address, advertised: Address | None, data: Path, declared: dict[str, int], auto_create: int, keep_bytes: int
) -> int:
    """Run until told to stop; give the exit code. Clients are told to come to `advertised`, else to `listen`."""
    log = Log(NAME)
    if not alone_in(data):
        log.error("another broker uses this folder", data=str(data))
        return 3
    reachable = Address("127.0.0.1" if listen.host in ("0.0.0.0", "::") else listen.host, listen.port)  # noqa: S104
    broker = Broker(data, advertised or reachable, auto_create, keep_bytes)
    broker.declare(declared)
    server = Server(broker, log)
    try:
        await server.start(listen.host, listen.port)
    except OSError as failure:
        log.error("cannot listen", address=str(listen), reason=failure.strerror or str(failure))
        return 3
    log.info(f"{NAME} listens", address=str(listen), data=str(data), topics=len(broker.topics.names()))
    await until_told_to_stop()
    await server.stop()
    broker.close()
    log.info("stopped")
    return 0


def main(arguments: list[str]) -> int:
    """Read the arguments and run; give the exit code."""
    options = parser("kafka", f"{NAME}: one node, its log on disk.")
    options.add_argument("--topics", type=topics, default={}, metavar="JSON", help="topics with their partitions")
    options.add_argument(
        "--auto-create", type=int, default=0, metavar="N", help="make unknown topics with N partitions (0: never)"
    )
    options.add_argument(
        "--keep-bytes", type=int, default=KEEP_BYTES, metavar="N", help="bytes that a partition keeps (128 MiB)"
    )
    options.add_argument("--advertise", type=address, metavar="HOST:PORT", help="where clients are told to come")
    args = options.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="devctl-kafka-") as scratch:
        data = private_folder(args.data or Path(scratch))
        return asyncio.run(serve(args.listen, args.advertise, data, args.topics, args.auto_create, args.keep_bytes))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
