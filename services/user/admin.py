"""Make an account an administrator's, from the command line: `python -m services.user.admin EMAIL`."""

import argparse
import asyncio
import secrets
import sys
from dataclasses import replace

from services.common.clock import utc_now
from services.common.runtime import Runtime
from services.common.settings import Settings
from services.user.adapters import Argon2, KeyRing, SqlStore
from services.user.app import SERVICE
from services.user.domain import ADMIN, normalized
from services.user.handlers import Users
from services.user.settings import UserSettings


def main() -> int:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(
        prog="python -m services.user.admin",
        description="Make a user an administrator; an account that is not there is opened with a random password.",
        epilog="Uses the database of DATABASE_URL or DATA_DIR, as the user service does.",
    )
    parser.add_argument("email")
    parser.add_argument("--revoke", action="store_true", help="take the role away again")
    arguments = parser.parse_args()
    return asyncio.run(_appoint(normalized(arguments.email), revoke=arguments.revoke))


async def _appoint(email: str, *, revoke: bool) -> int:
    runtime = Runtime(SERVICE, Settings.read("user"))
    settings = UserSettings.read(runtime.environment)
    store = SqlStore(runtime.database, runtime.outbox)
    keys = KeyRing(runtime.settings.data_dir / "signing-keys", settings.token_seconds, settings.key_days)
    users = Users(store, Argon2(settings.argon2_memory_kib, settings.argon2_passes), keys, utc_now)
    await runtime.database.migrate()
    try:
        return await _change(users, email, revoke=revoke)
    finally:
        await runtime.database.close()


async def _change(users: Users, email: str, *, revoke: bool) -> int:
    account = await users.store.by_email(email)
    if account is None and revoke:
        print(f"there is no account {email}", file=sys.stderr)
        return 1
    if account is None:
        password = secrets.token_urlsafe(12)
        account = await users.register(email, password, email.partition("@")[0])
        print(f"opened an account for {email} with the password {password}")
    roles = tuple(role for role in account.roles if role != ADMIN)
    await users.store.update(replace(account, roles=roles if revoke else (*roles, ADMIN)))
    print(f"{email} is {'no longer ' if revoke else ''}an administrator from the next login on")
    return 0


if __name__ == "__main__":
    sys.exit(main())
