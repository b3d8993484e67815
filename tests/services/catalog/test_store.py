"""The catalog's database, over SQLite and PostgreSQL alike."""

import asyncio
from datetime import UTC, datetime, timedelta

from services.catalog import handlers, seed
from services.catalog.adapters import SqlCatalog
from services.catalog.domain import Line
from services.catalog.handlers import Reserved
from services.common.clock import utc_now

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
    found = await handlers.page("desk", None, None, 50, store=sql_catalog)
    assert {product.id for product in found.items} >= {"desk-lamp", "oak-desk", "desk-chair", "desk-clock"}
    assert all("desk" in product.name.lower() for product in found.items[:4])
    both = await handlers.page("Linen aPR", None, None, 50, store=sql_catalog)
    assert [product.id for product in both.items] == ["linen-apron"]
    assert not (await handlers.page("desk", "home", None, 50, store=sql_catalog)).items


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
