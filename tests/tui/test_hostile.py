"""Text from outside is shown exactly and can do nothing: markup, control sequences, wide and combining characters,
lines of a megabyte; and whatever happens in whatever order, the screen stays whole."""

import asyncio
import random
import tempfile
import time
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from devctl.queries.pages import Anchor, PageLine
from devctl.record.lines import Line
from devctl.text import clean
from devctl.tui import arrange, keys
from devctl.tui.cells import columns, cut_cells, fit_cells, marked, plain, safe
from devctl.tui.model import Model
from devctl.tui.screens import log_rows
from devctl.tui.stack import Shell
from devctl.tui.widgets.lines import LineView
from devctl.tui.widgets.rows import Flow, Row
from tests.soak import IS_SOAK, rounds
from tests.tui.driving import Driver, driving
from tests.tui.fakes import NAMES, instance, line, log, service, shop, status

NASTY = st.sampled_from(
    ["[/x]", "[bold red]", "[@click=app.bell]x[/]", "\\[", "$accent", "{0}", "%s", "\x1b[2J", "\x1b]52;c;eA==\x07",
     "\x1b[31mred\x1b[0m", "\x9b1m", "\r", "\b", "\x00", "\x7f", "‮", "​", "é", "e\u0301", "日本", "👩‍👩‍👧", "ﷺ", "\t",
     "\udcff", "\u2028", "​", "\ufeff", "│", "🇩🇪", "ก็", "\U000e0041"]
)  # fmt: skip
TEXTS = st.lists(st.one_of(NASTY, st.text(max_size=12)), max_size=12).map("".join)
CELLS = st.lists(st.tuples(TEXTS.map(safe), st.sampled_from(["", "dim", "bad"])), max_size=6).map(tuple)
MANY = settings(max_examples=2000, suppress_health_check=list(HealthCheck))
SOME = settings(MANY, max_examples=300)


@MANY
@given(TEXTS, st.integers(2, 60))
def test_a_line_is_shown_exactly_however_it_wraps(text: str, room: int) -> None:
    raw = text.replace("\n", " ").encode("utf-8", "surrogateescape")
    record = Line(1, "order", "order.1", raw)
    cells = log_rows.cells(PageLine(Anchor(1, "order.1", 0), record), lambda _: "12:00:00.000", 8)
    message = record.parsed.message
    assert safe(message) in plain(cells)
    assert all(unicodedata.category(character)[0] != "C" or character == "­" for character in plain(cells)) or (
        clean(plain(cells)) == plain(cells))  # fmt: skip
    flow = Flow()
    flow.rows, flow.wraps, flow.width = [Row(1, cells)], True, room
    pieces = flow.pieces(0)
    assert "".join(plain(piece.cells)[piece.indent :] for piece in pieces) == plain(cells)
    assert all(columns(piece.cells) <= room for piece in pieces)


@SOME
@given(CELLS, st.integers(0, 40))
def test_cut_and_fitted_cells_take_exactly_their_room(cells: tuple[tuple[str, str], ...], room: int) -> None:
    assert columns(cut_cells(cells, room)) <= room
    assert columns(fit_cells(cells, room)) == room
    assert sum(cell_len(text) for text, _ in fit_cells(cells, room)) == room


@SOME
@given(CELLS, st.lists(st.tuples(st.integers(-3, 40), st.integers(-3, 40)).map(sorted), max_size=3))
def test_marking_changes_styles_and_no_text(cells: tuple[tuple[str, str], ...], spans: list[Any]) -> None:
    ordered = sorted(tuple(span) for span in spans)
    assert plain(marked(cells, ordered, "match")) == plain(cells)


def test_a_line_of_a_megabyte_is_cut_for_the_screen_and_whole_for_copying(tmp_path: Path) -> None:
    async def look() -> None:
        frames = [*shop()[:3], log(1, "order", "x" * (1 << 20)), log(2, "order", "after it")]
        async with driving(tmp_path, frames) as tui:
            await tui.press("2")
            await tui.sees("after it")
            row = next(row for row in tui.active.lines.rows if "xxx" in row.text)
            assert len(row.data.line.raw) == 1 << 20
            assert len(row.text) < 1 << 17

    asyncio.run(look())


@pytest.mark.parametrize("view", "12345678")
async def test_hostile_names_reasons_and_lines_harm_no_view(tmp_path: Path, view: str) -> None:
    evil = "[/x] \x1b[2J\x1b]52;c;eA==\x07 日本 [@click=app.exit]"
    views = [service(evil, "failed", reason=evil, cure=evil, instances=[instance("order", reason=evil)]), service("b")]
    cause = {"service": evil, "instance": "", "status": "failed", "says": evil, "next": evil, "exit_code": 1,
             "answer": evil, "lines": [evil]}  # fmt: skip
    frames = [{**shop()[0], "stack": evil}, log(0, "order", evil), log(0, "order", line("error", evil, **{evil: evil})),
              {"at": 1, "why": [{"service": evil, "status": "failed", "chain": [cause]}]},
              {"at": 1, "item": {"status": status(*views, stack=evil, word="unhealthy")}},
              {"at": 1, "item": {"notice": evil}}]  # fmt: skip
    async with driving(tmp_path, frames, (120, 40)) as tui:
        await tui.press(view, "w")
        await tui.sees("[/x]")
        await _stays_whole(tui)
        await tui.press("w", "d", "colon")
        await _stays_whole(tui)


async def _stays_whole(tui: Driver) -> None:
    await tui.pilot.pause()
    assert "\x1b" not in tui.text()
    assert all(cell_len(row) <= tui.app.size.width for row in tui.lines())


# Whatever happens, in whatever order

STATUSES = st.sampled_from(
    ["healthy", "failed", "starting", "blocked", "stopped", "unavailable", "unhealthy", "pending"]
)
ITEMS = st.one_of(
    st.builds(lambda name, word: {"services": [service(name, word, reason=word)]}, st.sampled_from(NAMES), STATUSES),
    st.just({"status": status()}),
    st.builds(lambda text: {"notice": text}, TEXTS),
    st.builds(lambda name: {"event": {"type": "instance_ready", "instance": name, "service": name, "at_ns": 5}}, TEXTS),
)  # fmt: skip
KEYS = st.sampled_from(
    ["1", "2", "3", "4", "5", "6", "7", "8", "j", "k", "g", "G", "enter", "escape", "space", "w", "d", "z", "tab", "l",
     "t", "n", "F", "W", "f", "left_square_bracket", "right_square_bracket", "question_mark", "colon", "c", "v", "b",
     "ctrl+d", "ctrl+u", "left", "right", "ctrl+t", "r", "s", "p", "T"]
)  # fmt: skip
SIZES = st.sampled_from([(80, 24), (120, 40), (200, 50), (60, 15), (40, 10), (109, 24)])
STEPS = st.lists(
    st.one_of(st.tuples(st.just("key"), KEYS), st.tuples(st.just("item"), ITEMS), st.tuples(st.just("size"), SIZES)),
    max_size=30,
)


@pytest.mark.timeout(600)
@settings(max_examples=rounds(8, 300), suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_events_keys_and_sizes_in_any_order_leave_the_screen_whole(steps: list[tuple[str, Any]]) -> None:
    async def play() -> None:
        with tempfile.TemporaryDirectory() as folder:
            async with driving(Path(folder)) as tui:
                for kind, value in steps:
                    if kind == "key":
                        await tui.press(value)
                    elif kind == "item":
                        tui.stack.feed(value)
                    else:
                        await tui.pilot.resize_terminal(*value)
                    if not tui.app.is_running:
                        return
                await _holds(tui)

    asyncio.run(play())


async def _holds(tui: Driver) -> None:
    """Check what must hold at any time: no line wider than the screen, focus somewhere, the state shown."""
    width, height = tui.app.size
    await tui.until(lambda: tui.app.screen.focused is not None, "the focus is somewhere")
    assert len(tui.lines()) == height
    assert all(cell_len(row) <= width for row in tui.lines())
    await tui.press("escape", "escape", "escape", "escape", "escape", "1")
    if not arrange.is_too_small(width, height):
        good, total = tui.app.model.healthy
        await tui.until(
            lambda: f"{good}/{total} healthy" in tui.text() or "stopped" in tui.text(), "the state is shown"
        )


@settings(max_examples=200)
@given(st.lists(ITEMS, max_size=20))
def test_the_model_ends_where_the_last_word_on_each_service_says(items: list[dict[str, Any]]) -> None:
    model = Model()
    last: dict[str, str] = {}
    for item in items:
        model.apply(item)  # type: ignore[arg-type]
        views = item["status"]["services"] if "status" in item else item.get("services", [])
        last |= {view["name"]: view["status"] for view in views}
    assert {name: view["status"] for name, view in model.services.items()} == last


EVERY_KEY = sorted({key for action in keys.ACTIONS for key in action.keys} - {"q", "ctrl+c", "o"} | keys.MOVES.keys())
TYPED = [*"0123456789abcdefghijklmnoprstuvwxyz:=<>./ ", "backspace", "delete", "enter", "escape", "tab"]
SOAK_SECONDS = 600


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("seed", [2026])
async def test_random_keys_never_stop_it_nor_lose_a_service(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    until = time.monotonic() + SOAK_SECONDS
    async with driving(tmp_path) as tui:
        tui.control.shells = Shell(("true",), {}, "")
        tui.app.exit = lambda *_, **__: None  # type: ignore[method-assign]  the palette offers to leave, too
        pressed = 0
        while time.monotonic() < until if IS_SOAK else pressed < 250:
            await tui.press(rng.choice(EVERY_KEY if rng.random() < 0.7 else TYPED))
            pressed += 1
            if pressed % 50 == 0:
                await tui.pilot.resize_terminal(*rng.choice([(40, 10), (80, 24), (109, 30), (120, 40), (200, 50)]))
        assert tui.app.is_running
        assert len(tui.app.model.services) == len(NAMES)
        await _holds(tui)


ROWS = st.lists(st.integers(0, 300), max_size=60)


@settings(max_examples=300)
@given(ROWS, st.integers(5, 40), st.integers(1, 12), st.booleans(), st.lists(st.integers(-70, 70), max_size=8))
def test_scrolling_never_leaves_the_rows_nor_shows_a_gap(
    lengths: list[int], width: int, height: int, wraps: bool, moves: list[int]
) -> None:
    flow = Flow()
    flow.rows = [Row(number, (("x" * length, ""),)) for number, length in enumerate(lengths)]
    flow.width, flow.height, flow.wraps = width, height, wraps
    everything = [(index, piece) for index in range(len(lengths)) for piece in range(flow.count(index))]
    for move in moves:
        flow.scroll(move)
        spots = flow.lines()
        assert len(spots) == min(height, len(everything))
        if spots:
            first = everything.index(spots[0])
            assert everything[first : first + len(spots)] == spots


def test_a_list_without_rows_takes_every_key() -> None:
    lines = LineView()
    for name in ("down", "up", "first", "last", "page_down", "mark", "link_right"):
        lines.move(name)
    assert lines.current is None
