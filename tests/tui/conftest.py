"""Clocks of the terminal UI show UTC in every test."""

import time
from collections.abc import Iterator

import pytest

from tests import untimed

untimed.load_profile()


@pytest.fixture(autouse=True)
def _utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        time.tzset()
        yield
    time.tzset()
