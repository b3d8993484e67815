"""What each producer wrote last to a partition, by which a batch that is sent again is known (KIP-98)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from devctl.embedded.kafka.batch import Header
from devctl.wire.kafka.messages import Error

REMEMBERED_PRODUCERS = 1000
REMEMBERED_SEQUENCES = 5


@dataclass
class Producer:
    """What one producer wrote last here: its epoch and its latest batches as (first, last, offset)."""

    epoch: int
    recent: list[tuple[int, int, int]] = field(default_factory=list)


class Producers:
    """The producers of one partition, those that wrote last at the end."""

    def __init__(self) -> None:
        self._by_id: dict[int, Producer] = {}

    def judge(self, head: Header) -> tuple[Error, int]:
        """Tell whether a batch fits what its producer wrote before; a repeated one gives its old offset."""
        if head.producer < 0 or head.control:
            return Error.NONE, -1
        producer = self._by_id.get(head.producer)
        if producer is None or head.epoch > producer.epoch:
            return (Error.NONE, -1) if producer is None or head.sequence == 0 else (_OUT_OF_ORDER, -1)
        if head.epoch < producer.epoch:
            return Error.INVALID_PRODUCER_EPOCH, -1
        last = head.sequence + head.last_delta
        for first, latest, offset in producer.recent:
            if (first, latest) == (head.sequence, last):
                return Error.NONE, offset
        expected = _after(producer.recent[-1][1]) if producer.recent else 0
        return (Error.NONE, -1) if head.sequence == expected else (_OUT_OF_ORDER, -1)

    def learn(self, head: Header) -> None:
        """Remember a batch that is in the log now."""
        producer = self._by_id.pop(head.producer, None)
        if producer is None or producer.epoch != head.epoch:
            producer = Producer(head.epoch)
        producer.recent.append((head.sequence, head.sequence + head.last_delta, head.base_offset))
        del producer.recent[:-REMEMBERED_SEQUENCES]
        self._by_id[head.producer] = producer
        while len(self._by_id) > REMEMBERED_PRODUCERS:
            del self._by_id[next(iter(self._by_id))]

    def state(self) -> dict[int, list[Any]]:
        """Return what `load` takes back, as JSON."""
        return {key: [producer.epoch, producer.recent] for key, producer in self._by_id.items()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` said."""
        for key, (epoch, recent) in state.items():
            self._by_id[int(key)] = Producer(epoch, [(item[0], item[1], item[2]) for item in recent])


_OUT_OF_ORDER = Error.OUT_OF_ORDER_SEQUENCE_NUMBER


def _after(sequence: int) -> int:
    return 0 if sequence >= 0x7FFFFFFF else sequence + 1
