"""Every service's migrations, forward and back, over SQLite and PostgreSQL."""

from importlib import import_module
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect

from services.common.data.migrate import downgrade
from services.common.events.tables import metadata as common
from services.common.service import Service
from tests.services.stores import database_url, migrated, postgres

__all__ = ["database_url", "postgres"]


def _is_ours(_object: object, name: str | None, *_: object) -> bool:
    """Leave out the words of full-text search, which each engine keeps in its own way."""
    return not (name or "").startswith(("product_words", "products_words", "words", "alembic"))


@pytest.mark.parametrize("name", ["catalog", "cart", "order", "payment", "user", "notification"])
async def test_migrations_make_what_the_code_reads_and_can_be_taken_back(
    name: str, database_url: str, tmp_path: Path
) -> None:
    service: Service = import_module(f"services.{name}.app").SERVICE
    metadata = import_module(f"services.{name}.tables").metadata

    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"include_object": _is_ours})
        return list(compare_metadata(context, [metadata, common]))

    async with migrated(service, database_url, tmp_path) as runtime:
        engine, migrations = runtime.database.engine, service.migrations
        assert migrations is not None
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
        async with engine.connect() as connection, connection.begin():
            await connection.run_sync(downgrade, migrations)
            left = await connection.run_sync(lambda sync: inspect(sync).get_table_names())
        assert set(left) <= {"alembic_version"}
        await runtime.database.migrate()
        async with engine.connect() as connection:
            assert await connection.run_sync(differences) == []
