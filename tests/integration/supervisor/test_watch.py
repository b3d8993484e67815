"""Watched names: whatever happens to one, and whenever it comes to be, is seen."""

import shutil
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from devctl.core.spec import Service, Watch
from devctl.supervisor.watch import ChangedFiles, FileWatch
from tests.waiting import eventually_async


class Seen:
    """A watch over some names that counts restarts."""

    def __init__(self, *names: Path, ignore: tuple[str, ...] = ()) -> None:
        self.paths: list[str] = []
        self._services = {"a": Service("a", watch=tuple(Watch(str(name), ignore) for name in names))}
        self.watch = FileWatch(self._restart)

    async def _restart(self, files: ChangedFiles) -> None:
        self.paths += files.paths.values()

    async def begin(self, probe: Path) -> None:
        """Watch, and return once a change is seen: the system watches from then on."""
        self.watch.begin({**self._services, "probe": Service("probe", watch=(Watch(str(probe)),))})

        async def is_seen() -> bool:
            replace(probe, f"{probe.exists() and probe.read_text()}.")
            return str(probe) in self.paths

        await eventually_async(is_seen, every=0.1)

    async def sees(self, path: Path, change: Callable[[], object]) -> None:
        """Make a change and wait until a restart is asked for because of `path`."""
        self.paths.clear()
        change()

        async def is_seen() -> bool:
            return str(path) in self.paths

        await eventually_async(is_seen, what=str(path))


def replace(path: Path, text: str) -> None:
    """Write a file as `sed -i` and editors do: another one takes its name."""
    other = path.with_name(f"other-{path.name}")
    other.write_text(text)
    other.replace(path)


@pytest.fixture
async def watching() -> AsyncIterator[list[Seen]]:
    begun: list[Seen] = []
    yield begun
    for seen in begun:
        seen.watch.end()


async def begin(watching: list[Seen], folder: Path, *names: Path, ignore: tuple[str, ...] = ()) -> Seen:
    seen = Seen(*names, ignore=ignore)
    watching.append(seen)
    await seen.begin(folder / "probe")
    return seen


async def test_a_file_that_is_replaced_again_and_again_is_seen_each_time(watching: list[Seen], tmp_path: Path) -> None:
    file = tmp_path / "conf" / "app.ini"
    file.parent.mkdir()
    file.write_text("0")
    seen = await begin(watching, tmp_path, file)
    for number in range(4):
        await seen.sees(file, partial(replace, file, str(number)))


async def test_a_file_that_is_removed_and_made_again_is_seen(watching: list[Seen], tmp_path: Path) -> None:
    file = tmp_path / "app.ini"
    file.write_text("0")
    seen = await begin(watching, tmp_path, file)
    await seen.sees(file, file.unlink)
    await seen.sees(file, partial(file.write_text, "1"))
    await seen.sees(file, partial(file.write_text, "22"))


async def test_a_name_that_comes_to_be_later_is_seen_with_what_is_in_it(watching: list[Seen], tmp_path: Path) -> None:
    folder = tmp_path / "not" / "yet"
    seen = await begin(watching, tmp_path, folder)
    (tmp_path / "not").mkdir()
    await seen.sees(folder, folder.mkdir)
    await seen.sees(folder / "x.py", partial((folder / "x.py").write_text, "1"))


async def test_a_folder_that_is_replaced_is_still_watched(watching: list[Seen], tmp_path: Path) -> None:
    folder = tmp_path / "src"
    (folder / "deep").mkdir(parents=True)
    seen = await begin(watching, tmp_path, folder)

    def swap() -> None:
        shutil.move(folder, tmp_path / "old")
        (folder / "deep").mkdir(parents=True)

    await seen.sees(folder, swap)
    await seen.sees(folder / "deep" / "x.py", partial((folder / "deep" / "x.py").write_text, "1"))


async def test_a_link_that_leads_elsewhere_is_seen(watching: list[Seen], tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.ini").write_text(name)
    link = tmp_path / "current"
    link.symlink_to("one")
    seen = await begin(watching, tmp_path, link)

    def turn() -> None:
        (tmp_path / "new").symlink_to("two")
        (tmp_path / "new").replace(link)

    await seen.sees(link, turn)
    await seen.sees(tmp_path / "two" / "app.ini", partial((tmp_path / "two" / "app.ini").write_text, "x"))


async def test_what_editors_and_tools_write_beside_sources_restarts_nothing(
    watching: list[Seen], tmp_path: Path
) -> None:
    folder = tmp_path / ".venv" / "src"
    (folder / "__pycache__").mkdir(parents=True)
    seen = await begin(watching, tmp_path, folder, ignore=("*.log",))
    beside = ("__pycache__/x.pyc", ".x.py.swp", "x.py~", "4913", "x.log")

    def write() -> None:
        for name in (*beside, "x.py"):
            (folder / name).write_text("1")

    await seen.sees(folder / "x.py", write)
    assert not {str(folder / name) for name in beside} & set(seen.paths)
