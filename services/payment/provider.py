"""A payment provider that only pretends: it keeps books of its own, declines, dawdles and falls silent.

It honours its keys as real ones do: nothing under one key happens twice. Test cards: `tok_declined` is
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
from services.payment.ports import At, ProviderAway, ProviderSilent, Standing
from services.payment.settings import ProviderRules
from services.payment.tables import provider_charges as books

_STANDING = select(books).where(books.c.key == bindparam("name"))
_INSERT = books.insert()
_UPDATE = books.update().where(books.c.key == bindparam("name")).values(captures=books.c.captures + bindparam("more"))
DECLINED, SLOW, ERROR = "tok_declined", "tok_slow", "tok_error"


class SimulatedProvider:
    """Provider over a table of its own."""

    def __init__(self, database: Database, rules: ProviderRules, faults: Faults, timeout_seconds: float) -> None:
        self._database, self._rules, self._faults = database, rules, faults
        self._timeout_seconds = timeout_seconds

    async def authorise(self, charge: Charge) -> Standing:
        """Ask the card for the money."""
        async with self._call("/authorise"):
            if charge.method == ERROR:
                await asyncio.Event().wait()
            reason = self._refusal(charge)
            wanted = Standing(
                charge.id, At.DECLINED if reason else At.AUTHORISED, charge.amount, charge.currency, reason
            )
            standing = await self._keep(charge.id, lambda known: known or wanted)
            if charge.method == SLOW:
                await asyncio.sleep(self._rules.slow_seconds)
        assert standing is not None
        return standing

    async def capture(self, key: str) -> Standing:
        """Take what was authorised."""
        return await self._move("/capture", key, {At.AUTHORISED: At.CAPTURED})

    async def refund(self, key: str) -> Standing:
        """Give back what was captured."""
        return await self._move("/refund", key, {At.CAPTURED: At.REFUNDED})

    async def void(self, key: str) -> Standing:
        """End a charge for good, also one that never arrived."""

        def end(known: Standing | None) -> Standing:
            if known is None:
                return Standing(key, At.VOIDED, 0, "")
            return replace(known, at=At.VOIDED) if known.at is At.AUTHORISED else known

        async with self._call("/void"):
            standing = await self._keep(key, end)
        assert standing is not None
        return standing

    async def find(self, key: str) -> Standing | None:
        """Where the charge under a key stands."""
        async with self._call("/find"), self._database.reading() as connection:
            return await _find(connection, key)

    async def statement(self) -> Sequence[Standing]:
        """Everything that ever arrived."""
        async with self._call("/statement"), self._database.reading() as connection:
            return [_standing(row) for row in await connection.execute(select(books))]

    async def _move(self, path: str, key: str, moves: dict[At, At]) -> Standing:
        def move(known: Standing | None) -> Standing | None:
            return replace(known, at=moves.get(known.at, known.at)) if known else None

        async with self._call(path):
            standing = await self._keep(key, move)
        if standing is None:
            raise ProviderAway(f"the provider has no charge {key}")
        return standing

    @asynccontextmanager
    async def _call(self, path: str) -> AsyncIterator[None]:
        """Make what happens inside look like a call over a network."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await self._faults.before_request("PROVIDER", path)
                await asyncio.sleep(self._rules.latency_seconds)
                yield
        except TimeoutError as error:
            raise ProviderSilent(f"{path} was not answered in time") from error
        except (ProblemError, ConnectionCutError) as error:
            raise ProviderAway(f"{path} was not reached") from error

    async def _keep(self, key: str, change: Callable[[Standing | None], Standing | None]) -> Standing | None:
        async with self._database.transaction() as connection:
            await locks.hold(connection, f"charge {key}")
            known = await _find(connection, key)
            after = change(known)
            if after is not None and after != known:
                await _write(connection, after, is_new=known is None)
            return after

    def _refusal(self, charge: Charge) -> str | None:
        rules = self._rules
        if charge.method == DECLINED or self._faults.hit(Kind.DECLINE_ALL):
            return "declined"
        if rules.decline_above and charge.amount > rules.decline_above:
            return "over the limit of the card"
        # The same order meets the same luck however often it is tried.
        is_unlucky = random.Random(f"{rules.seed}:{charge.order_id}").random() < rules.decline_rate  # noqa: S311
        return "declined" if is_unlucky else None


async def _find(connection: AsyncConnection, key: str) -> Standing | None:
    row = (await connection.execute(_STANDING, {"name": key})).first()
    return _standing(row) if row else None


def _standing(row: Row[Any]) -> Standing:
    return Standing(row.key, At(row.at), row.amount, row.currency, row.reason)


async def _write(connection: AsyncConnection, standing: Standing, *, is_new: bool) -> None:
    values: dict[str, Any] = {
        "at": standing.at.value,
        "amount": standing.amount,
        "currency": standing.currency,
        "reason": standing.reason,
    }
    if is_new:
        await connection.execute(_INSERT, {"key": standing.key, "captures": 0, **values})
        return
    more = 1 if standing.at is At.CAPTURED else 0
    await connection.execute(_UPDATE, {"name": standing.key, "more": more, **values})
