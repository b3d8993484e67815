"""The payment database in memory, and a provider that loses the answers that a test names."""

import copy
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.payment.domain import Change, Charge, Posting
from services.payment.ports import ProviderRecord, ProviderState, ProviderTimeout, ProviderUnreachable


@dataclass
class _Tables:
    charges: dict[str, Charge] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    published: list[str] = field(default_factory=list)


class FakePayments:
    """PaymentStore in memory; it keeps or forgets whole transactions."""

    def __init__(self) -> None:
        self.tables = _Tables()

    @asynccontextmanager
    async def begin(self) -> AsyncIterator["FakePaymentTx"]:
        tables = copy.deepcopy(self.tables)
        yield FakePaymentTx(tables)
        self.tables = tables

    async def find(self, order_id: str) -> Charge | None:
        return self.tables.charges.get(order_id)

    async def of_user(self, user_id: str, order_id: str | None, limit: int) -> Sequence[Charge]:
        return [charge for charge in self.tables.charges.values() if charge.user_id == user_id][:limit]

    async def all_charges(self) -> Sequence[Charge]:
        return list(self.tables.charges.values())

    async def ledger(self) -> Sequence[Posting]:
        return self.tables.postings


class FakePaymentTx:
    """PaymentTx in memory."""

    def __init__(self, tables: _Tables) -> None:
        self._tables = tables

    async def charge(self, order_id: str) -> Charge | None:
        return self._tables.charges.get(order_id)

    async def insert(self, charge: Charge) -> bool:
        return self._tables.charges.setdefault(charge.order_id, charge) is charge

    async def update(self, change: Change) -> None:
        self._tables.charges[change.charge.order_id] = change.charge
        self._tables.postings += change.postings
        self._tables.published += change.events

    async def due(self, now: datetime, limit: int) -> Sequence[Charge]:
        return [
            charge for charge in self._tables.charges.values() if charge.due_at is not None and charge.due_at <= now
        ][:limit]


class FakeProvider:
    """Provider in memory. `troubles` says of each call what goes wrong with it, until it is used up."""

    def __init__(self, troubles: Sequence[str] = ()) -> None:
        self.books: dict[str, ProviderRecord] = {}
        self.captures: Counter[str] = Counter()
        self.calls: list[str] = []
        self._troubles: Iterator[str] = iter(troubles)
        self.declines = False

    async def authorise(self, charge: Charge) -> ProviderRecord:
        state = ProviderState.DECLINED if self.declines else ProviderState.AUTHORISED
        new = ProviderRecord(charge.id, state, charge.amount, charge.currency, "declined" if self.declines else None)
        return self._call("authorise", charge.id, {None: new})

    async def capture(self, key: str) -> ProviderRecord:
        return self._call("capture", key, {ProviderState.AUTHORISED: ProviderState.CAPTURED})

    async def refund(self, key: str) -> ProviderRecord:
        return self._call("refund", key, {ProviderState.CAPTURED: ProviderState.REFUNDED})

    async def void(self, key: str) -> ProviderRecord:
        return self._call(
            "void",
            key,
            {None: ProviderRecord(key, ProviderState.VOIDED, 0, ""), ProviderState.AUTHORISED: ProviderState.VOIDED},
        )

    async def find(self, key: str) -> ProviderRecord | None:
        self._trouble("find")
        return self.books.get(key)

    async def statement(self) -> Sequence[ProviderRecord]:
        self._trouble("statement")
        return list(self.books.values())

    def _call(
        self, name: str, key: str, moves: dict[ProviderState | None, ProviderState | ProviderRecord]
    ) -> ProviderRecord:
        is_answer_lost = self._trouble(name)
        record = self.books.get(key)
        after = moves.get(record.state if record else None, record)
        if isinstance(after, ProviderState):
            assert record is not None
            after = replace(record, state=after)
            self.captures[key] += after.state is ProviderState.CAPTURED
        assert after is not None, f"{name} of {key}, which never arrived"
        self.books[key] = after
        if is_answer_lost:
            raise ProviderTimeout(name)
        return after

    def _trouble(self, name: str) -> bool:
        """Fail before the call does anything, or say that its answer is lost."""
        self.calls.append(name)
        trouble = next(self._troubles, "")
        if trouble == "away":
            raise ProviderUnreachable(name)
        if trouble == "lost":
            raise ProviderTimeout(name)
        return trouble == "silent"
