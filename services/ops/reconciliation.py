"""The reconciliation check: adds up stock, reservations, orders, charges and the ledger, and names what differs.

`python -m services.ops.reconciliation --data FOLDER` reads the databases of a shop (`--database URL`: of one that
shares a PostgreSQL, where each service has a schema of its own); it reads only, and imports no service. An order
that is still on its way is "unsettled", which is no violation until everything is quiet.
"""

import argparse
import asyncio
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

_SOLD = frozenset({"confirmed", "shipped"})
_QUERIES = {
    "catalog": {
        "products": "SELECT id, on_hand, reserved FROM products",
        "reservations": "SELECT order_id, state, lines FROM reservations",
        "movements": "SELECT product_id, delta, why, order_id FROM stock_movements",
    },
    "order": {
        "orders": "SELECT id, user_id, lines, amount, status, step FROM orders",
        "order_outbox": "SELECT event_id FROM outbox",
    },
    "payment": {
        "charges": "SELECT id, order_id, amount, status, refund_id, refund_status FROM charges",
        "ledger": "SELECT transaction_id, account, amount FROM ledger",
        "provider": "SELECT key, at, amount, captures FROM provider_charges",
        "payment_outbox": "SELECT event_id FROM outbox",
    },
}

Row = Mapping[str, Any]


@dataclass
class Report:
    """The violations, and what is still on its way."""

    violations: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)
    orders: Counter[str] = field(default_factory=Counter)

    @property
    def is_clean(self) -> bool:
        """Say whether nothing is violated and nothing is on its way."""
        return not self.violations and not self.unsettled


@dataclass(frozen=True)
class Books:
    """The rows of the three databases."""

    products: Sequence[Row]
    reservations: Sequence[Row]
    movements: Sequence[Row]
    orders: Sequence[Row]
    charges: Sequence[Row]
    ledger: Sequence[Row]
    provider: Sequence[Row]
    order_outbox: Sequence[Row]
    payment_outbox: Sequence[Row]


_MOST_READS = 5  # a shop at work never stands still; one that is done is read twice


async def read(urls: Mapping[str, str]) -> Books:
    """Read the databases of catalog, order and payment, given by their URLs.

    They have no moment in common, so what is at work meanwhile looks as if it did not add up: they are read again until
    nothing has changed in between, or a few times where something always does.
    """
    books = await _read_all(urls)
    for _ in range(_MOST_READS - 1):
        earlier, books = books, await _read_all(urls)
        if books == earlier:
            break
    return books


async def _read_all(urls: Mapping[str, str]) -> Books:
    rows: dict[str, Sequence[Row]] = {}
    for service, queries in _QUERIES.items():
        rows |= await _read_one(service, urls[service], queries)
    return Books(**rows)


async def _read_one(service: str, url: str, queries: Mapping[str, str]) -> dict[str, Sequence[Row]]:
    engine = _engine(service, url)
    try:
        async with engine.connect() as connection:
            return {
                name: [dict(row) for row in (await connection.execute(text(query))).mappings()]
                for name, query in queries.items()
            }
    finally:
        await engine.dispose()


def _engine(service: str, url: str) -> AsyncEngine:
    if url.startswith("sqlite"):
        return create_async_engine(url)
    full = "postgresql+asyncpg://" + url.split("://", 1)[1]
    return create_async_engine(full, connect_args={"server_settings": {"search_path": service}})


def check(books: Books, acknowledged: Iterable[str] = ()) -> Report:
    """Add everything up; `acknowledged` are the ids of orders that a client has an answer for."""
    report = Report(orders=Counter(order["status"] for order in books.orders))
    _check_stock(books, report)
    _check_sales(books, report)
    _check_orders(books, report)
    _check_money(books, report)
    order_ids = {order["id"] for order in books.orders}
    report.violations += [
        f"order {order_id} was acknowledged and is lost" for order_id in set(acknowledged) - order_ids
    ]
    waiting = len(books.order_outbox) + len(books.payment_outbox)
    report.unsettled += [f"{waiting} events wait in an outbox"] if waiting else []
    return report


def _lines(row: Row) -> dict[str, int]:
    """Return units by product, of an order or of a reservation."""
    lines = json.loads(row["lines"])
    return {line[0]: line[2] if len(line) == 4 else line[1] for line in lines}


def _check_stock(books: Books, report: Report) -> None:
    """Check that stock on hand is the sum of its movements, and reserved stock that of the reservations."""
    moved: Counter[str] = Counter()
    held: Counter[str] = Counter()
    for movement in books.movements:
        moved[movement["product_id"]] += movement["delta"]
    for reservation in books.reservations:
        if reservation["state"] == "held":
            held.update(_lines(reservation))
            report.unsettled.append(f"reservation {reservation['order_id']} is still held")
    for product in books.products:
        name, on_hand, reserved = product["id"], product["on_hand"], product["reserved"]
        if on_hand != moved[name]:
            report.violations.append(f"product {name}: {on_hand} on hand, but movements add up to {moved[name]}")
        if reserved != held[name]:
            report.violations.append(f"product {name}: {reserved} reserved, but orders hold {held[name]}")
        if not 0 <= reserved <= on_hand:
            report.violations.append(f"product {name} is oversold: {reserved} reserved of {on_hand}")


def _check_sales(books: Books, report: Report) -> None:
    """Check that each order sold exactly its lines, once, and returned them at most once."""
    sold: dict[str, Counter[str]] = defaultdict(Counter)
    for movement in books.movements:
        if movement["order_id"]:
            sold[movement["order_id"]][movement["product_id"]] -= movement["delta"]
    for reservation in books.reservations:
        expected = _lines(reservation) if reservation["state"] == "confirmed" else {}
        actual = {product: units for product, units in sold.pop(reservation["order_id"], Counter()).items() if units}
        if actual != expected:
            report.violations.append(f"reservation {reservation['order_id']} sold {actual} instead of {expected}")
    report.violations += [f"stock was sold to {order_id} without a reservation" for order_id in sold]


def _check_orders(books: Books, report: Report) -> None:
    reservations = {row["order_id"]: row for row in books.reservations}
    charges = {row["order_id"]: row for row in books.charges}
    for order in books.orders:
        if order["step"] != "none":
            report.unsettled.append(f"order {order['id']} is {order['status']} and does {order['step']}")
            continue
        _check_order(order, reservations.get(order["id"]), charges.get(order["id"]), report)
    orders = {order["id"] for order in books.orders}
    for order_id, reservation in reservations.items():
        if order_id not in orders and reservation["state"] == "confirmed":
            report.violations.append(f"stock is sold to {order_id}, which is no order")


def _check_order(order: Row, reservation: Row | None, charge: Row | None, report: Report) -> None:
    """Check that an order that ended has the money, the stock and the charge of its status."""
    name, status = f"order {order['id']} ({order['status']})", order["status"]
    amount = sum(line[2] * line[3] for line in json.loads(order["lines"]))
    if amount != order["amount"]:
        report.violations.append(f"{name}: amount {order['amount']}, but its lines cost {amount}")
    is_charged = charge is not None and charge["status"] == "captured"
    is_refunded = charge is not None and charge["refund_status"] == "succeeded"
    expected = (status in _SOLD or status == "refunded", status == "refunded")
    if (is_charged, is_refunded) != expected:
        report.violations.append(f"{name}: charged {is_charged}, refunded {is_refunded}")
    has_stock = reservation is not None and reservation["state"] == "confirmed"
    if has_stock != (status in _SOLD):
        report.violations.append(f"{name}: its stock is {reservation['state'] if reservation else 'not reserved'}")
    if has_stock and reservation is not None and _lines(reservation) != _lines(order):
        report.violations.append(f"{name}: {_lines(reservation)} sold instead of {_lines(order)}")


def _check_money(books: Books, report: Report) -> None:
    orders = {order["id"]: order for order in books.orders}
    provider = {row["key"]: row for row in books.provider}
    _check_ledger(books, report)
    for order_id, count in Counter(charge["order_id"] for charge in books.charges).items():
        if count > 1:
            report.violations.append(f"order {order_id} has {count} charges")
    for charge in books.charges:
        _check_charge(charge, orders.get(charge["order_id"]), provider.pop(charge["id"], None), report)
    for key, record in provider.items():
        if record["at"] in ("captured", "authorised"):
            report.violations.append(f"the provider {record['at']} {key}, of which we know nothing")


def _check_charge(charge: Row, order: Row | None, record: Row | None, report: Report) -> None:
    name = f"charge of order {charge['order_id']}"
    if charge["status"] == "pending" or charge["refund_status"] == "pending":
        report.unsettled.append(f"{name} is {charge['status']}, its refund {charge['refund_status']}")
        return
    if charge["status"] == "captured" and order is None:
        report.violations.append(f"{name}: there is no such order")
    if order is not None and order["amount"] != charge["amount"]:
        report.violations.append(f"{name}: {charge['amount']} instead of {order['amount']}")
    at = record["at"] if record else "unknown"
    if at not in _provider_states(charge):
        report.violations.append(f"{name}: {charge['status']}/{charge['refund_status']}, the provider says {at}")
    if charge["status"] == "captured" and record and record["amount"] != charge["amount"]:
        report.violations.append(f"{name}: {charge['amount']}, but the provider took {record['amount']}")
    if record and record["captures"] > 1:
        report.violations.append(f"{name}: captured {record['captures']} times")


def _provider_states(charge: Row) -> frozenset[str]:
    """Return the states that the provider may have for a charge that ended."""
    if charge["status"] == "captured":
        return frozenset({"refunded" if charge["refund_status"] == "succeeded" else "captured"})
    return frozenset({"declined"} if charge["status"] == "declined" else {"voided", "unknown"})


def _check_ledger(books: Books, report: Report) -> None:
    """Check that every transaction adds up to zero, and that its sales are what was captured or refunded."""
    by_transaction: Counter[str] = Counter()
    sales: Counter[str] = Counter()
    for line in books.ledger:
        by_transaction[line["transaction_id"]] += line["amount"]
        sales[line["transaction_id"]] -= line["amount"] if line["account"] == "sales" else 0
    report.violations += [f"ledger transaction {name} is off by {off}" for name, off in by_transaction.items() if off]
    moved: Counter[str] = Counter()
    for charge in books.charges:
        moved[charge["id"]] += charge["amount"] if charge["status"] == "captured" else 0
        moved[charge["refund_id"] or ""] -= charge["amount"] if charge["refund_status"] == "succeeded" else 0
    for name in moved.keys() | sales.keys():
        if sales[name] != moved[name]:
            report.violations.append(f"the ledger has sales of {sales[name]} for {name}, the charges {moved[name]}")


def urls_below(folder: Path) -> dict[str, str]:
    """Name the SQLite databases of a shop whose services keep their data below one folder."""
    return {service: f"sqlite+aiosqlite:///{folder / service / service}.db" for service in _QUERIES}


def main(arguments: Sequence[str] | None = None) -> int:
    """Check the databases, print the violations and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m services.ops.reconciliation", description=__doc__)
    parser.add_argument("--data", type=Path, help="the folder above the services' own data folders")
    parser.add_argument("--database", help="the URL of the PostgreSQL that all services share")
    for service in _QUERIES:
        parser.add_argument(f"--{service}", help=f"the database URL of {service}, instead of one below --data")
    options = parser.parse_args(arguments)
    urls = urls_below(options.data.absolute()) if options.data else {}
    urls |= dict.fromkeys(_QUERIES, options.database) if options.database else {}
    urls |= {service: url for service in _QUERIES if (url := getattr(options, service))}
    if missing := [service for service in _QUERIES if service not in urls]:
        parser.error(f"say where {', '.join(missing)} keeps its data: --data, --database or --{missing[0]}")
    report = check(asyncio.run(read(urls)))
    for line in report.violations:
        sys.stdout.write(f"violated: {line}\n")
    for line in report.unsettled:
        sys.stdout.write(f"unsettled: {line}\n")
    counts = ", ".join(f"{number} {status}" for status, number in sorted(report.orders.items()))
    sys.stderr.write(f"orders: {counts or 'none'}\n")
    return 0 if report.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
