"""Nothing is sold twice, charged twice or lost, whatever breaks in the middle of what."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.common.runtime import failpoints
from services.ops import reconciliation
from services.ops.reconciliation import Books, Report
from tests.services.harness import Member, TestShop, running_shop
from tests.services.stores import postgres

__all__ = ["postgres"]

ORDERS = 500
AT_ONCE = 12
SCARCE, PLENTY = ["signed-print", "vintage-typewriter"], ["moka-pot", "door-mat", "bath-towel"]
METHODS = [None, None, None, None, "tok_visa", "tok_declined"]


class CrashError(OSError):
    """Stands for the death of whatever was running."""


@dataclass
class Crashes:
    """Ends what runs at the named moments, as often as the dice say while it is armed."""

    rng: random.Random
    rate: float = 0.02
    is_armed: bool = True
    hits: Counter[str] = field(default_factory=Counter)

    def __call__(self, name: str) -> None:
        if self.is_armed and self.rng.random() < self.rate:
            self.hits[name] += 1
            raise CrashError(name)


@dataclass
class Buyer:
    """Orders, sometimes twice under one key, sometimes to cancel, and remembers what was acknowledged."""

    shop: TestShop
    member: Member
    rng: random.Random
    acknowledged: set[str] = field(default_factory=set)
    answers: Counter[int] = field(default_factory=Counter)

    async def buy(self) -> None:
        """Place one order and perhaps cancel it."""
        key = {"Idempotency-Key": f"k{self.rng.getrandbits(64):x}"}
        body = self._order_body()
        answer = await self._post("/orders", body, key)
        if answer is None or answer.status_code >= 500 or self.rng.random() < 0.1:
            answer = await self._post("/orders", body, key)
        if answer is not None and answer.status_code == 201 and self.rng.random() < 0.15:
            await self._post(f"/orders/{answer.json()['id']}/cancel", None, {})

    def _order_body(self) -> dict[str, Any]:
        plenty = self.rng.random() < 0.8
        names = self.rng.sample(PLENTY if plenty else SCARCE + PLENTY, k=self.rng.randint(1, 2))
        items = [{"productId": name, "quantity": self.rng.randint(1, 2)} for name in names]
        method = self.rng.choice(METHODS)
        return {"items": items} | ({"paymentMethod": method} if method else {})

    async def _post(self, path: str, body: Any, headers: dict[str, str]) -> httpx.Response | None:
        client = self.shop.client("order", authorization=f"Bearer {self.member.token}")
        try:
            answer = await client.post(path, json=body, headers=headers)
        except (CrashError, httpx.TransportError):
            await asyncio.sleep(0.1)  # a shop that is away is no reason to spend all orders on it
            return None
        self.answers[answer.status_code] += 1
        if path == "/orders" and answer.status_code == 201:
            self.acknowledged.add(answer.json()["id"])
        return answer


async def _outages(shop: TestShop, rng: random.Random, done: asyncio.Event) -> int:
    """Take services away one after the other for a moment, until told to stop."""
    count = 0
    while not done.is_set():
        with shop.away(rng.choice(["catalog", "payment", "notification", "order"])):
            await asyncio.sleep(0.3)
        count += 1
        await asyncio.sleep(0.7)
    return count


async def _settled(urls: Mapping[str, str], acknowledged: set[str], within: float) -> Report:
    """Wait until nothing is on its way any more, and return what the checker says then."""
    ends_at = time.monotonic() + within
    while True:
        books = await reconciliation.read(urls)
        report = reconciliation.check(books, acknowledged)
        if not report.unsettled or time.monotonic() > ends_at:
            return report
        await asyncio.sleep(0.5)


@pytest.mark.timeout(240)
async def test_a_storm_of_orders_crashes_and_outages_loses_no_stock_and_no_money(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(10**6)
    crashes = Crashes(random.Random(seed))
    monkeypatch.setattr(failpoints, "reach", crashes)
    crashes.is_armed = False
    quick = {"RESERVATION_SECONDS": "8", "RESERVATION_SWEEP_SECONDS": "1", "PROVIDER_LATENCY_SECONDS": "0.002"}
    async with running_shop(tmp_path, **quick) as shop:
        rng = random.Random(seed + 1)
        buyers = [Buyer(shop, await shop.member(), random.Random(seed + 2 + n)) for n in range(AT_ONCE)]
        crashes.is_armed = True
        done = asyncio.Event()
        outages = asyncio.create_task(_outages(shop, rng, done))
        left = iter(range(ORDERS))

        async def shop_around(buyer: Buyer) -> None:
            for _ in left:
                await buyer.buy()

        await asyncio.gather(*(shop_around(buyer) for buyer in buyers))
        done.set()
        assert await outages >= 3
        crashes.is_armed = False
        acknowledged = set().union(*(buyer.acknowledged for buyer in buyers))
        report = await _settled(reconciliation.urls_below(tmp_path), acknowledged, within=90)
    summary = f"seed {seed}, {crashes.hits}, {sum((b.answers for b in buyers), Counter())}, {report.orders}"
    assert not report.violations, f"{report.violations[:5]} ({summary})"
    assert not report.unsettled, f"{report.unsettled[:5]} ({summary})"
    assert sum(crashes.hits.values()) >= 20, summary
    assert len(acknowledged) >= ORDERS // 3, summary
    assert {"confirmed", "rejected"} <= set(report.orders), summary


@pytest.mark.timeout(180)
async def test_buyers_who_compete_for_stock_on_one_postgresql_lose_none_either(tmp_path: Path, postgres: str) -> None:
    url = postgres.format("postgres")
    async with running_shop(tmp_path, DATABASE_URL=url, RESERVATION_SECONDS="8") as shop:
        buyers = [Buyer(shop, await shop.member(), random.Random(n)) for n in range(8)]
        await asyncio.gather(*(buyer.buy() for buyer in buyers for _ in range(8)))
        acknowledged = set().union(*(buyer.acknowledged for buyer in buyers))
        report = await _settled(dict.fromkeys(("catalog", "order", "payment"), url), acknowledged, within=60)
    assert not report.violations
    assert not report.unsettled
    assert len(acknowledged) >= 20


GOOD = Books(
    products=[{"id": "apple", "on_hand": 8, "reserved": 0}],
    reservations=[{"order_id": "o", "state": "confirmed", "lines": '[["apple", 2]]'}],
    movements=[
        {"product_id": "apple", "delta": 10, "why": "received", "order_id": None},
        {"product_id": "apple", "delta": -2, "why": "sold", "order_id": "o"},
    ],
    orders=[
        {
            "id": "o",
            "user_id": "u",
            "lines": '[["apple", "Apple", 2, 50]]',
            "amount": 100,
            "status": "confirmed",
            "step": "none",
        }
    ],
    charges=[
        {
            "id": "c",
            "order_id": "o",
            "amount": 100,
            "status": "captured",
            "refund_id": None,
            "refund_status": None,
        }
    ],
    ledger=[
        {"transaction_id": "c", "account": "provider", "amount": 100},
        {"transaction_id": "c", "account": "sales", "amount": -100},
    ],
    provider=[{"key": "c", "at": "captured", "amount": 100, "captures": 1}],
    order_outbox=[],
    payment_outbox=[],
)


def _with(table: str, **changes: Any) -> Books:
    rows: Any = [{**row, **changes} for row in getattr(GOOD, table)[-1:]]
    return replace(GOOD, **{table: [*getattr(GOOD, table)[:-1], *rows]})


def _and(table: str, **row: Any) -> Books:
    more: Any = {**getattr(GOOD, table)[-1], **row}
    return replace(GOOD, **{table: [*getattr(GOOD, table), more]})


def _over() -> Books:
    """One unit too few is there for what is promised, and the sums fit all the same."""
    held = [*GOOD.reservations, {"order_id": "p", "state": "held", "lines": '[["apple", 9]]'}]
    return replace(GOOD, reservations=held, products=[{"id": "apple", "on_hand": 8, "reserved": 9}])


def _refunded(**changes: Any) -> Books:
    """What a refunded order leaves behind."""
    back = {"product_id": "apple", "delta": 2, "why": "returned", "order_id": "o"}
    lines = [
        {"transaction_id": "r", "account": "provider", "amount": -100},
        {"transaction_id": "r", "account": "sales", "amount": 100},
    ]
    books = replace(
        GOOD,
        products=[{"id": "apple", "on_hand": 10, "reserved": 0}],
        reservations=[{**GOOD.reservations[0], "state": "returned"}],
        movements=[*GOOD.movements, back],
        orders=[{**GOOD.orders[0], "status": "refunded"}],
        charges=[{**GOOD.charges[0], "refund_id": "r", "refund_status": "succeeded"}],
        ledger=[*GOOD.ledger, *lines],
        provider=[{**GOOD.provider[0], "at": "refunded"}],
    )
    return replace(books, **changes)


@pytest.mark.parametrize("books", [GOOD, _refunded()])
def test_books_that_agree_are_clean(books: Books) -> None:
    report = reconciliation.check(books, ["o"])
    assert (report.violations, report.unsettled) == ([], [])


@pytest.mark.parametrize(
    ("books", "acknowledged", "complaint"),
    [
        (_with("products", on_hand=7), [], "movements add up to 8"),
        (_with("products", reserved=1), [], "orders hold 0"),
        (_over(), [], "product apple is oversold: 9 reserved of 8"),
        (_with("reservations", state="expired"), [], "sold {'apple': 2} instead of {}"),
        (_with("reservations", state="expired"), [], "order o (confirmed): its stock is expired"),
        (_with("reservations", lines='[["apple", 3]]'), [], "{'apple': 3} sold instead of {'apple': 2}"),
        (replace(GOOD, reservations=[]), [], "stock was sold to o without a reservation"),
        (replace(GOOD, reservations=[]), [], "order o (confirmed): its stock is not reserved"),
        (_and("movements"), [], "sold {'apple': 4} instead of {'apple': 2}"),
        (_and("reservations", order_id="p"), [], "stock is sold to p, which is no order"),
        (_with("movements", delta=-4), [], "sold {'apple': 4}"),
        (_with("orders", amount=99), [], "its lines cost 100"),
        (_with("orders", status="rejected"), [], "charged True"),
        (_with("orders", status="refunded"), [], "refunded False"),
        (_with("charges", amount=200), [], "200 instead of 100"),
        (_and("charges", id="d"), [], "order o has 2 charges"),
        (_with("provider", amount=99), [], "100, but the provider took 99"),
        (replace(GOOD, provider=[]), [], "the provider says unknown"),
        (_and("provider", key="d"), [], "the provider captured d, of which we know nothing"),
        (replace(GOOD, ledger=[]), [], "the ledger has sales of 0 for c, the charges 100"),
        (_refunded(ledger=GOOD.ledger), [], "the ledger has sales of 0 for r, the charges -100"),
        (_refunded(reservations=GOOD.reservations), [], "order o (refunded): its stock is confirmed"),
        (_refunded(provider=GOOD.provider), [], "captured/succeeded, the provider says captured"),
        (_with("charges", status="declined"), [], "the provider says captured"),
        (_with("provider", captures=2), [], "captured 2 times"),
        (_with("ledger", amount=-90), [], "off by 10"),
        (replace(GOOD, orders=[]), [], "there is no such order"),
        (replace(GOOD, charges=[]), [], "of which we know nothing"),
        (GOOD, ["lost"], "order lost was acknowledged and is lost"),
    ],
)
def test_every_broken_rule_is_named(books: Books, acknowledged: list[str], complaint: str) -> None:
    violations = reconciliation.check(books, acknowledged).violations
    assert any(complaint in violation for violation in violations), violations


@pytest.mark.parametrize(
    ("books", "what"),
    [
        (_with("orders", step="await_payment"), "order o is confirmed and does await_payment"),
        (_and("reservations", order_id="p", state="held", lines="[]"), "reservation p is still held"),
        (_with("charges", status="pending"), "charge of order o is pending"),
        (_with("charges", refund_status="pending"), "its refund pending"),
        (replace(GOOD, order_outbox=[{"event_id": "e"}]), "1 events wait in an outbox"),
        (replace(GOOD, payment_outbox=[{"event_id": "e"}]), "1 events wait in an outbox"),
    ],
)
def test_what_is_still_on_its_way_is_no_violation_but_not_clean_either(books: Books, what: str) -> None:
    report = reconciliation.check(books)
    assert any(what in line for line in report.unsettled), report.unsettled
    assert not report.is_clean
