"""What can be done with accounts. Needs are handed in; nothing here knows HTTP or SQL."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.common.clock import Clock
from services.common.ids import new_id
from services.user.domain import (
    SESSION_LIVES,
    Account,
    Address,
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

MOST_ADDRESSES = 20


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

    async def register(self, email: str, password: str, name: str) -> Account:
        """Open an account."""
        # Hashed before the address is looked up, so that the time does not tell whether it is taken.
        password_hash = await self.passwords.hash(password)
        account = Account(new_id(), normalized(email), name.strip(), password_hash, self.clock())
        if not await self.store.register(account):
            raise EmailTakenError(account.email)
        return account

    async def log_in(self, email: str, password: str) -> Tokens:
        """Open a session; a wrong address and a wrong password look the same."""
        now = self.clock()
        key = fingerprint(normalized(email))
        attempts = await self.store.attempts(key)
        if seconds := attempts.locked_for(now):
            raise LockedError(seconds)
        account = await self.store.by_email(normalized(email))
        fits = await self.passwords.fits(password, account.password_hash if account else None)
        if account is None or not fits:
            await self.store.note_failure(key, now, account)
            raise BadCredentialsError
        if attempts.failures:
            await self.store.clear_attempts(key)
        await self._rehash(account, password)
        return await self._open(account, now)

    async def refresh(self, refresh_token: str) -> Tokens:
        """Exchange a refresh token for new tokens; one that was used before ends the whole session."""
        now = self.clock()
        new_token = new_refresh_token()
        outcome, session = await self.store.rotate(fingerprint(refresh_token), fingerprint(new_token), now)
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
        account = replace(await self.account(user_id), name=name.strip())
        await self.store.update(account)
        return account

    async def change_password(self, user_id: str, current: str, new: str) -> None:
        """Change the password and end every session."""
        account = await self.account(user_id)
        if not await self.passwords.fits(current, account.password_hash):
            raise BadCredentialsError
        await self.store.update(replace(account, password_hash=await self.passwords.hash(new)))
        await self.store.end_sessions(user_id, None)

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

    async def _rehash(self, account: Account, password: str) -> None:
        """Bring a password that was hashed with older parameters up to date while we have it."""
        if self.passwords.is_outdated(account.password_hash):
            await self.store.update(replace(account, password_hash=await self.passwords.hash(password)))

    async def _open(self, account: Account, now: datetime) -> Tokens:
        session = Session(new_id(), account.id, now, now + SESSION_LIVES)
        refresh_token = new_refresh_token()
        await self.store.open_session(session, fingerprint(refresh_token))
        return self._tokens(account, session, refresh_token, now)

    def _tokens(self, account: Account, session: Session, refresh_token: str, now: datetime) -> Tokens:
        access = self.signer.sign(account, session.id, now)
        return Tokens(access, refresh_token, self.signer.lifetime_seconds)
