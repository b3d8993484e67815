"""What the handlers of user need from the outside."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol

from services.user.domain import Account, Address, Attempts, Rotation, Session


class Store(Protocol):
    """Keeps accounts and sessions; each call is one transaction, events included."""

    async def register(self, account: Account) -> bool:
        """Add an account and publish that; False if the address is taken."""

    async def by_email(self, email: str) -> Account | None:
        """Find an account by its normalised address."""

    async def by_id(self, user_id: str) -> Account | None:
        """Find an account."""

    async def rename(self, user_id: str, name: str) -> None:
        """Write the name of an account."""

    async def set_password(self, account: Account, new_hash: str, *, ends_sessions: bool) -> bool:
        """Write a new hash, and end every session if asked; False if the old one is not the account's any more."""

    async def delete(self, account: Account) -> None:
        """Delete an account with all that belongs to it, and publish that."""

    async def attempts(self, key: str) -> Attempts:
        """Return the failed logins of an address."""

    async def note_failure(self, key: str, now: datetime, account: Account | None) -> Attempts:
        """Count a failed login; publish it if that locked an account."""

    async def clear_attempts(self, key: str) -> None:
        """Forget the failed logins of an address."""

    async def open_session(self, session: Session, token_hash: str, account: Account) -> bool:
        """Add a session with its first refresh token; False if the account is gone or its password another by now."""

    async def rotate(self, old_hash: str, new_hash: str, now: datetime) -> tuple[Rotation, Session | None]:
        """Exchange a refresh token; one that was used before ends its session, which is then returned too."""

    async def end_sessions(self, user_id: str, session_id: str | None) -> None:
        """End one session of a user, or all."""

    async def sessions(self, user_id: str) -> Sequence[Session]:
        """Return the sessions of a user."""

    async def addresses(self, user_id: str) -> Sequence[Address]:
        """Return the addresses of a user."""

    async def put_address(self, user_id: str, address: Address, *, is_new: bool) -> bool:
        """Write an address; False if the user has no such one, or too many."""

    async def delete_address(self, user_id: str, address_id: str) -> bool:
        """Delete an address; False if the user has no such one."""


class Passwords(Protocol):
    """Hashes passwords and checks them; slow on purpose, and never on the loop."""

    async def hash(self, password: str) -> str:
        """Return what to store of a password."""

    async def fits(self, password: str, password_hash: str | None) -> bool:
        """Check a password; takes as long when there is nothing to check it against."""

    def is_outdated(self, password_hash: str) -> bool:
        """Say whether a hash was made with other parameters than today's."""


class Signer(Protocol):
    """Signs access tokens with the newest key, and publishes all that still count."""

    lifetime_seconds: int

    def sign(self, account: Account, session_id: str, now: datetime) -> str:
        """Return an access token."""

    def key_set(self) -> dict[str, Any]:
        """Return the public keys as a JWK set."""
