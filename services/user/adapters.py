"""The database of the user service."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from services.common.data.database import AsyncConnection, Database, dialect_insert
from services.common.events.event import Event
from services.common.events.outbox import Outbox
from services.user.domain import (
    FAILURES_FORGOTTEN_AFTER,
    Account,
    Address,
    Attempts,
    Rotation,
    Session,
    deleted,
    fingerprint,
    locked,
    registered,
)
from services.user.handlers import MOST_ADDRESSES
from services.user.tables import accounts, addresses, login_attempts, refresh_tokens, sessions

TOPIC = "shop.user.v1"


class SqlUsers:
    """Accounts and sessions in the service's database."""

    def __init__(self, database: Database, outbox: Outbox) -> None:
        self._database, self._outbox = database, outbox

    async def register(self, account: Account) -> bool:
        """Add an account and publish that."""
        try:
            async with self._database.transaction() as connection:
                await connection.execute(insert(accounts).values(_account_row(account)))
                await self._publish(connection, "user.registered", account, registered(account))
        except IntegrityError:
            return False
        return True

    async def by_email(self, email: str) -> Account | None:
        """Find an account by its address."""
        return await self._account_where(accounts.c.email == email)

    async def by_id(self, user_id: str) -> Account | None:
        """Find an account by its id."""
        return await self._account_where(accounts.c.id == user_id)

    async def rename(self, user_id: str, name: str) -> None:
        """Write the name of an account."""
        async with self._database.transaction() as connection:
            await connection.execute(update(accounts).where(accounts.c.id == user_id).values(name=name))

    async def set_password(self, account: Account, new_hash: str, *, ends_sessions: bool) -> bool:
        """Write a new hash over the one that was checked."""
        async with self._database.transaction() as connection:
            changed = await connection.execute(
                update(accounts).where(_is_still(account)).values(password_hash=new_hash)
            )
            if ends_sessions and changed.rowcount:
                await connection.execute(delete(sessions).where(sessions.c.user_id == account.id))
        return bool(changed.rowcount)

    async def delete(self, account: Account) -> None:
        """Delete an account; what hangs on it goes by the foreign keys."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(login_attempts).where(login_attempts.c.key == fingerprint(account.email)))
            await connection.execute(delete(accounts).where(accounts.c.id == account.id))
            await self._publish(connection, "user.deleted", account, deleted(account))

    async def attempts(self, key: str) -> Attempts:
        """Return the failed logins of an address."""
        async with self._database.reading() as connection:
            return await _attempts(connection, key)

    async def note_failure(self, key: str, now: datetime, account: Account | None) -> Attempts:
        """Count a failed login; of several at once each is counted."""
        async with self._database.transaction() as connection:
            first = dialect_insert(connection, login_attempts).values(key=key, failures=0, last_at=now)
            await connection.execute(first.on_conflict_do_nothing(index_elements=["key"]))
            attempts = (await _attempts(connection, key, is_locked=True)).with_failure(now)
            row = {"failures": attempts.failures, "last_at": now}
            await connection.execute(update(login_attempts).where(login_attempts.c.key == key).values(row))
            if account is not None and attempts.has_just_locked():
                await self._publish(connection, "user.locked", account, locked(account))
        return attempts

    async def clear_attempts(self, key: str) -> None:
        """Forget the failed logins of an address."""
        async with self._database.transaction() as connection:
            await connection.execute(delete(login_attempts).where(login_attempts.c.key == key))

    async def open_session(self, session: Session, token_hash: str, account: Account) -> bool:
        """Add a session with its first refresh token, if the account is still the one that was checked."""
        row = {
            "id": session.id,
            "user_id": session.user_id,
            "created_at": session.created_at,
            "expires_at": session.expires_at,
        }
        unchanged = select(accounts.c.id).where(_is_still(account)).with_for_update()
        async with self._database.transaction() as connection:
            if await connection.scalar(unchanged) is None:
                return False
            await connection.execute(insert(sessions).values(row))
            await _add_token(connection, token_hash, session.id)
        return True

    async def rotate(self, old_hash: str, new_hash: str, now: datetime) -> tuple[Rotation, Session | None]:
        """Exchange a refresh token; only one of several who show the same one gets through."""
        async with self._database.transaction() as connection:
            session = await _session_of(connection, old_hash, now)
            if session is None:
                return Rotation.UNKNOWN, None
            mine = refresh_tokens.c.hash == old_hash
            marked = await connection.execute(
                update(refresh_tokens).where(mine, ~refresh_tokens.c.is_used).values(is_used=True)
            )
            if not marked.rowcount:
                await connection.execute(delete(sessions).where(sessions.c.id == session.id))
                return Rotation.REUSED, session
            await _add_token(connection, new_hash, session.id)
        return Rotation.DONE, session

    async def end_sessions(self, user_id: str, session_id: str | None) -> None:
        """End one session of a user, or all."""
        which = sessions.c.user_id == user_id
        if session_id is not None:
            which &= sessions.c.id == session_id
        async with self._database.transaction() as connection:
            await connection.execute(delete(sessions).where(which))

    async def sessions(self, user_id: str) -> Sequence[Session]:
        """Return the sessions of a user."""
        async with self._database.reading() as connection:
            rows = await connection.execute(select(sessions).where(sessions.c.user_id == user_id))
            return [Session(row.id, row.user_id, row.created_at, row.expires_at) for row in rows]

    async def addresses(self, user_id: str) -> Sequence[Address]:
        """Return the addresses of a user."""
        query = select(addresses).where(addresses.c.user_id == user_id).order_by(addresses.c.id)
        async with self._database.reading() as connection:
            rows = await connection.execute(query)
            return [Address(row.id, row.name, row.street, row.city, row.postal_code, row.country) for row in rows]

    async def put_address(self, user_id: str, address: Address, *, is_new: bool) -> bool:
        """Write an address."""
        values = {
            "name": address.name,
            "street": address.street,
            "city": address.city,
            "postal_code": address.postal_code,
            "country": address.country,
        }
        async with self._database.transaction() as connection:
            if not is_new:
                mine = (addresses.c.id == address.id) & (addresses.c.user_id == user_id)
                return bool((await connection.execute(update(addresses).where(mine).values(values))).rowcount)
            if not await _has_room(connection, user_id):
                return False
            await connection.execute(insert(addresses).values(id=address.id, user_id=user_id, **values))
        return True

    async def delete_address(self, user_id: str, address_id: str) -> bool:
        """Delete an address."""
        mine = (addresses.c.id == address_id) & (addresses.c.user_id == user_id)
        async with self._database.transaction() as connection:
            return bool((await connection.execute(delete(addresses).where(mine))).rowcount)

    async def purge(self, now: datetime) -> None:
        """Delete sessions that are over and failures that are forgotten."""
        await self._purge(sessions.c.id, sessions.c.expires_at < now)
        await self._purge(login_attempts.c.key, login_attempts.c.last_at < now - FAILURES_FORGOTTEN_AFTER)

    async def _purge(self, key: Column[str], is_over: ColumnElement[bool]) -> None:
        """Delete what is over, one table in one transaction, and wait for nobody who holds a row: no deadlock."""
        free = select(key).where(is_over).with_for_update(skip_locked=True)
        async with self._database.transaction() as connection:
            await connection.execute(delete(key.table).where(key.in_(free.scalar_subquery())))

    async def _account_where(self, which: Any) -> Account | None:
        async with self._database.reading() as connection:
            row = (await connection.execute(select(accounts).where(which))).one_or_none()
        if row is None:
            return None
        roles = tuple(row.roles.split())
        return Account(row.id, row.email, row.name, row.password_hash, row.created_at, roles)

    async def _publish(self, connection: AsyncConnection, kind: str, account: Account, data: Any) -> None:
        await self._outbox.add(connection, Event(type=kind, topic=TOPIC, key=account.id, data=data))


def _account_row(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "email": account.email,
        "name": account.name,
        "password_hash": account.password_hash,
        "roles": " ".join(account.roles),
        "created_at": account.created_at,
    }


def _is_still(account: Account) -> Any:
    """Match an account as long as its password is the one that was checked."""
    return (accounts.c.id == account.id) & (accounts.c.password_hash == account.password_hash)


async def _attempts(connection: AsyncConnection, key: str, *, is_locked: bool = False) -> Attempts:
    query = select(login_attempts).where(login_attempts.c.key == key)
    row = (await connection.execute(query.with_for_update() if is_locked else query)).one_or_none()
    return Attempts(row.failures, row.last_at) if row else Attempts()


async def _add_token(connection: AsyncConnection, token_hash: str, session_id: str) -> None:
    row = {"hash": token_hash, "session_id": session_id, "is_used": False}
    await connection.execute(insert(refresh_tokens).values(row))


async def _session_of(connection: AsyncConnection, token_hash: str, now: datetime) -> Session | None:
    query = (
        select(sessions)
        .join(refresh_tokens, refresh_tokens.c.session_id == sessions.c.id)
        .where(refresh_tokens.c.hash == token_hash, sessions.c.expires_at > now)
        .with_for_update(of=sessions)  # before the token: whoever ends the session locks in this order too
    )
    row = (await connection.execute(query)).one_or_none()
    return Session(row.id, row.user_id, row.created_at, row.expires_at) if row else None


async def _has_room(connection: AsyncConnection, user_id: str) -> bool:
    query = select(func.count()).select_from(addresses).where(addresses.c.user_id == user_id)
    is_there = await connection.scalar(select(accounts.c.id).where(accounts.c.id == user_id))
    return bool(is_there) and (await connection.scalar(query) or 0) < MOST_ADDRESSES
