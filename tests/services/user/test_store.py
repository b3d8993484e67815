"""What the user service keeps, over both databases: races, deletion, and the command that makes administrators."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select

from services.common.events.tables import outbox
from services.common.service import Runtime
from services.user.adapters import SqlUsers
from services.user.app import SERVICE
from services.user.domain import (
    FAILURES_ALLOWED,
    Account,
    Address,
    BadCredentialsError,
    LockedError,
    Rotation,
    Session,
    fingerprint,
)
from services.user.handlers import Users
from services.user.tables import accounts, login_attempts, metadata
from tests.services.fakes import START, FakeClock
from tests.services.stores import database_url, migrated, postgres, until_blocked

__all__ = ["database_url", "postgres"]

ADA = Account("ada", "ada@example.org", "Ada", "old hash", START)
LATER = START + timedelta(days=1)


@dataclass
class World:
    """A store with one account, and what is below it."""

    store: SqlUsers
    runtime: Runtime

    async def published(self) -> list[str]:
        """Return the types of the events that wait in the outbox."""
        async with self.runtime.database.reading() as connection:
            rows = await connection.execute(select(outbox.c.headers).order_by(outbox.c.position))
            return [kind for row in rows for kind in ("registered", "locked", "deleted") if f"user.{kind}" in row[0]]

    async def everything(self) -> str:
        """Return all that the service's tables hold, as text."""
        async with self.runtime.database.reading() as connection:
            rows = [(await connection.execute(select(table))).all() for table in metadata.sorted_tables]
        return repr(rows)


@pytest.fixture
async def world(database_url: str, tmp_path: Path) -> AsyncIterator[World]:
    async with migrated(SERVICE, database_url, tmp_path) as runtime:
        made = World(SqlUsers(runtime.database, runtime.outbox), runtime)
        assert await made.store.register(ADA)
        yield made


async def test_of_many_failures_at_once_each_counts_and_one_alone_is_told_as_the_lock(world: World) -> None:
    async with asyncio.TaskGroup() as group:
        for _ in range(2 * FAILURES_ALLOWED):
            group.create_task(world.store.note_failure("key", START, ADA))
    attempts = await world.store.attempts("key")
    assert attempts.failures == 2 * FAILURES_ALLOWED
    assert attempts.locked_for(START) == 60
    assert await world.published() == ["registered", "locked"]


async def test_a_new_password_stands_whatever_is_written_from_an_older_view_of_the_account(world: World) -> None:
    assert await world.store.set_password(ADA, "new hash", ends_sessions=True)
    await world.store.rename(ADA.id, "Countess")
    assert not await world.store.set_password(ADA, "older hash, made anew", ends_sessions=False)
    now = await world.store.by_id(ADA.id)
    assert now == replace(ADA, name="Countess", password_hash="new hash")


async def test_a_login_that_was_checked_against_a_former_password_opens_no_session(world: World) -> None:
    session = Session("s1", ADA.id, START, LATER)
    assert await world.store.open_session(session, "token", ADA)
    await world.store.set_password(ADA, "new hash", ends_sessions=True)
    assert await world.store.sessions(ADA.id) == []
    assert not await world.store.open_session(session, "token", ADA)
    await world.store.delete(ADA)
    assert not await world.store.open_session(session, "token", replace(ADA, password_hash="new hash"))


async def test_of_many_who_show_one_refresh_token_one_gets_through_and_the_session_ends(world: World) -> None:
    for number in range(20):  # a deadlock of two of them, where there may be one, shows in one round of ten or so
        await world.store.open_session(Session(f"s{number}", ADA.id, START, LATER), f"first {number}", ADA)
        tries = (world.store.rotate(f"first {number}", f"next {number} {n}", START) for n in range(8))
        kinds = [outcome for outcome, _session in await asyncio.gather(*tries)]
        assert kinds.count(Rotation.DONE) == 1
        assert Rotation.REUSED in kinds
        assert await world.store.sessions(ADA.id) == []
        assert (await world.store.rotate(f"next {number} 0", "more", START))[0] is Rotation.UNKNOWN


async def test_a_deleted_account_leaves_nothing_in_any_table_and_is_told(world: World) -> None:
    await world.store.open_session(Session("s1", ADA.id, START, LATER), "token", ADA)
    await world.store.put_address(ADA.id, Address("a1", "Ada", "1 Main St", "Berlin", "10115", "DE"), is_new=True)
    assert "Main St" in await world.everything()
    await world.store.delete(ADA)
    left = await world.everything()
    assert not [word for word in ("ada", "Main St", "token", "s1") if word in left.lower()], left
    assert await world.published() == ["registered", "deleted"]


async def test_a_deleted_account_is_gone_from_the_file_too(tmp_path: Path) -> None:
    file = tmp_path / "user.db"
    async with migrated(SERVICE, f"sqlite+aiosqlite:///{file}", tmp_path) as runtime:
        store = SqlUsers(runtime.database, runtime.outbox)
        assert await store.register(ADA)
    assert ADA.email.encode() in file.read_bytes()
    async with migrated(SERVICE, f"sqlite+aiosqlite:///{file}", tmp_path) as runtime:
        await SqlUsers(runtime.database, runtime.outbox).delete(ADA)
        async with runtime.database.transaction() as connection:
            await connection.execute(outbox.delete())
    assert ADA.email.encode() not in file.read_bytes()


async def test_sessions_that_are_over_and_failures_of_long_ago_are_purged(world: World) -> None:
    await world.store.open_session(Session("over", ADA.id, START, START), "t1", ADA)
    await world.store.open_session(Session("open", ADA.id, START, LATER), "t2", ADA)
    await world.store.note_failure("long ago", START - timedelta(hours=1), None)
    await world.store.note_failure("just now", START, None)
    await world.store.purge(START + timedelta(seconds=1))
    assert [session.id for session in await world.store.sessions(ADA.id)] == ["open"]
    left = [(await world.store.attempts(key)).failures for key in ("long ago", "just now")]
    assert left == [0, 1]


class SlowRight:
    """Passwords of which the right one takes as long as the test wants."""

    def __init__(self) -> None:
        self.was_called, self.release = asyncio.Event(), asyncio.Event()

    async def hash(self, password: str) -> str:
        return password

    async def fits(self, password: str, password_hash: str | None) -> bool:
        if password != "right":
            return False
        self.was_called.set()
        await self.release.wait()
        return True

    def is_outdated(self, password_hash: str) -> bool:
        return False


class NoSigner:
    lifetime_seconds = 900

    def sign(self, account: Account, session_id: str, now: datetime) -> str:
        return "token"

    def key_set(self) -> dict[str, Any]:
        return {"keys": []}


async def test_a_right_guess_among_many_at_once_does_not_get_past_the_lock(world: World) -> None:
    passwords = SlowRight()
    users = Users(world.store, passwords, NoSigner(), FakeClock(), on_reuse=lambda _: None)
    guess = asyncio.create_task(users.log_in(ADA.email, "right"))
    await passwords.was_called.wait()
    for _ in range(FAILURES_ALLOWED):
        with pytest.raises(BadCredentialsError):
            await users.log_in(ADA.email, "wrong")
    passwords.release.set()
    with pytest.raises(LockedError):
        await guess
    with pytest.raises(LockedError):
        await users.change_password(ADA.id, "right", "mine now")


def appoint(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "services.user.admin", *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


async def test_the_command_line_makes_and_unmakes_administrators_beside_a_service_that_runs(
    world: World, database_url: str
) -> None:
    async def roles(*arguments: str) -> tuple[str, ...]:
        result = await asyncio.to_thread(appoint, *arguments, DATABASE_URL=database_url)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.splitlines()[1].startswith("  in ")
        account = await world.store.by_id(ADA.id)
        assert account is not None
        return account.roles

    assert await roles("Ada@Example.org") == ("admin",)
    assert await roles("ada@example.org") == ("admin",)
    assert await roles("ada@example.org", "--revoke") == ()
    unknown = await asyncio.to_thread(appoint, "eve@example.org", DATABASE_URL=database_url)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("there is no account eve@example.org\n")


@pytest.mark.parametrize("url", ["", "postgresql://nobody@127.0.0.1:1/none"])
def test_the_command_line_says_where_it_found_no_database_and_makes_none(url: str, tmp_path: Path) -> None:
    result = appoint("ada@example.org", DATA_DIR=str(tmp_path / "none"), DATABASE_URL=url)
    assert result.returncode == 3
    assert "devctl exec user" in result.stderr
    assert "Traceback" not in result.stderr
    assert url or not list(tmp_path.iterdir())


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_what_is_purged_while_its_account_is_deleted_is_no_deadlock(world: World) -> None:
    session = Session("s", ADA.id, START, START)
    assert await world.store.open_session(session, "hash", ADA)
    key = fingerprint(ADA.email)
    await world.store.note_failure(key, START, None)
    async with world.runtime.database.transaction() as connection:
        await connection.execute(delete(login_attempts).where(login_attempts.c.key == key))
        purging = asyncio.create_task(world.store.purge(START + timedelta(days=30)))
        await until_blocked(world.runtime.database, purging)
        await connection.execute(delete(accounts).where(accounts.c.id == ADA.id))
    await purging
    assert await world.store.sessions(ADA.id) == []
