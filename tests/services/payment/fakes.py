"""The payment database in memory, and a provider that loses what it is told to lose."""

import copy
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime

from services.payment.domain import Change, Charge, Posting
from services.payment.ports import At, ProviderAway, ProviderSilent, Standing


@dataclass
class _Tables:
    charges: dict[str, Charge] = field(default_factory=dict)
    postings: list[Posting] = field(default_factory=list)
    told: list[str] = field(default_factory=list)


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
        return [one for one in self.tables.charges.values() if one.user_id == user_id][:limit]

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
        self._tables.told += change.events

    async def due(self, now: datetime, limit: int) -> Sequence[Charge]:
        return [one for one in self._tables.charges.values() if one.due_at is not None and one.due_at <= now][:limit]


class FakeProvider:
    """Provider in memory. `troubles` says of each call what goes wrong with it, until it is used up."""

    def __init__(self, troubles: Sequence[str] = ()) -> None:
        self.books: dict[str, Standing] = {}
        self.captures: Counter[str] = Counter()
        self.calls: list[str] = []
        self._troubles: Iterator[str] = iter(troubles)
        self.declines = False

    async def authorise(self, charge: Charge) -> Standing:
        at = At.DECLINED if self.declines else At.AUTHORISED
        wanted = Standing(charge.id, at, charge.amount, charge.currency, "declined" if self.declines else None)
        return self._call("authorise", charge.id, {None: wanted})

    async def capture(self, key: str) -> Standing:
        return self._call("capture", key, {At.AUTHORISED: At.CAPTURED})

    async def refund(self, key: str) -> Standing:
        return self._call("refund", key, {At.CAPTURED: At.REFUNDED})

    async def void(self, key: str) -> Standing:
        return self._call("void", key, {None: Standing(key, At.VOIDED, 0, ""), At.AUTHORISED: At.VOIDED})

    async def find(self, key: str) -> Standing | None:
        self._trouble("find")
        return self.books.get(key)

    async def statement(self) -> Sequence[Standing]:
        self._trouble("statement")
        return list(self.books.values())

    def _call(self, name: str, key: str, moves: dict[At | None, At | Standing]) -> Standing:
        is_answer_lost = self._trouble(name)
        known = self.books.get(key)
        after = moves.get(known.at if known else None, known)
        if isinstance(after, At):
            assert known is not None
            after = replace(known, at=after)
            self.captures[key] += after.at is At.CAPTURED
        assert after is not None, f"{name} of {key}, which never arrived"
        self.books[key] = after
        if is_answer_lost:
            raise ProviderSilent(name)
        return after

    def _trouble(self, name: str) -> bool:
        """Fail before the call does anything, or say that its answer is lost."""
        self.calls.append(name)
        trouble = next(self._troubles, "")
        if trouble == "away":
            raise ProviderAway(name)
        if trouble == "lost":
            raise ProviderSilent(name)
        return trouble == "silent"
