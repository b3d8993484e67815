"""A simulated payment provider: it keeps its own books, declines, answers late, or not at all.

Its keys are idempotent, as those of real ones are: nothing under one key happens twice. Test cards: `tok_declined` is
declined, `tok_slow` is charged but answered late, `tok_error` is never answered and never charged.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from sqlalchemy import Row, bindparam, select

from services.common.data import locks
from services.common.data.database import AsyncConnection, Database
from services.common.http.faults import ConnectionCutError, Faults, Kind
from services.common.http.problems import ProblemError
from services.payment.domain import Charge
from services.payment.ports import ProviderRecord, ProviderState, ProviderTimeout, ProviderUnreachable
from services.payment.settings import ProviderRules
from services.payment.tables import provider_charges as books

_RECORD = select(books).where(books.c.key == bindparam("name"))
_INSERT = books.insert()
_UPDATE = books.update().where(books.c.key == bindparam("name")).values(captures=books.c.captures + bindparam("more"))
DECLINED, SLOW, ERROR = "tok_declined", "tok_slow", "tok_error"


class SimulatedProvider:
    """Provider over a table of its own."""

    def __init__(self, database: Database, rules: ProviderRules, faults: Faults, timeout_seconds: float) -> None:
        self._database, self._rules, self._faults = database, rules, faults
        self._timeout_seconds = timeout_seconds

    async def authorise(self, charge: Charge) -> ProviderRecord:
        """Ask the card for the money."""
        async with self._call("/authorise"):
            if charge.method == ERROR:
                await asyncio.Event().wait()
            reason = self._refusal(charge)
            new = ProviderRecord(
                charge.id,
                ProviderState.DECLINED if reason else ProviderState.AUTHORISED,
                charge.amount,
                charge.currency,
                reason,
            )
            record = await self._store(charge.id, lambda record: record or new)
            if charge.method == SLOW:
                await asyncio.sleep(self._rules.slow_seconds)
        assert record is not None
        return record

    async def capture(self, key: str) -> ProviderRecord:
        """Take what was authorised."""
        return await self._move("/capture", key, {ProviderState.AUTHORISED: ProviderState.CAPTURED})

    async def refund(self, key: str) -> ProviderRecord:
        """Give back what was captured."""
        return await self._move("/refund", key, {ProviderState.CAPTURED: ProviderState.REFUNDED})

    async def void(self, key: str) -> ProviderRecord:
        """End a charge for good, also one that never arrived."""

        def end(record: ProviderRecord | None) -> ProviderRecord:
            if record is None:
                return ProviderRecord(key, ProviderState.VOIDED, 0, "")
            return replace(record, state=ProviderState.VOIDED) if record.state is ProviderState.AUTHORISED else record

        async with self._call("/void"):
            record = await self._store(key, end)
        assert record is not None
        return record

    async def find(self, key: str) -> ProviderRecord | None:
        """Return the record of the charge under a key."""
        async with self._call("/find"), self._database.reading() as connection:
            return await _find(connection, key)

    async def statement(self) -> Sequence[ProviderRecord]:
        """Return everything that ever arrived."""
        async with self._call("/statement"), self._database.reading() as connection:
            return [_record(row) for row in await connection.execute(select(books))]

    async def _move(self, path: str, key: str, moves: dict[ProviderState, ProviderState]) -> ProviderRecord:
        def move(record: ProviderRecord | None) -> ProviderRecord | None:
            return replace(record, state=moves.get(record.state, record.state)) if record else None

        async with self._call(path):
            record = await self._store(key, move)
        if record is None:
            raise ProviderUnreachable(f"the provider has no charge {key}")
        return record

    @asynccontextmanager
    async def _call(self, path: str) -> AsyncIterator[None]:
        """Make what happens inside look like a call over a network."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._faults.before_request("PROVIDER", path)
                await asyncio.sleep(self._rules.latency_seconds)
                yield
        except TimeoutError as error:
            raise ProviderTimeout(f"{path} was not answered in time") from error
        except (ProblemError, ConnectionCutError) as error:
            raise ProviderUnreachable(f"{path} was not reached") from error

    async def _store(
        self, key: str, change: Callable[[ProviderRecord | None], ProviderRecord | None]
    ) -> ProviderRecord | None:
        async with self._database.transaction() as connection:
            await locks.hold(connection, f"charge {key}")
            before = await _find(connection, key)
            after = change(before)
            if after is not None and after != before:
                await _write(connection, after, is_new=before is None)
            return after

    def _refusal(self, charge: Charge) -> str | None:
        rules = self._rules
        if charge.method == DECLINED or self._faults.hit(Kind.DECLINE_ALL):
            return "declined"
        if rules.decline_above and charge.amount > rules.decline_above:
            return "over the limit of the card"
        # Seeded by the order: a charge that is tried again has the same outcome.
        is_unlucky = random.Random(f"{rules.seed}:{charge.order_id}").random() < rules.decline_rate  # noqa: S311
        return "declined" if is_unlucky else None


async def _find(connection: AsyncConnection, key: str) -> ProviderRecord | None:
    row = (await connection.execute(_RECORD, {"name": key})).first()
    return _record(row) if row else None


def _record(row: Row[Any]) -> ProviderRecord:
    return ProviderRecord(row.key, ProviderState(row.at), row.amount, row.currency, row.reason)


async def _write(connection: AsyncConnection, record: ProviderRecord, *, is_new: bool) -> None:
    values: dict[str, Any] = {
        "at": record.state.value,
        "amount": record.amount,
        "currency": record.currency,
        "reason": record.reason,
    }
    if is_new:
        await connection.execute(_INSERT, {"key": record.key, "captures": 0, **values})
        return
    more = 1 if record.state is ProviderState.CAPTURED else 0
    await connection.execute(_UPDATE, {"name": record.key, "more": more, **values})
