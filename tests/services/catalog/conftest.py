"""The store of catalog over each kind of database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.catalog.adapters import SqlCatalog
from services.catalog.app import SERVICE
from services.common.runtime.clock import utc_now
from tests.services.stores import database_url, migrated, postgres

__all__ = ["database_url", "postgres", "sql_catalog"]


@pytest.fixture
async def sql_catalog(database_url: str, tmp_path: Path) -> AsyncIterator[SqlCatalog]:
    """Return an empty catalog."""
    async with migrated(SERVICE, database_url, tmp_path) as runtime:
        yield SqlCatalog(runtime.database, runtime.outbox, utc_now)
