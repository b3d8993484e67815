"""The boards of the shop in a browser, under traffic: every panel draws, with what Prometheus itself answers."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest

from devctl.web.chart import library_folder
from tests import browser
from tests.browser import TEST_SECONDS, Browser, Page
from tests.e2e.shop import ROOT, Stack
from tests.e2e.test_boards import may_be_empty, traffic
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(TEST_SECONDS)]
BOARDS = {file.stem: json.loads(file.read_text()) for file in sorted((ROOT / "dashboards").glob("*.json"))}
SETTLED_SECONDS = 30
"""What is newer may still change: samples and counters come in late."""
RATE_INTERVAL = "20s"
"""Four scrapes of five seconds, as Grafana works it out for a step of five seconds."""
TALL = 3_000
PICTURES = os.environ.get("DEVCTL_PICTURES", "")
"""Where the pictures of README are to be written; empty for nowhere lasting."""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    if browser.program() is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    if library_folder() is None:
        pytest.skip("the chart library is not here: devctl tools install uplot")
    with browser.running() as running:
        yield running


@pytest.fixture(scope="module")
def viewer(stack: Stack) -> Iterator[str]:
    """The viewer of the stack; one beside it where the real Grafana runs."""
    service = stack.service("grafana")
    if service["variant"] == "embedded":
        eventually(lambda: stack.service("grafana")["status"] == "healthy", within=60, every=0.5)
        yield f"http://{stack.address('grafana')}"
        return
    run = max((stack.state / "runs").iterdir())
    arguments = ["--listen", "127.0.0.1:0", "--boards", str(ROOT / "dashboards"), "--run", str(run)]
    command = [sys.executable, "-m", "devctl.web", *arguments, "--prometheus", stack.address("prometheus")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield f"http://{json.loads(process.stdout.readline())['address']}"
        finally:
            process.terminate()


@pytest.fixture(scope="module", autouse=True)
def busy(stack: Stack) -> Iterator[None]:
    """Customers at work, for long enough that every panel has something to show."""
    stop = threading.Event()
    shopper = stack.shopper()

    def work() -> None:
        while not stop.wait(1):
            traffic(shopper)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(120)
        shopper.close()


def test_up_ends_with_an_address_for_the_boards(stack: Stack) -> None:
    eventually(lambda: stack.service("grafana")["status"] == "healthy", within=60, every=0.5)
    service = stack.service("grafana")
    assert service["variant"] in ("native", "container", "embedded")
    assert httpx.get(f"http://{stack.address('grafana')}/api/health").json()["database"] == "ok"
    assert service["page"]


def opened(page: Page, viewer: str, path: str) -> None:
    page.size(1280, TALL)
    page.goto(viewer + path)
    page.until(
        "document.querySelector('.panel') && [...document.querySelectorAll('.panel')].every(p => p.dataset.state)"
    )


def drawn(page: Page) -> dict[str, Any]:
    """Return what each panel of the page has drawn, by title."""
    panels: dict[str, Any] = page.run(
        "Object.fromEntries([...document.querySelectorAll('.panel')].map(p => "
        "[p.getAttribute('aria-label'), p.querySelector('.panel-body').chart?.shown() ?? null]))"
    )
    return panels


def targets(board: str) -> Iterator[tuple[str, Sequence[str]]]:
    """Yield the panels of a board that must show something, with what they ask."""
    for panel in BOARDS[board]["panels"]:
        is_metric = panel.get("targets") and panel["datasource"]["type"] == "prometheus"
        if is_metric and panel["title"] not in may_be_empty().get(board, {}):
            yield panel["title"], [target["expr"] for target in panel["targets"] if target.get("expr")]


def answered(stack: Stack, expression: str, times: Sequence[float]) -> dict[str, list[float | None]]:
    """Return what Prometheus itself says at these times, by the labels of the series."""
    query = expression.replace("$__rate_interval", RATE_INTERVAL).replace("$service", ".*")
    step = times[1] - times[0]
    parameters: dict[str, Any] = {"query": query, "start": times[0], "end": times[-1], "step": step}
    address = f"http://{stack.address('prometheus')}/api/v1/query_range"
    answer = httpx.get(address, params=parameters, timeout=30).json()
    series = {}
    for entry in answer["data"]["result"]:
        values = {float(moment): float(value) for moment, value in entry["values"]}
        series[key(entry["metric"])] = [values.get(moment) for moment in times]
    return series


def key(labels: dict[str, str]) -> str:
    return json.dumps(labels, sort_keys=True)


def compare(stack: Stack, title: str, expressions: Sequence[str], shown: Any) -> None:
    """Compare what a panel over time has drawn with what Prometheus says of its queries."""
    times = [moment for moment in shown["times"] if moment <= shown["times"][-1] - SETTLED_SECONDS]
    answers = [answered(stack, expression, times) for expression in expressions]
    assert shown["series"], title
    for series in shown["series"]:
        mine = numbers(series["values"][: len(times)])
        # Queries of one panel may answer with the same labels, as those for several percentiles do.
        theirs = [numbers(answer.get(key(series["labels"]), [None] * len(times))) for answer in answers]
        assert any(mine == pytest.approx(each, rel=1e-6, abs=1e-9, nan_ok=True) for each in theirs), (
            title,
            mine,
            theirs,
        )


def compare_last(stack: Stack, title: str, expressions: Sequence[str], shown: Any) -> None:
    """Compare single values with the last ones that Prometheus has for them at the time that they are of."""
    for each in shown:
        times = [each["time"] - 5 * number for number in range(12, -1, -1)]
        answers = [answered(stack, query, times).get(key(each["labels"]), []) for query in expressions]
        samples = [[value for value in answer if value is not None and value == value] for answer in answers]
        # The newest sample may have come in since: what is shown is then the one before it.
        newest = [value for values in samples for value in values[-3:]]
        assert any(each["value"] == pytest.approx(value, rel=1e-6) for value in newest), (title, each, newest)


def numbers(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]


@pytest.mark.parametrize("board", sorted(BOARDS))
def test_every_panel_draws_what_prometheus_answers(stack: Stack, viewer: str, chromium: Browser, board: str) -> None:
    page = chromium.page()
    opened(page, viewer, f"/d/{board}?from=now-5m&to=now")

    def empty() -> list[str]:
        shown = drawn(page)
        return [title for title, _ in targets(board) if not filled(shown[title])]

    if not eventually(lambda: not empty(), within=90, every=2):
        pytest.fail(f"empty: {empty()}")
    page.run("document.querySelector('[aria-label=Refresh]').click()")
    shown = drawn(page)
    for title, expressions in targets(board):
        if "times" in shown[title] and "labels" in shown[title]["series"][0]:
            compare(stack, title, expressions, shown[title])
        elif "values" in shown[title]:
            compare_last(stack, title, expressions, shown[title]["values"])
    assert page.complaints == []
    assert {f"http://{host}" for host in page.hosts} == {viewer}


def filled(shown: Any) -> bool:
    """Tell whether a panel has drawn a value."""
    if shown is None:
        return False
    if "series" in shown:
        return any(value is not None for series in shown["series"] for value in series["values"])
    if "values" in shown:
        return any(each["value"] is not None for each in shown["values"])
    return bool(shown.get("columns"))


@pytest.mark.parametrize("board", ["shop-overview", "service"])
def test_pictures_of_the_boards_are_made(viewer: str, chromium: Browser, board: str, tmp_path: Path) -> None:
    page = chromium.page()
    page.size(1280, 900)
    page.goto(f"{viewer}/d/{board}?theme=dark&from=now-2m&to=now")
    page.until("document.querySelectorAll('.panel[data-state=drawn]').length > 8")
    path = Path(PICTURES or tmp_path) / f"{board}.png"
    page.picture(path)
    assert path.stat().st_size > 20_000


def test_traces_lines_services_and_the_map_of_the_run_are_shown(viewer: str, chromium: Browser) -> None:
    page = chromium.page()
    page.goto(f"{viewer}/traces")
    address = page.until("document.querySelector('.trace-row')?.getAttribute('href')")
    page.goto(viewer + address)
    page.until("document.querySelectorAll('.span-row').length")
    page.goto(f"{viewer}/logs?service=order")
    page.until("[...document.querySelectorAll('.line b')].some(e => e.textContent === 'order')")
    page.goto(f"{viewer}/services")
    page.until("document.querySelectorAll('[data-service=gateway] .badge.good').length")
    page.goto(f"{viewer}/map")
    page.until("document.querySelectorAll('.map-drawing .edge').length > 3")
    assert page.complaints == []


def test_the_journey_of_an_order_is_shown(stack: Stack, viewer: str, chromium: Browser) -> None:
    shopper = stack.shopper()
    order = shopper.order().json()["id"]
    shopper.settled(order)
    shopper.close()
    page = chromium.page()
    eventually(
        lambda: httpx.get(f"{viewer}/api/viewer/stack/journeys/{order}", timeout=30).status_code == 200, within=30
    )
    page.goto(f"{viewer}/journey/{order}")
    page.until("document.querySelectorAll('.journey-row').length > 5")
    assert page.complaints == []


def test_tabs_share_the_answers_of_prometheus(viewer: str, chromium: Browser) -> None:
    def figures() -> dict[str, float]:
        lines = httpx.get(f"{viewer}/metrics").text.splitlines()
        return {name: float(value) for name, value in (line.split() for line in lines if not line.startswith("#"))}

    tabs = [chromium.page() for _ in range(3)]
    before = figures()
    for tab in tabs:
        opened(tab, viewer, "/d/shop-overview?from=now-5m&to=now&refresh=")
    after = figures()
    names = ("devctl_web_prometheus_queries_total", "devctl_web_shared_answers_total")
    sent, shared = (after[name] - before[name] for name in names)
    assert sent + shared > 2 * 14
    assert shared > 0
    assert re.fullmatch(r"\d+(\.\d+)?(e\+\d+)?", str(after["process_resident_memory_bytes"]))
