"""The viewer over boards of the tests and a Prometheus that is known beforehand; a Chromium to look at it with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devctl.web.app import Application
from devctl.web.boards.library import Library
from devctl.web.chart import library_folder
from devctl.web.data.prometheus import Prometheus
from tests import browser
from tests.integration.web.boards import every_kind, hostile
from tests.integration.web.serving import FakePrometheus, served


@dataclass
class Viewer:
    """A running viewer and the Prometheus that it asks."""

    address: str
    prometheus: FakePrometheus
    boards: Path

    def url(self, path: str) -> str:
        return f"http://{self.address}{path}"


@pytest.fixture(scope="module")
def viewer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewer]:
    """The viewer with a board of every kind of panel and a hostile one."""
    boards = tmp_path_factory.mktemp("boards")
    for board in (every_kind(), hostile()):
        (boards / f"{board['uid']}.json").write_text(json.dumps(board))
    fake = FakePrometheus()
    with served(fake) as metrics:
        application = Application(Library(boards), Prometheus(metrics), None, library_folder)
        with served(application) as address:
            yield Viewer(address, fake, boards)


@pytest.fixture(scope="session")
def chromium() -> Iterator[browser.Browser]:
    """A Chromium of this machine."""
    if browser.program() is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    if library_folder() is None:
        pytest.skip("the chart library is not here: devctl tools install uplot")
    with browser.running() as running:
        yield running


@pytest.fixture
def page(chromium: browser.Browser) -> browser.Page:
    """A tab of its own."""
    return chromium.page()
