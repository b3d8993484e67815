"""One shop for all tests of the session (each makes users of its own), on one event loop."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.common import logs
from tests.services.harness import TestShop, running_shop


@pytest.fixture(scope="session", autouse=True)
def _quiet_logs() -> None:
    logs.configure("error")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[TestShop]:
    """Return the running shop."""
    async with running_shop(tmp_path_factory.mktemp("shop")) as running:
        yield running
