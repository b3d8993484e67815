"""The state of the broker and what every group of requests needs of it; answers no request itself."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devctl.embedded.journal import Journal
from devctl.embedded.kafka.groups import Coordinator
from devctl.embedded.kafka.store import Offsets, Topics
from devctl.embedded.kafka.transactions import Transactions
from devctl.embedded.process import Address
from devctl.wire.kafka.schema import Message

NODE = 1
CLUSTER = "devctl-embedded-kafka-stand-in"
MOST_BATCH_BYTES = 1_048_588
KEEP_BYTES = 128 << 20


@dataclass(frozen=True)
class Request:
    """One request: its message, its version, and who asks."""

    body: Message
    version: int
    client: str
    host: str


# Answers at once, or with what has to be awaited. Produce without acknowledgement has no answer.
Handler = Callable[[Request], Message | Coroutine[Any, Any, Message] | None]


class Broker:
    """Topics, committed offsets, groups and transactions of the one node."""

    def __init__(self, data: Path, advertised: Address, auto_create: int = 0, keep_bytes: int = KEEP_BYTES) -> None:
        self.advertised = advertised
        self.auto_create = auto_create
        self.keep_bytes = keep_bytes
        self.topics = Topics(data / "topics", keep_bytes)
        self.offsets = Offsets(data / "offsets.jsonl")
        self.groups = Coordinator()
        self.transactions = Transactions(Journal(data / "transactions.jsonl"), self.topics, self.offsets)

    def declare(self, topics: dict[str, int]) -> None:
        """Make the topics of the manifest; one that is there gets more partitions, never fewer."""
        for name, partitions in topics.items():
            self.topics.grow(name, partitions)

    def close(self) -> None:
        """Write everything through to the disk."""
        self.topics.close()
        self.offsets.close()
        self.transactions.close()


def now_ms() -> int:
    """Return the time in milliseconds since the epoch."""
    return int(time.time() * 1000)
