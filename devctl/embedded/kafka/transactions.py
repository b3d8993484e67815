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
        self._transactions = {key[0]: _loaded(key[0], value) for key, value in journal.entries.items()}
        for transaction in self._transactions.values():
            if transaction.open:
                self._finish(transaction, commit=transaction.ending == "commit")

    def begin_producer(self, id: str | None, timeout_ms: int) -> tuple[Error, int, int]:
        """Return a producer its id and epoch; older holders of the transactional id are fenced."""
        if id is None:
            return Error.NONE, self._fresh_producer(), 0
        if not id:
            return Error.INVALID_REQUEST, -1, -1
        if not 0 < timeout_ms <= LONGEST_TIMEOUT_MS:
            return Error.INVALID_TRANSACTION_TIMEOUT, -1, -1
        transaction = self._transactions.get(id)
        if transaction is not None and transaction.open:
            self._finish(transaction, commit=False)
        if transaction is None or transaction.epoch >= LAST_EPOCH:
            transaction = Transaction(id, self._fresh_producer(), -1, timeout_ms)
        transaction.epoch, transaction.timeout_ms, transaction.last_end = transaction.epoch + 1, timeout_ms, ""
        self._transactions[id] = transaction
        self._save(transaction)
        return Error.NONE, transaction.producer, transaction.epoch

    def check(self, id: str | None, producer: int, epoch: int) -> Error:
        """Tell whether this producer holds the transactional id now."""
        transaction = self._transactions.get(id or "")
        if transaction is None or transaction.producer != producer:
            return Error.INVALID_PRODUCER_ID_MAPPING
        return Error.NONE if transaction.epoch == epoch else Error.INVALID_PRODUCER_EPOCH

    def may_write(self, id: str | None, producer: int, epoch: int, topic: str, partition: int) -> Error:
        """Tell whether a transactional batch may be written to this partition."""
        error = self.check(id, producer, epoch)
        if error is not Error.NONE:
            return error
        transaction = self._transactions[id or ""]
        return (
            Error.NONE if transaction.open and (topic, partition) in transaction.partitions else Error.INVALID_TXN_STATE
        )

    def add_partitions(self, id: str, partitions: set[tuple[str, int]]) -> None:
        """Add partitions to the open transaction, opening it when none is."""
        transaction = self._begin(id)
        if not partitions <= transaction.partitions:
            transaction.partitions |= partitions
            self._save(transaction)

    def add_offsets(self, id: str) -> None:
        """Record that offsets of a group will be part of the transaction."""
        self._begin(id)

    def commit_offset(self, id: str, group: str, topic: str, partition: int, committed: Committed) -> Error:
        """Keep an offset back until the transaction commits."""
        transaction = self._transactions[id]
        if not transaction.open:
            return Error.INVALID_TXN_STATE
        transaction.offsets[group, topic, partition] = committed
        return Error.NONE

    def end(self, id: str, commit: bool) -> Error:
        """Commit or abort the open transaction; asking the same twice is no mistake."""
        transaction = self._transactions[id]
        word = "commit" if commit else "abort"
        if not transaction.open:
            return Error.NONE if transaction.last_end == word else Error.INVALID_TXN_STATE
        transaction.ending = word
        self._save(transaction)
        self._finish(transaction, commit)
        return Error.NONE

    def close(self) -> None:
        """Write the journal through to the disk."""
        self._journal.close()

    def _begin(self, id: str) -> Transaction:
        transaction = self._transactions[id]
        if not transaction.open:
            transaction.open, transaction.last_end = True, ""
            transaction.timer = asyncio.get_running_loop().call_later(
                transaction.timeout_ms / 1000, self._time_out, transaction
            )
            self._save(transaction)
        return transaction

    def _time_out(self, transaction: Transaction) -> None:
        if transaction.open:
            self._finish(transaction, commit=False)
            transaction.epoch += 1
            self._save(transaction)

    def _finish(self, transaction: Transaction, commit: bool) -> None:
        for topic, index in sorted(transaction.partitions):
            partition = self._topics.find(topic, index)
            if partition is not None:
                partition.end_transaction(transaction.producer, transaction.epoch, commit, int(self._now() * 1000))
        if commit:
            for (group, topic, index), committed in transaction.offsets.items():
                self._offsets.commit(group, topic, index, committed)
        if transaction.timer is not None:
            transaction.timer.cancel()
        transaction.open, transaction.ending, transaction.last_end = False, "", "commit" if commit else "abort"
        transaction.partitions, transaction.offsets, transaction.timer = set(), {}, None
        self._save(transaction)

    def _fresh_producer(self) -> int:
        self._next_producer += 1
        return self._next_producer

    def _save(self, transaction: Transaction) -> None:
        offsets = [[*key, value.offset, value.metadata] for key, value in transaction.offsets.items()]
        state = {
            "producer": transaction.producer,
            "epoch": transaction.epoch,
            "timeout": transaction.timeout_ms,
            "open": transaction.open,
            "ending": transaction.ending,
            "last": transaction.last_end,
            "partitions": sorted(transaction.partitions),
            "offsets": offsets,
        }
        self._journal.put((transaction.id,), state)


def _loaded(id: str, state: dict[str, object]) -> Transaction:
    partitions, offsets = state["partitions"], state["offsets"]
    assert isinstance(partitions, list)
    assert isinstance(offsets, list)
    transaction = Transaction(id, _int(state["producer"]), _int(state["epoch"]), _int(state["timeout"]))
    transaction.open, transaction.ending, transaction.last_end = (
        bool(state["open"]),
        str(state["ending"]),
        str(state["last"]),
    )
    transaction.partitions = {(topic, index) for topic, index in partitions}
    transaction.offsets = {(group, topic, index): Committed(at, note) for group, topic, index, at, note in offsets}
    return transaction


def _int(value: object) -> int:
    assert isinstance(value, int)
    return value
