"""What alerts count exists at 0 before the first event, so that the first is an increase."""

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from tests.services.harness import TestShop, running_shop

pytestmark = pytest.mark.asyncio(loop_scope="session")
RULES = Path(__file__).parents[2] / "stack" / "prometheus" / "rules" / "alerts.yml"
CONSUMERS = {
    "cart": ["shop.product.v1", "shop.user.v1"],
    "order": ["shop.payment.v1"],
    "payment": ["shop.order.v1"],
    "notification": ["shop.order.v1", "shop.payment.v1", "shop.user.v1"],
}


@pytest_asyncio.fixture(loop_scope="session")
async def untouched(tmp_path: Path) -> AsyncIterator[TestShop]:
    """Return a shop that nothing was asked of yet."""
    async with running_shop(tmp_path) as shop:
        yield shop


async def page(shop: TestShop, service: str) -> str:
    return (await shop.inside(service).get("/metrics")).text


async def test_every_counter_of_an_alert_is_there_with_each_of_its_label_sets(untouched: TestShop) -> None:
    alerts = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    counters = {name for alert in alerts for name in re.findall(r"shop_\w+_total", alert["expr"])}
    assert counters == {"shop_dead_letters_total"}

    for group, topics in CONSUMERS.items():
        for topic in topics:
            series = f'shop_dead_letters_total{{group="{group}",topic="{topic}"}} 0.0'
            assert series in await page(untouched, group)


@pytest.mark.parametrize(
    ("service", "series"),
    [
        ("catalog", 'shop_reservations_total{result="expired"}'),
        ("gateway", 'shop_gateway_rate_limited_total{scope="user"}'),
        ("gateway", 'shop_gateway_retries_total{upstream="order"}'),
        ("order", 'shop_orders_total{status="rejected"}'),
        ("payment", 'shop_payment_declines_total{reason="declined"}'),
        ("payment", 'shop_payments_total{status="failed",type="charge"}'),
        ("payment", 'shop_payments_total{status="succeeded",type="refund"}'),
        ("user", "shop_refresh_tokens_reused_total"),
    ],
)
async def test_what_boards_count_is_there_before_the_first_event(
    untouched: TestShop, service: str, series: str
) -> None:
    assert f"{series} 0.0" in await page(untouched, service)
