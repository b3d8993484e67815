"""What queries do to a page: errors stand in their panel, ad hoc filters reach every query; keys do without a mouse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from devctl.web.app import Application
from devctl.web.boards.library import Library
from devctl.web.chart import library_folder
from devctl.web.data.prometheus import Prometheus
from tests.browser import PATIENCE_SECONDS, TEST_SECONDS, Page
from tests.integration.web.conftest import Viewer
from tests.integration.web.serving import served
from tests.integration.web.test_page import opened, shown
from tests.waiting import eventually

pytestmark = [pytest.mark.xdist_group("chromium"), pytest.mark.timeout(TEST_SECONDS)]
BOARD = {
    "uid": "filtered", "title": "Filtered", "time": {"from": "now-15m", "to": "now"},
    "templating": {"list": [{"type": "adhoc", "name": "Filters", "filters": [
        {"key": "service", "operator": "=", "value": "gamma"}]}]},
    "panels": [
        {"id": 1, "type": "timeseries", "title": "lines", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
         "targets": [{"refId": "A", "expr": "sum by (service) (rate(x[1m]))", "legendFormat": "{{service}}"}]},
        {"id": 2, "type": "timeseries", "title": "wrong", "gridPos": {"x": 12, "y": 0, "w": 12, "h": 8},
         "targets": [{"refId": "A", "expr": "a + broken_query"}]},
    ],
}  # fmt: skip
REASON = "[...document.querySelectorAll('.panel-problem:not([hidden])')].map(e => e.textContent)"


@pytest.fixture
def board(viewer: Viewer) -> str:
    (viewer.boards / "filtered.json").write_text(json.dumps(BOARD))
    return "/d/filtered"


def test_a_query_that_is_refused_says_why_in_its_panel(page: Page, viewer: Viewer, board: str) -> None:
    opened(page, viewer, board)
    assert page.run(REASON) == ["A: Prometheus refuses the query: parse error"]
    assert page.run("getComputedStyle(document.querySelector('.failed .panel-body')).visibility") == "hidden"
    assert page.complaints == []


def test_ad_hoc_filters_reach_every_query_and_stand_in_the_address(page: Page, viewer: Viewer, board: str) -> None:
    opened(page, viewer, board)
    eventually(lambda: [each["name"] for each in shown(page, "lines")["series"]] == ["gamma"], within=PATIENCE_SECONDS)
    page.run(
        "(() => { const i = document.querySelector('input[aria-label=Filters]');"
        "i.value = 'service=~alpha|beta, le!=1'; i.dispatchEvent(new Event('change')) })()"
    )
    page.until("location.search.includes('var-Filters=service%7C%3D%7E%7Calpha%7Cbeta')")
    eventually(
        lambda: [each["name"] for each in shown(page, "lines")["series"]] == ["alpha", "beta"], within=PATIENCE_SECONDS
    )
    assert page.run("document.querySelector('input[aria-label=Filters]').value") == "service=~alpha|beta, le!=1"
    page.run(
        "(() => { const i = document.querySelector('input[aria-label=Filters]');"
        "i.value = ''; i.dispatchEvent(new Event('change')) })()"
    )
    eventually(lambda: len(shown(page, "lines")["series"]) == 3, within=PATIENCE_SECONDS)


def test_while_prometheus_is_away_every_panel_says_so_and_draws_when_it_is_back(
    page: Page, viewer: Viewer, tmp_path: Path
) -> None:
    (tmp_path / "filtered.json").write_text(json.dumps(BOARD))
    prometheus = Prometheus("127.0.0.1:1")
    application = Application(Library(tmp_path), prometheus, None, library_folder)
    with served(application) as address, served(viewer.prometheus) as metrics:
        page.goto(f"http://{address}/d/filtered")
        reasons = page.until(f"{REASON}.length === 2 && {REASON}")
        assert all("Prometheus at 127.0.0.1:1 is away" in reason and "`devctl why`" in reason for reason in reasons)
        prometheus.address = metrics
        page.until(f"document.querySelector('[aria-label=Refresh]')?.click(), {REASON}.length === 1")
        assert [each["name"] for each in shown(page, "lines")["series"]] == ["gamma"]


def test_a_board_is_used_by_keys_alone(page: Page, viewer: Viewer, board: str) -> None:
    opened(page, viewer, board)
    focused = set()
    for _ in range(40):
        page.send("Input.dispatchKeyEvent", type="keyDown", key="Tab", code="Tab", windowsVirtualKeyCode=9)
        name = "document.activeElement.getAttribute('aria-label') ?? document.activeElement.textContent"
        focused.add(page.run(name))
    assert {"Boards", "Traces", "Filters", "Panel menu"} <= focused
    page.run("document.activeElement.blur()")
    before = page.run("document.documentElement.dataset.theme")
    page.send("Input.dispatchKeyEvent", type="keyDown", key="t", text="t")
    page.until(f"document.documentElement.dataset.theme !== {before!r}")
    page.send("Input.dispatchKeyEvent", type="keyDown", key="f", text="f")
    page.until("document.body.classList.contains('kiosk')")


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        ("new DOMException('', 'AbortError')", "AbortError"),
        ("new TypeError('network error')", "Error: The viewer answers 200 and no JSON."),
    ],
)
def test_an_answer_that_is_broken_off_half_way_is_not_drawn(
    page: Page, viewer: Viewer, failure: str, error: str
) -> None:
    page.goto(viewer.url("/dashboards"))
    page.until("document.querySelector('.cards') !== null")
    outcome = page.run(
        "(async () => { const { get } = await import('/static/api.js');"
        f"window.fetch = async () => ({{ ok: true, status: 200, json: async () => {{ throw {failure} }} }});"
        "return get('search').then(() => 'taken for whole', String) })()"
    )
    assert outcome.startswith(error)
