"""Links of boards into Grafana's Explore lead to the page here that shows the same."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from dashboards.links import traces_url
from devctl.web.explore import address


def panes(query: dict[str, Any], datasource: str = "jaeger", **more: Any) -> dict[str, list[str]]:
    return {"panes": [json.dumps({"a": {"datasource": datasource, "queries": [query], **more}})]}


@pytest.mark.parametrize(
    ("query", "page"),
    [
        (panes({"service": "a"}, range={"from": "now-5m", "to": "now"}), "/traces?from=now-5m&to=now&service=a"),
        (panes({"service": "a b", "minDuration": "1.5s"}), "/traces?service=a+b&min_ms=1500"),
        (panes({"tags": "error=true"}), "/traces?errors=true"),
        (panes({"expr": '{service_name="order", level="error"}'}, "loki"), "/logs?service=order&level=error"),
        ({"left": ['{"datasource":"jaeger","queries":[{"queryType":"search"}]}']}, "/traces"),
        ({}, "/traces"),
        ({"panes": ["[1]"]}, "/traces"),
        ({"panes": ["no JSON"]}, "/traces"),
        ({"panes": ['{"a": {"queries": [7], "range": "x"}}']}, "/traces"),
    ],
)  # fmt: skip
def test_an_address_of_explore_means_a_page_here(query: dict[str, list[str]], page: str) -> None:
    assert address(query) == page


def test_the_links_of_our_boards_are_read() -> None:
    link = traces_url("order").replace("${__from}", "now-15m").replace("${__to}", "now")

    assert address(parse_qs(urlsplit(link).query)) == "/traces?from=now-15m&to=now&service=order"
