"""The catalog's database, over SQLite and PostgreSQL alike."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.catalog import handlers, seed
from services.catalog.adapters import SqlCatalog
from services.catalog.domain import Line, Product
from services.catalog.handlers import Reserved
from services.catalog.settings import CatalogSettings
from services.common.runtime.clock import Clock, utc_now
from services.common.runtime.settings import Environment
from tests.services.catalog.fakes import product
from tests.services.harness import running_shop
from tests.waiting import eventually_async

LIFETIME = timedelta(seconds=50)


async def test_buyers_of_the_last_units_get_exactly_those(sql_catalog: SqlCatalog) -> None:
    await handlers.seed(seed.products(utc_now()), store=sql_catalog)

    async def buy(number: int) -> bool:
        lines = [Line("signed-print", 1), Line("moka-pot", 1)]
        answer = await handlers.reserve(f"order-{number}", lines, store=sql_catalog, clock=utc_now, lifetime=LIFETIME)
        return isinstance(answer, Reserved) and await handlers.confirm(f"order-{number}", store=sql_catalog) is not None

    bought = await asyncio.gather(*(buy(number) for number in range(40)))
    assert sum(bought) == 12
    left = await sql_catalog.find(["signed-print", "moka-pot"])
    assert (left["signed-print"].on_hand, left["signed-print"].reserved) == (0, 0)
    assert left["moka-pot"].on_hand == 500 - 12


async def test_one_order_that_reserves_twice_at_once_holds_its_lines_once(sql_catalog: SqlCatalog) -> None:
    await handlers.seed(seed.products(utc_now()), store=sql_catalog)
    lines = [Line("moka-pot", 3)]
    reserve = handlers.reserve
    await asyncio.gather(
        *(reserve("order", lines, store=sql_catalog, clock=utc_now, lifetime=LIFETIME) for _ in range(5))
    )
    assert (await sql_catalog.find(["moka-pot"]))["moka-pot"].reserved == 3


async def test_pages_show_every_product_once_and_in_order(sql_catalog: SqlCatalog) -> None:
    products = seed.products(utc_now())
    await handlers.seed(products, store=sql_catalog)
    names: list[str] = []
    cursor: str | None = None
    while True:
        page = await handlers.page("", None, cursor, 7, store=sql_catalog)
        names += [product.name for product in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert names == sorted(product.name for product in products)


async def test_search_finds_words_by_their_beginning_and_the_name_counts_most(sql_catalog: SqlCatalog) -> None:
    await handlers.seed(seed.products(utc_now()), store=sql_catalog)
    desks = await handlers.page("desk", None, None, 50, store=sql_catalog)
    assert {product.id for product in desks.items} >= {"desk-lamp", "oak-desk", "desk-chair", "desk-clock"}
    assert all("desk" in product.name.lower() for product in desks.items[:4])
    both = await handlers.page("Linen aPR", None, None, 50, store=sql_catalog)
    assert [product.id for product in both.items] == ["linen-apron"]
    assert not (await handlers.page("desk", "home", None, 50, store=sql_catalog)).items


@pytest.mark.parametrize(
    ("query", "best"),
    [
        ("blankets", ["picnic-blanket", "wool-blanket"]),
        ("knives", ["pocket-knife", "chef-knife"]),
        ("a pot of coffee", ["moka-pot"]),
        ("batteries", []),
        ("the", []),
    ],
)
async def test_search_forgives_plurals_and_words_that_say_nothing(
    sql_catalog: SqlCatalog, query: str, best: list[str]
) -> None:
    await handlers.seed(seed.products(utc_now()), store=sql_catalog)
    ids = [product.id for product in (await handlers.page(query, None, None, 50, store=sql_catalog)).items]
    assert set(ids[: len(best)]) == set(best)
    assert bool(ids) == bool(best) or query == "the"


@pytest.mark.parametrize("query", ["", "lamp"])
async def test_pages_go_on_where_they_ended_whatever_is_added_or_renamed_meanwhile(
    sql_catalog: SqlCatalog, query: str
) -> None:
    def named(*names: str) -> list[Product]:
        return [product(name.replace(" ", "-").lower(), name=name) for name in names]

    await handlers.seed(named("Lamp C", "Lamp E", "Lamp G", "Lamp I"), store=sql_catalog)
    first = await handlers.page(query, None, None, 2, store=sql_catalog)
    await handlers.seed(named("Lamp A", "Lamp B", "Lamp lamp", "Lamp F"), store=sql_catalog)
    seen = [product_found.name for product_found in first.items]
    cursor = first.next_cursor
    while cursor:
        page = await handlers.page(query, None, cursor, 2, store=sql_catalog)
        seen += [product_found.name for product_found in page.items]
        cursor = page.next_cursor
    assert len(seen) == len(set(seen))
    assert {"Lamp C", "Lamp E", "Lamp G", "Lamp I"} <= set(seen)


async def test_a_search_whose_last_product_is_not_found_any_more_goes_on_at_its_position(
    sql_catalog: SqlCatalog,
) -> None:
    await handlers.seed(seed.products(utc_now()), store=sql_catalog)
    whole = await handlers.page("desk", None, None, 50, store=sql_catalog)
    rest = await handlers.page("desk", None, "2.no-such-product", 50, store=sql_catalog)
    assert list(rest.items) == list(whole.items[2:])


async def test_no_query_is_read_as_a_language(sql_catalog: SqlCatalog) -> None:
    await handlers.seed(seed.products(utc_now()), store=sql_catalog)
    for query in ('"', "a AND", "NEAR(", "'; DROP TABLE products; --", "*", "a:b & !c", "\\", "日本"):
        await handlers.page(query, None, None, 5, store=sql_catalog)
    assert len((await handlers.page("", None, None, 100, store=sql_catalog)).items) >= 40


async def test_searched_pages_go_on_where_they_ended(sql_catalog: SqlCatalog) -> None:
    await handlers.seed(seed.products(utc_now()), store=sql_catalog)
    first = await handlers.page("desk", None, None, 2, store=sql_catalog)
    rest = await handlers.page("desk", None, first.next_cursor, 50, store=sql_catalog)
    whole = await handlers.page("desk", None, None, 50, store=sql_catalog)
    assert [*first.items, *rest.items] == list(whole.items)


async def test_expired_reservations_are_found_in_the_database(sql_catalog: SqlCatalog) -> None:
    await handlers.seed(seed.products(utc_now()), store=sql_catalog)
    past = datetime(2026, 1, 1, tzinfo=UTC)
    await handlers.reserve("order", [Line("moka-pot", 3)], store=sql_catalog, clock=lambda: past, lifetime=LIFETIME)
    assert await handlers.expire(store=sql_catalog, clock=utc_now) == 1
    assert (await sql_catalog.find(["moka-pot"]))["moka-pot"].reserved == 0


async def test_expiring_many_reservations_and_reserving_meanwhile_never_lock_each_other_out(
    sql_catalog: SqlCatalog,
) -> None:
    await handlers.seed(seed.products(utc_now()), store=sql_catalog)
    past = datetime(2020, 1, 1, tzinfo=UTC)
    fruits = ["wall-hook", "moka-pot", "bath-towel", "door-mat", "desk-lamp"]

    async def reserve(number: int, clock: Clock) -> object:
        lines = [Line(fruits[(number + step) % 5], 1) for step in range(1 + number % 3)]
        return await handlers.reserve(
            f"{clock().year}-{number}", lines, store=sql_catalog, clock=clock, lifetime=LIFETIME
        )

    for number in range(20):
        await reserve(number, lambda: past)
    sweeps = (handlers.expire(store=sql_catalog, clock=utc_now) for _ in range(3))
    done = await asyncio.gather(*sweeps, *(reserve(number, utc_now) for number in range(20)))
    assert sum(product_found for product_found in done if isinstance(product_found, int)) == 20
    reserved = (await sql_catalog.find(fruits)).values()
    assert sum(product_found.reserved for product_found in reserved) == sum(1 + number % 3 for number in range(20))


def test_a_reservation_that_nobody_confirms_is_over_within_a_minute_unless_told_otherwise() -> None:
    settings = CatalogSettings.read(Environment({}))
    assert settings.reservation_lifetime + 2 * timedelta(seconds=settings.sweep_seconds) < timedelta(seconds=60)


async def test_an_expired_reservation_is_swept_without_being_asked_for(tmp_path: Path) -> None:
    quick = {"RESERVATION_SECONDS": "0.2", "RESERVATION_SWEEP_SECONDS": "0.1"}
    async with running_shop(tmp_path, **quick) as shop:
        body = {"items": [{"productId": "moka-pot", "quantity": 3}]}
        held = await shop.inside("catalog").put("/inventory/reservations/forgotten", json=body)
        assert held.status_code == 200

        async def is_back() -> bool:
            product = await shop.client("catalog").get("/api/v1/products/moka-pot")
            return bool(product.json()["available"] == 500)

        await eventually_async(is_back, within=20, what="the stock back")
        metrics = (await shop.client("catalog").get("/metrics")).text
        assert 'shop_reservations_total{result="expired"} 1.0' in metrics
