"""Runs and bundles in the terminal UI: what was packed opens with the same screens, read only."""

import json
import os
import time
from pathlib import Path

from devctl.actions import bundle
from devctl.actions.access import Selection, StackAccess
from devctl.keeper.log import SegmentLog
from devctl.paths import StackPaths
from devctl.record import store
from devctl.tui.past import PastRun
from devctl.tui.stack import RunInfo
from tests.tui.driving import driving
from tests.tui.fakes import fake_stack

SPEC = {"name": "shop", "services": {}}


def packed(folder: Path, target: Path) -> str:
    """Pack a run of another machine with one log line; return its id."""
    run = store.create(StackPaths(folder))
    run.spec_file.write_text(json.dumps(SPEC))
    log = SegmentLog(str(run.logs / "order.1"), 1 << 20)
    log.write(b"a line from afar\n", time.time_ns())
    log.close()
    bundle.pack(run, target)
    return run.id


def access(folder: Path) -> StackAccess:
    return StackAccess(Selection(project_directory=str(folder)), dict(os.environ))


def here(folder: Path) -> PastRun:
    """A stack with a run of its own."""
    return PastRun(access(folder), store.create(StackPaths(folder)))


def test_bundles_beside_the_stack_are_listed_and_what_is_none_is_left_out(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    stack = here(home)
    run_id = packed(tmp_path / "afar", home / "smoke.zip")
    (home / "photos.zip").write_bytes(b"no bundle")
    assert [(run.id, Path(run.bundle).name) for run in stack.runs() if run.bundle] == [(run_id, "smoke.zip")]


def test_an_opened_bundle_shows_its_lines_and_leaves_the_runs_of_the_stack_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    stack = here(home)
    packed(tmp_path / "afar", home / "smoke.zip")
    before = [run.id for run in stack.runs()]
    opened = stack.open_run(next(run for run in stack.runs() if run.bundle))
    from devctl.queries.pages import END
    from devctl.record.logs import Query

    lines = opened.telemetry.pager(Query()).page(END, 10, 0).lines
    assert [line.line.text for line in lines] == ["a line from afar"]
    assert [run.id for run in stack.runs()] == before
    assert opened.link == "past"


async def test_enter_on_a_bundle_opens_it_and_escape_leads_back(tmp_path: Path) -> None:
    home, file = tmp_path / "home", tmp_path / "smoke.zip"
    home.mkdir()
    packed(tmp_path / "afar", file)
    stack = fake_stack(tmp_path / "stack")
    info = RunInfo("20260101-000000-abcd", 0.0, 1, is_current=False, bundle=str(file))
    stack.runs = lambda: [info]  # type: ignore[method-assign]
    stack.open_run = here(home).open_run  # type: ignore[method-assign]
    async with driving(tmp_path, stack=stack) as tui:
        await tui.press("8")
        await tui.at("smoke.zip")
        await tui.press("enter")
        await tui.sees("past run, read only")
        await tui.press("2")
        await tui.sees("a line from afar")
        await tui.press("1", "escape")
        await tui.sees("Back at the stack as it is now")
        await tui.sees_not("past run, read only")
