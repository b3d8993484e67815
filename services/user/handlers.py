"""What can be done with accounts. Needs are handed in; nothing here knows HTTP or SQL."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.common.runtime.clock import Clock
from services.common.runtime.ids import new_id
from services.user.domain import (
    SESSION_LIVES,
    Account,
    Address,
    Attempts,
    BadCredentialsError,
    EmailTakenError,
    LockedError,
    Rotation,
    Session,
    UnknownError,
    fingerprint,
    new_refresh_token,
    normalized,
)
from services.user.ports import Passwords, Signer, Store

MOST_ADDRESSES = 20  # of one account: more than people have, few enough for one page


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a login gives."""

    access: str
    refresh: str
    lifetime_seconds: int


@dataclass(frozen=True, slots=True)
class Export:
    """Everything that the service knows of a user."""

    account: Account
    addresses: Sequence[Address]
    sessions: Sequence[Session]


@dataclass(frozen=True)
class Users:
    """The use cases of accounts."""

    store: Store
    passwords: Passwords
    signer: Signer
    clock: Clock
    # Called with a session that was ended because one of its refresh tokens was used twice.
    on_reuse: Callable[[Session], None]

    async def register(self, email: str, password: str, name: str) -> Account:
        """Open an account."""
        # Hashed before the address is looked up, so that the response time does not reveal whether it is taken.
        password_hash = await self.passwords.hash(password)
        account = Account(new_id(), normalized(email), name.strip(), password_hash, self.clock())
        if not await self.store.register(account):
            raise EmailTakenError(account.email)
        return account

    async def log_in(self, email: str, password: str) -> Tokens:
        """Open a session; a wrong address and a wrong password look the same."""
        account = await self._authenticate(normalized(email), password)
        if self.passwords.is_outdated(account.password_hash):
            account = await self._rehashed(account, password)
        return await self._open(account)

    async def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token for new tokens; one that was used before ends the whole session."""
        now = self.clock()
        new_token = new_refresh_token()
        outcome, session = await self.store.rotate(fingerprint(refresh_token), fingerprint(new_token), now)
        if outcome is Rotation.REUSED and session is not None:
            self.on_reuse(session)
        if outcome is not Rotation.DONE or session is None:
            raise BadCredentialsError
        account = await self.account(session.user_id)
        return self._tokens(account, session, new_token, now)

    async def log_out(self, user_id: str, session_id: str | None) -> None:
        """End one session, or all."""
        await self.store.end_sessions(user_id, session_id)

    async def account(self, user_id: str) -> Account:
        """Return an account."""
        account = await self.store.by_id(user_id)
        if account is None:
            raise UnknownError(user_id)
        return account

    async def rename(self, user_id: str, name: str) -> Account:
        """Change the name of a user."""
        account = await self.account(user_id)
        await self.store.rename(user_id, name.strip())
        return replace(account, name=name.strip())

    async def change_password(self, user_id: str, current: str, new: str) -> None:
        """Change the password and end every session; wrong guesses count as at the login."""
        account = await self._authenticate((await self.account(user_id)).email, current)
        if not await self.store.set_password(account, await self.passwords.hash(new), ends_sessions=True):
            raise BadCredentialsError

    async def delete(self, user_id: str) -> None:
        """Delete an account and all that belongs to it."""
        await self.store.delete(await self.account(user_id))

    async def export(self, user_id: str) -> Export:
        """Return everything that is known of a user."""
        account = await self.account(user_id)
        return Export(account, await self.store.addresses(user_id), await self.store.sessions(user_id))

    async def add_address(self, user_id: str, address: Address) -> Address:
        """Add an address to a user."""
        if not await self.store.put_address(user_id, address, is_new=True):
            raise UnknownError(user_id)
        return address

    async def change_address(self, user_id: str, address: Address) -> Address:
        """Change an address of a user."""
        if not await self.store.put_address(user_id, address, is_new=False):
            raise UnknownError(address.id)
        return address

    async def delete_address(self, user_id: str, address_id: str) -> None:
        """Delete an address of a user."""
        if not await self.store.delete_address(user_id, address_id):
            raise UnknownError(address_id)

    async def _authenticate(self, email: str, password: str) -> Account:
        """Return the account of an address if the password is right, else count the failure."""
        now = self.clock()
        key = fingerprint(email)
        await self._refuse_locked(key, now)
        account = await self.store.by_email(email)
        fits = await self.passwords.fits(password, account.password_hash if account else None)
        # Looked up again: of many guesses at once, those that end after the lock are refused, right or wrong.
        attempts = await self._refuse_locked(key, now)
        if account is None or not fits:
            await self.store.note_failure(key, now, account)
            raise BadCredentialsError
        if attempts.failures:
            await self.store.clear_attempts(key)
        return account

    async def _refuse_locked(self, key: str, now: datetime) -> Attempts:
        attempts = await self.store.attempts(key)
        if seconds := attempts.locked_for(now):
            raise LockedError(seconds)
        return attempts

    async def _rehashed(self, account: Account, password: str) -> Account:
        """Bring a password that was hashed with older parameters up to date while we have it."""
        new_hash = await self.passwords.hash(password)
        is_done = await self.store.set_password(account, new_hash, ends_sessions=False)
        return replace(account, password_hash=new_hash) if is_done else account

    async def _open(self, account: Account) -> Tokens:
        now = self.clock()
        session = Session(new_id(), account.id, now, now + SESSION_LIVES)
        refresh_token = new_refresh_token()
        if not await self.store.open_session(session, fingerprint(refresh_token), account):
            raise BadCredentialsError
        return self._tokens(account, session, refresh_token, now)

    def _tokens(self, account: Account, session: Session, refresh_token: str, now: datetime) -> Tokens:
        access = self.signer.sign(account, session.id, now)
        return Tokens(access, refresh_token, self.signer.lifetime_seconds)
