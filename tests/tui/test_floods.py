"""Floods of lines: what is new is counted, what is first is reached, and memory stays as it is."""

import tracemalloc
from pathlib import Path

import pytest

from devctl.keeper.log import SegmentLog
from devctl.paths import StackPaths
from devctl.queries.pages import LAST_STEP, Pager
from devctl.record import store
from devctl.record.batch import Batch, Label
from devctl.record.logs import Query
from devctl.tui.log_signs import ErrorCounter
from tests.tui.driving import Driver, driving
from tests.tui.fakes import START_NS, line, log, shop

MANY = [*shop()[:3], *(log(n / 10, "order", f"line {n:04d}") for n in range(1500))]
FLOOD_LINES = 40_000
FLOOD_LINE = b"ERROR this did not work, and neither did what came after it" + b"." * 500 + b"\n"


def add(tui: Driver, *frames: dict[str, object]) -> None:
    tui.stack._frames += frames
    tui.stack.play()


async def read(tui: Driver) -> None:
    """Wait until what was asked for is read."""
    await tui.until(lambda: not tui.active.is_reading, "the lines are read")  # type: ignore[attr-defined]


def batch(*lines: str) -> Batch:
    data = "".join(f"{text}\n" for text in lines).encode()
    return Batch(Label("order", "order.1"), data, [len(data)], [START_NS])


async def test_what_is_new_is_counted_after_a_filter_and_after_a_jump(tmp_path: Path) -> None:
    async with driving(tmp_path, MANY) as tui:
        await tui.press("2")
        await tui.sees("line 1499")
        await tui.press("k")
        await tui.press("slash", *"line", "enter")
        await read(tui)
        add(tui, log(160, "order", "another line"), log(160.1, "order", "not counted"), log(160.2, "order", "a line"))
        await tui.sees("paused · 2 new · End")
        await tui.press("@", *"1m", "enter")
        await tui.sees("paused · 0 new · End")
        await read(tui)
        add(tui, log(161, "order", "one more line"))
        await tui.sees("paused · 1 new · End")
        await tui.press("end")
        await tui.sees("one more line", "following")


async def test_g_leads_to_the_first_line_of_the_record_however_long_it_is(tmp_path: Path) -> None:
    async with driving(tmp_path, MANY) as tui:
        await tui.press("2")
        await tui.sees("line 1499")
        await tui.press("g")
        await tui.sees("line 0000", "line 0001", "paused")
        assert tui.active.lines.cursor == 0
        await tui.press("G")
        await tui.sees("line 1499", "following")


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ("ERROR it failed", 1), ("the error of yesterday", 0), (line("error", "no"), 1), (line("info", "0 errors"), 0),
        ('{"level":50,"msg":"pino"}', 1), ('{"level": 60, "msg": "pino"}', 1), ('{"level":30,"msg":"pino"}', 0),
        ("Traceback (most recent call last):", 1), ("fine", 0), ("time=1 level=fatal msg=x", 1),
    ],
)  # fmt: skip
def test_lines_that_are_errors_count_whatever_stands_around_them(text: str, errors: int) -> None:
    assert ErrorCounter()(batch("before", text, "after")) == errors


def test_of_a_flood_of_errors_only_so_many_are_looked_at() -> None:
    counter = ErrorCounter(most=100)
    assert counter(batch(*["ERROR one"] * 90, "fine")) == 90
    assert counter(batch(*["ERROR one"] * 90)) == 10
    assert counter(batch("ERROR one")) == 0


@pytest.fixture
def flooded(tmp_path: Path) -> Pager:
    """A run into which a flood came since it was looked at last."""
    run = store.create(StackPaths(tmp_path))
    writer = SegmentLog(str(run.logs / "order.1"), 1 << 30)
    for number in range(FLOOD_LINES // 1000):
        writer.write(FLOOD_LINE * 1000, START_NS + number)
    writer.close()
    return Pager(run, Query(), whole=False)


def test_catching_up_with_a_flood_takes_little_memory(flooded: Pager) -> None:
    tracemalloc.start()
    lines, skipped = flooded.fresh({}, 500)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(lines), skipped) == (500, FLOOD_LINES - 500)
    assert peak < 12 * LAST_STEP


def test_looking_at_a_flood_from_afar_takes_little_memory(flooded: Pager) -> None:
    tracemalloc.start()
    ((service, last_ns, errors),) = flooded.signs({}, ErrorCounter(most=1000))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (service, last_ns, errors) == ("order", START_NS + FLOOD_LINES // 1000 - 1, 1000)
    assert peak < 8 * LAST_STEP
