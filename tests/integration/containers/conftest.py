"""A real engine, and stacks of containers on it."""

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests import engine as engines
from tests.engine import TestEngine
from tests.integration.containers.stack import Stack


@pytest.fixture(scope="session")
def engine() -> Iterator[TestEngine]:
    yield from engines.running()


@pytest_asyncio.fixture
async def stack(engine: TestEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="dk") as runtime:  # a socket's path must be short
        monkeypatch.setenv("XDG_RUNTIME_DIR", runtime)
        stack = Stack(tmp_path, engine)
        await stack.connect()
        yield stack
        await stack.close()
        engine.clean()
