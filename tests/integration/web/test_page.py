"""The page in a real Chromium: every kind of panel, variables, zoom, links, themes, widths, hostile boards."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser import PATIENCE_SECONDS, TEST_SECONDS, Browser, Page
from tests.integration.web.boards import DRAWN, LACKING, LINK
from tests.integration.web.conftest import Viewer
from tests.integration.web.serving import SERVICES, value
from tests.waiting import eventually

SETTLED = "[...document.querySelectorAll('.panel')].every(p => p.dataset.state || p.classList.contains('kind-unknown'))"
ALL_AT_ONCE = 6_000
"""Higher than the board of every kind."""

PANEL = "[...document.querySelectorAll('.panel')].find(p => p.getAttribute('aria-label') === '{}')"

pytestmark = [pytest.mark.xdist_group("chromium"), pytest.mark.timeout(TEST_SECONDS)]


def opened(page: Page, viewer: Viewer, path: str, height: int = 900) -> Page:
    page.size(1280, height)
    page.goto(viewer.url(path))
    page.until(f"document.querySelector('.panel') && {SETTLED}")
    return page


def overlapping(page: Page) -> int:
    """Return how many panels and rows cover others."""
    count: int = page.run(
        "(() => { const b = [...document.querySelectorAll('.panel, .row-head')].map(p => p.getBoundingClientRect());"
        "return b.filter((x, i) => b.some((y, j) => j > i && x.left < y.right - 1 && y.left < x.right - 1 &&"
        " x.top < y.bottom - 1 && y.top < x.bottom - 1)).length })()"
    )
    return count


@pytest.fixture(scope="module")
def every(chromium: Browser, viewer: Viewer) -> Page:
    """The board of every kind, so high that every panel is seen: panels out of sight are not asked for."""
    return opened(chromium.page(), viewer, "/d/every?theme=dark", ALL_AT_ONCE)


def shown(page: Page, title: str) -> Any:
    """Return what a panel has drawn, as its chart holds it."""
    return page.run(f"{PANEL.format(title)}.querySelector('.panel-body').chart.shown()")


def ink(page: Page, title: str) -> int:
    """Return how many pixels of a panel's canvas are painted."""
    count: int = page.run(
        f"(() => {{ const p = {PANEL.format(title)};"
        "const c = p.querySelector('canvas'); const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "let n = 0; for (let i = 3; i < d.length; i += 4) if (d[i]) n++; return n })()"
    )
    return count


def test_every_kind_of_panel_is_drawn_with_the_values_of_its_queries(every: Page, viewer: Viewer) -> None:
    for title, (kind, _, _) in DRAWN.items():
        drawn = shown(every, title)
        if "times" in drawn:
            assert [each["name"] for each in drawn["series"]] == list(SERVICES), title
            for each in drawn["series"]:
                expected = [value(each["name"], moment) for moment in drawn["times"]]
                assert each["values"] == pytest.approx(expected, abs=1e-5), title
        elif kind not in ("barchart", "histogram"):
            assert {each["name"] for each in drawn["values"]} == set(SERVICES), title
        if kind in ("timeseries", "barchart", "histogram", "state-timeline", "status-history"):
            assert ink(every, title) > 500, title
    assert every.complaints == []
    assert every.hosts == {viewer.address}


def test_tables_heat_maps_texts_and_lists_are_drawn(every: Page) -> None:
    table = shown(every, "table")
    assert [column["name"] for column in table["columns"]] == ["__name__", "Who", "Value"]
    assert table["columns"][1]["values"] == list(SERVICES)
    heat = shown(every, "heat")
    assert [each["name"] for each in heat["series"]] == ["0.1", "0.5", "1", "+Inf"]
    assert ink(every, "heat") > 500
    assert "Some bold and code of alpha + beta" not in shown(every, "words")["text"]
    assert "Some bold and code of All, a link" in shown(every, "words")["text"]
    assert every.run("document.querySelectorAll('.written table td').length") == 2
    assert "Every kind" in shown(every, "boards")["names"]


def test_what_is_not_drawn_says_so_with_its_kind(every: Page) -> None:
    texts = every.run("[...document.querySelectorAll('.kind-unknown')].map(p => p.textContent)")
    assert [any(kind in text for text in texts) for kind in LACKING] == [True] * len(LACKING)
    state = PANEL + ".querySelector('.panel-state').title"
    assert "parse error" in every.run(state.format("wrong"))
    assert "regression" in every.run(state.format("unknown step"))


def test_a_repeated_panel_stands_once_for_each_value(every: Page) -> None:
    titles = every.run("[...document.querySelectorAll('h2')].map(e => e.textContent).filter(t => t.startsWith('of '))")
    assert titles == ["of alpha", "of beta", "of gamma"]
    assert shown(every, "of beta")["values"][0]["name"] == "beta"


def test_a_choice_of_a_variable_changes_the_address_and_every_panel(page: Page, viewer: Viewer) -> None:
    opened(page, viewer, "/d/every")
    page.click("[data-variable=service] .choice")
    page.click("[data-variable=service] .options button:nth-child(2)")
    page.until("location.search.includes('var-service=beta')")
    eventually(lambda: [each["name"] for each in shown(page, "lines")["series"]] == ["beta"], within=PATIENCE_SECONDS)
    assert page.complaints == []


def test_a_drag_zooms_and_the_way_back_leads_out(page: Page, viewer: Viewer) -> None:
    opened(page, viewer, "/d/every?viewPanel=1")
    before = shown(page, "lines")["times"]
    x, y = page.middle(".u-over")
    page.drag((x - 100, y), (x + 100, y))
    page.until("/from=\\d{13}/.test(location.search)")

    def is_zoomed() -> bool:
        times = shown(page, "lines")["times"]
        return bool(before[0] < times[0] and times[-1] < before[-1] and times[-1] - times[0] < 600)

    eventually(is_zoomed, within=PATIENCE_SECONDS)
    page.run("history.back()")
    page.until("!/from=\\d{13}/.test(location.search)")
    eventually(lambda: shown(page, "lines")["times"][0] <= before[0] + 60, within=PATIENCE_SECONDS)


def test_the_crosshair_of_one_panel_stands_in_the_others(every: Page) -> None:
    x, y = every.middle("[data-panel='1'] .u-over")
    every.mouse("mouseMoved", x, y)
    every.mouse("mouseMoved", x + 20, y)
    every.until("!document.querySelector('.tip').hidden")
    lines = "[...document.querySelectorAll('.u-cursor-x')].filter(e => !e.classList.contains('u-off')).length"
    assert every.until(f"{lines} > 3")
    assert every.until("[...document.querySelectorAll('.crosshair')].some(e => !e.hidden)")


def test_a_closed_row_opens_and_its_panels_ask_then(every: Page) -> None:
    assert every.run("document.querySelector('[data-panel=\"81\"]')") is None
    every.click("[data-row='80']")
    every.until("document.querySelector('[data-panel=\"81\"]')?.dataset.state === 'drawn'")
    assert overlapping(every) == 0


def test_links_lead_to_boards_with_time_and_variables(page: Page, viewer: Viewer) -> None:
    opened(page, viewer, "/d/every?from=now-5m&to=now&var-service=beta")
    assert page.until("document.querySelector('td a')?.getAttribute('href')") == "/d/every?var-service=beta"
    page.click(".link-group button")
    address = page.until("document.querySelector('.link-menu a')?.getAttribute('href')")
    assert "from=now-5m" in address
    assert "var-service=beta" in address


def test_a_refresh_brings_new_values_without_drawing_anew(page: Page, viewer: Viewer) -> None:
    opened(page, viewer, "/d/every?viewPanel=1&refresh=5s")
    page.run("window.first = document.querySelector('.uplot'), 1")
    last = shown(page, "lines")["times"][-1]
    eventually(lambda: shown(page, "lines")["times"][-1] > last, within=PATIENCE_SECONDS)
    assert page.run("window.first === document.querySelector('.uplot')")
    assert page.complaints == []


@pytest.mark.parametrize("theme", ["dark", "light"])
@pytest.mark.parametrize("width", [390, 1280, 2200])
def test_the_page_fits_every_width_and_theme(page: Page, viewer: Viewer, theme: str, width: int) -> None:
    page.size(width, 900)
    page.goto(viewer.url(f"/d/every?theme={theme}"))
    page.until("document.querySelectorAll('.panel[data-state=drawn]').length > 1")
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.run("document.documentElement.dataset.theme") == theme
    light = page.run("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0] > 128")
    assert light == (theme == "light")
    assert overlapping(page) == 0
    assert page.complaints == []


def test_kiosk_leaves_the_panels_alone(page: Page, viewer: Viewer) -> None:
    opened(page, viewer, "/d/every?kiosk")
    assert page.run("getComputedStyle(document.querySelector('.top')).display") == "none"


def test_a_hostile_board_does_nothing(page: Page, viewer: Viewer) -> None:
    opened(page, viewer, "/d/hostile")
    page.run("document.querySelectorAll('.panel-more').forEach(b => b.click())")
    page.run("document.querySelectorAll('.written a, .written span').forEach(e => e.click())")
    assert page.run("window.harm ?? null") is None
    assert page.run(f"[...document.querySelectorAll('a')].some(a => a.href.startsWith({LINK[:11]!r}))") is False
    assert (
        page.run("document.querySelectorAll('iframe, .written style, .written script, .written form, img').length") == 0
    )
    assert page.hosts == {viewer.address}
    assert page.complaints == []


def test_ten_megabytes_of_board_leave_the_page_alive(page: Page, viewer: Viewer) -> None:
    text = {"type": "text", "title": "x" * 200, "gridPos": {"w": 6, "h": 4}, "options": {"content": "word " * 2_000}}
    panels = [{**text, "gridPos": {"x": n % 4 * 6, "y": n // 4 * 4, "w": 6, "h": 4}} for n in range(1_000)]
    import json

    (viewer.boards / "large.json").write_text(json.dumps({"uid": "large", "title": "Large", "panels": panels}))
    page.goto(viewer.url("/d/large"))
    page.until("document.querySelectorAll('.panel').length === 1000", within=PATIENCE_SECONDS)
    assert page.complaints == []


def test_without_the_chart_library_the_page_says_what_to_run(page: Page, viewer: Viewer) -> None:
    page.send("Network.setBlockedURLs", urls=["*uPlot*"])
    page.goto(viewer.url("/d/every?viewPanel=1"))
    assert page.until("document.querySelector('.lacking code')?.textContent") == "devctl tools install uplot"


def test_the_list_of_boards_names_those_that_cannot_be_read(page: Page, viewer: Viewer) -> None:
    (viewer.boards / "broken.json").write_text("{")
    page.goto(viewer.url("/dashboards"))
    assert page.until("document.querySelector('.card.broken p')?.textContent") == (
        "is no JSON: line 1, column 2: Expecting property name enclosed in double quotes"
    )
    assert page.run("document.querySelectorAll('a.card').length") >= 2
