"""A short-lived command ends with all that it started, whatever that did to its session, environment or output."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from devctl.machine import process_command
from devctl.machine.process import stat_fields
from tests.waiting import eventually, eventually_async

ENVIRONMENT = {"PATH": os.environ["PATH"]}
ESCAPES = {
    "a session of its own": "setsid sleep 300 >/dev/null 2>&1 &",
    "a session that holds the output": "setsid sleep 300 &",
    "an orphan of an orphan": "setsid sh -c 'setsid sleep 300 >/dev/null 2>&1 &' &",
    "a wiped environment that holds the output": "setsid env -i /bin/sleep 300 &",
    "the child of a marked one, wiped and silent": "setsid sh -c 'env -i /bin/sleep 300 >/dev/null 2>&1; :' &",
    "one that ignores the end": "setsid sh -c 'trap \"\" TERM HUP INT; sleep 300; :' >/dev/null 2>&1 &",
}
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere psutil looks, best effort")


async def run(code: str, folder: Path, most_bytes: int = 1000) -> tuple[int, bytes]:
    return await process_command.run(["sh", "-c", code], ENVIRONMENT, str(folder), most_bytes=most_bytes)


def sleepers(folder: Path) -> list[int]:
    """Return the living processes that work in a folder: each test has one of its own."""
    entries = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [int(entry.name) for entry in entries if stat_fields(entry.name) and _works_in(entry, folder)]


def _works_in(entry: Path, folder: Path) -> bool:
    try:
        return (entry / "cwd").readlink() == folder
    except OSError:
        return False


async def test_a_command_answers_with_its_code_and_the_begin_of_its_output(tmp_path: Path) -> None:
    assert await run("printf out; printf err >&2; exit 3", tmp_path) == (3, b"outerr")
    assert await run("yes | head -c 1000000", tmp_path, 4) == (0, b"y\ny\n")
    with pytest.raises(FileNotFoundError):
        await process_command.run(["/nowhere"], ENVIRONMENT, str(tmp_path), most_bytes=1)


@linux
@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
async def test_nothing_of_a_command_is_left_when_it_has_answered(escape: str, tmp_path: Path) -> None:
    answer = await run(f"{escape} sleep 0.05; echo done", tmp_path)

    assert answer == (0, b"done\n")
    assert sleepers(tmp_path) == []


@linux
async def test_nothing_of_a_command_is_left_when_nobody_waits_for_its_answer(tmp_path: Path) -> None:
    asking = asyncio.ensure_future(run("setsid sleep 300 & touch began; sleep 300", tmp_path))

    async def began() -> bool:
        return (tmp_path / "began").exists()

    await eventually_async(began, within=30)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert sleepers(tmp_path) == []


@linux
async def test_processes_of_others_are_left_alone(tmp_path: Path) -> None:
    other = await asyncio.create_subprocess_exec("sleep", "300", cwd=tmp_path, start_new_session=True)
    try:
        await asyncio.gather(*(run("setsid sleep 300 & exit 1", tmp_path) for _ in range(5)))
        eventually(lambda: sleepers(tmp_path) == [other.pid])
    finally:
        other.kill()
        await other.wait()


@pytest.mark.parametrize(("last", "yes", "no"), [(90, {60, 90}, {40, 50, 91}), (20, {51, 7, 20}, {50, 21, 40})])
def test_the_younger_ones_are_known_by_their_numbers_also_when_these_began_again(
    last: int, yes: set[int], no: set[int]
) -> None:
    is_younger = process_command.younger_numbers(50, last)

    assert all(map(is_younger, yes))
    assert not any(map(is_younger, no))
