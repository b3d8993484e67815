"""Locks on things that have no row yet, held until the end of the transaction."""

from sqlalchemy import text

from services.common.data.database import AsyncConnection

_TAKE = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def hold(connection: AsyncConnection, name: str) -> None:
    """Lock a name; SQLite needs nothing, since it has one writer at a time anyway."""
    if connection.dialect.name == "postgresql":
        await connection.execute(_TAKE, {"name": name})
