"""One shop for all tests of the session (each makes users of its own), on one event loop.

`SHOP_DATABASE=postgres` has it on a PostgreSQL, so that all of them run over both kinds of database.
"""

import os
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from services.common.runtime import logs
from tests import untimed
from tests.services.harness import TestShop, running_shop
from tests.services.stores import postgres

__all__ = ["postgres"]

untimed.load_profile()


@pytest.fixture(scope="session", autouse=True)
def _quiet_logs() -> None:
    logs.configure("error")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shop(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> AsyncIterator[TestShop]:
    """Return the running shop."""
    url: str = request.getfixturevalue("postgres") if os.environ.get("SHOP_DATABASE") == "postgres" else ""
    async with running_shop(tmp_path_factory.mktemp("shop"), DATABASE_URL=url.format("postgres")) as running:
        yield running
