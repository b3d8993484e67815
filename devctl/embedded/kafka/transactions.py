"""The coordinator of transactions: producer ids and epochs, what each transaction has touched, its end.

A transaction that was open when the broker died is aborted at the next start.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from devctl.embedded.journal import Journal
from devctl.embedded.kafka.store import Committed, Offsets, Topics
from devctl.wire.kafka.messages import Error

LAST_EPOCH = 32_000
LONGEST_TIMEOUT_MS = 900_000


@dataclass
class Transaction:
    """What is known under one transactional id; `ending` is commit, abort or empty."""

    id: str
    producer: int
    epoch: int
    timeout_ms: int
    open: bool = False
    ending: str = ""
    last_end: str = ""
    partitions: set[tuple[str, int]] = field(default_factory=set)
    offsets: dict[tuple[str, str, int], Committed] = field(default_factory=dict)
    timer: asyncio.TimerHandle | None = None


class Transactions:
    """All transactional ids, kept in a journal so that no commit is half done after a crash."""

    def __init__(self, journal: Journal, topics: Topics, offsets: Offsets, now: Callable[[], float] = time.time):
        self._journal = journal
        self._topics = topics
        self._offsets = offsets
        self._now = now
        self._next_producer = int(now() * 1000) << 10
        self._known = {key[0]: _loaded(key[0], value) for key, value in journal.entries.items()}
        for transaction in self._known.values():
            if transaction.open:
                self._finish(transaction, commit=transaction.ending == "commit")

    def begin_producer(self, id: str | None, timeout_ms: int) -> tuple[Error, int, int]:
        """Give a producer its id and epoch; older holders of the transactional id are fenced."""
        if id is None:
            return Error.NONE, self._fresh_producer(), 0
        if not id:
            return Error.INVALID_REQUEST, -1, -1
        if not 0 < timeout_ms <= LONGEST_TIMEOUT_MS:
            return Error.INVALID_TRANSACTION_TIMEOUT, -1, -1
        known = self._known.get(id)
        if known is not None and known.open:
            self._finish(known, commit=False)
        if known is None or known.epoch >= LAST_EPOCH:
            known = Transaction(id, self._fresh_producer(), -1, timeout_ms)
        known.epoch, known.timeout_ms, known.last_end = known.epoch + 1, timeout_ms, ""
        self._known[id] = known
        self._save(known)
        return Error.NONE, known.producer, known.epoch

    def check(self, id: str | None, producer: int, epoch: int) -> Error:
        """Tell whether this producer holds the transactional id now."""
        known = self._known.get(id or "")
        if known is None or known.producer != producer:
            return Error.INVALID_PRODUCER_ID_MAPPING
        return Error.NONE if known.epoch == epoch else Error.INVALID_PRODUCER_EPOCH

    def may_write(self, id: str | None, producer: int, epoch: int, topic: str, partition: int) -> Error:
        """Tell whether a transactional batch may be written to this partition."""
        error = self.check(id, producer, epoch)
        if error is not Error.NONE:
            return error
        known = self._known[id or ""]
        return Error.NONE if known.open and (topic, partition) in known.partitions else Error.INVALID_TXN_STATE

    def add_partitions(self, id: str, partitions: set[tuple[str, int]]) -> None:
        """Take partitions into the open transaction, opening it when none is."""
        known = self._begin(id)
        if not partitions <= known.partitions:
            known.partitions |= partitions
            self._save(known)

    def add_offsets(self, id: str) -> None:
        """Note that offsets of a group will be part of the transaction."""
        self._begin(id)

    def commit_offset(self, id: str, group: str, topic: str, partition: int, committed: Committed) -> Error:
        """Hold an offset back until the transaction commits."""
        known = self._known[id]
        if not known.open:
            return Error.INVALID_TXN_STATE
        known.offsets[group, topic, partition] = committed
        return Error.NONE

    def end(self, id: str, commit: bool) -> Error:
        """Commit or abort the open transaction; asking the same twice is no mistake."""
        known = self._known[id]
        word = "commit" if commit else "abort"
        if not known.open:
            return Error.NONE if known.last_end == word else Error.INVALID_TXN_STATE
        known.ending = word
        self._save(known)
        self._finish(known, commit)
        return Error.NONE

    def close(self) -> None:
        """Write the journal through to the disk."""
        self._journal.close()

    def _begin(self, id: str) -> Transaction:
        known = self._known[id]
        if not known.open:
            known.open, known.last_end = True, ""
            known.timer = asyncio.get_running_loop().call_later(known.timeout_ms / 1000, self._time_out, known)
            self._save(known)
        return known

    def _time_out(self, known: Transaction) -> None:
        if known.open:
            self._finish(known, commit=False)
            known.epoch += 1
            self._save(known)

    def _finish(self, known: Transaction, commit: bool) -> None:
        for topic, index in sorted(known.partitions):
            partition = self._topics.find(topic, index)
            if partition is not None:
                partition.end_transaction(known.producer, known.epoch, commit, int(self._now() * 1000))
        if commit:
            for (group, topic, index), committed in known.offsets.items():
                self._offsets.commit(group, topic, index, committed)
        if known.timer is not None:
            known.timer.cancel()
        known.open, known.ending, known.last_end = False, "", "commit" if commit else "abort"
        known.partitions, known.offsets, known.timer = set(), {}, None
        self._save(known)

    def _fresh_producer(self) -> int:
        self._next_producer += 1
        return self._next_producer

    def _save(self, known: Transaction) -> None:
        offsets = [[*key, value.offset, value.metadata] for key, value in known.offsets.items()]
        state = {
            "producer": known.producer,
            "epoch": known.epoch,
            "timeout": known.timeout_ms,
            "open": known.open,
            "ending": known.ending,
            "last": known.last_end,
            "partitions": sorted(known.partitions),
            "offsets": offsets,
        }
        self._journal.put((known.id,), state)


def _loaded(id: str, state: dict[str, object]) -> Transaction:
    partitions, offsets = state["partitions"], state["offsets"]
    assert isinstance(partitions, list)
    assert isinstance(offsets, list)
    known = Transaction(id, _int(state["producer"]), _int(state["epoch"]), _int(state["timeout"]))
    known.open, known.ending, known.last_end = bool(state["open"]), str(state["ending"]), str(state["last"])
    known.partitions = {(topic, index) for topic, index in partitions}
    known.offsets = {(group, topic, index): Committed(at, note) for group, topic, index, at, note in offsets}
    return known


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
