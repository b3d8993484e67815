"""Make an account an administrator's, from the command line: `python -m services.user.admin EMAIL`."""

import argparse
import asyncio
import sys
from enum import IntEnum

from sqlalchemy import make_url, select, update
from sqlalchemy.exc import DBAPIError

from services.common.data.database import Database
from services.common.runtime.settings import Settings
from services.common.surroundings import open_database
from services.user.app import SERVICE
from services.user.domain import ADMIN, normalized
from services.user.settings import UserSettings
from services.user.tables import accounts


class ExitCode(IntEnum):
    """What the command ends with; 2 is argparse's, for a wrong command line."""

    DONE = 0
    NO_ACCOUNT = 1
    NO_DATABASE = 3


def main() -> int:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(
        prog="python -m services.user.admin",
        description="Make the account with this address an administrator's; it must be there already.",
        epilog="Uses the database of DATABASE_URL or DATA_DIR, as the user service does.",
    )
    parser.add_argument("email")
    parser.add_argument("--revoke", action="store_true", help="take the role away again")
    arguments = parser.parse_args()
    return asyncio.run(_appoint(normalized(arguments.email), revoke=arguments.revoke))


async def _appoint(email: str, *, revoke: bool) -> int:
    settings = Settings.read("user")
    url = make_url(settings.database_url) if settings.database_url else None
    file = settings.data_dir / "user.db"
    if not settings.database_url and not file.exists():
        return _no_database(f"there is no database of the user service at {file}")
    database = open_database(settings, SERVICE.migrations)
    try:
        is_found = await _change(database, email, revoke=revoke)
    except (OSError, DBAPIError) as error:
        return _no_database(f"the database of the user service does not answer: {_first_line(error)}")
    finally:
        await database.close()
    if not is_found:
        print(f"there is no account {email}\n  register it first: POST /api/v1/users", file=sys.stderr)
        return ExitCode.NO_ACCOUNT
    minutes = UserSettings.read(settings.environment).token_seconds / 60
    until = f"; a token that is out counts for up to {minutes:g} minutes more" if revoke else ""
    print(f"{email} is {'no longer ' if revoke else ''}an administrator from the next login on{until}")
    print(f"  in the database {url.database} on {url.host or 'this machine'}" if url else f"  in {file}")
    return ExitCode.DONE


async def _change(database: Database, email: str, *, revoke: bool) -> bool:
    """Give or take the role; False when there is no such account."""
    async with database.transaction() as connection:
        mine = accounts.c.email == email
        held = await connection.scalar(select(accounts.c.roles).where(mine).with_for_update())
        if held is None:
            return False
        roles = [role for role in held.split() if role != ADMIN] + ([] if revoke else [ADMIN])
        await connection.execute(update(accounts).where(mine).values(roles=" ".join(roles)))
    return True


def _no_database(reason: str) -> int:
    print(
        f"{reason}\n  run it in the service's environment: devctl exec user -- .venv/bin/python -m "
        "services.user.admin EMAIL",
        file=sys.stderr,
    )
    return ExitCode.NO_DATABASE


def _first_line(error: Exception) -> str:
    cause = getattr(error, "orig", None) or error
    return (str(cause).splitlines() or [type(cause).__name__])[0]


if __name__ == "__main__":
    sys.exit(main())
