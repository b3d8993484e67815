"""Accounts, sessions and the rules of logging in. Standard library only."""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# As the contract of the shop says: five failed logins lock an address for a minute.
FAILURES_ALLOWED = 5
LOCK = timedelta(seconds=60)
FAILURES_FORGOTTEN_AFTER = timedelta(minutes=15)
SESSION_LIVES = timedelta(days=30)
ADMIN = "admin"


class UserError(Exception):
    """Something that the rules of accounts do not allow."""


class EmailTakenError(UserError):
    """Another account has this address already."""


class BadCredentialsError(UserError):
    """Address and password, or the refresh token, do not fit an account."""


class LockedError(UserError):
    """Too many failed logins; the account opens again by itself."""

    def __init__(self, seconds: int) -> None:
        super().__init__(f"locked for {seconds} s")
        self.seconds = seconds


class UnknownError(UserError):
    """There is no such account or address of it."""


@dataclass(frozen=True, slots=True)
class Account:
    """A user of the shop."""

    id: str
    email: str
    name: str
    password_hash: str
    created_at: datetime
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """A place to send things to."""

    id: str
    name: str
    street: str
    city: str
    postal_code: str
    country: str


@dataclass(frozen=True, slots=True)
class Session:
    """One login and everything that was refreshed from it."""

    id: str
    user_id: str
    created_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Attempts:
    """The failed logins of one address lately, whether or not it has an account."""

    failures: int = 0
    last_at: datetime | None = None

    def locked_for(self, now: datetime) -> int:
        """Return the whole seconds until the next try is allowed, or 0."""
        if self.failures < FAILURES_ALLOWED or self.last_at is None:
            return 0
        left = (self.last_at + LOCK - now).total_seconds()
        return max(1, round(left)) if left > 0 else 0

    def with_failure(self, now: datetime) -> "Attempts":
        """Count one more; old ones, and those that a lock has paid for, are forgotten."""
        is_over = self.failures >= FAILURES_ALLOWED and not self.locked_for(now)
        is_old = self.last_at is not None and now - self.last_at > FAILURES_FORGOTTEN_AFTER
        return Attempts(1 if is_over or is_old else self.failures + 1, now)

    def has_just_locked(self) -> bool:
        """Say whether this failure is the one that closed the account."""
        return self.failures == FAILURES_ALLOWED


class Rotation(StrEnum):
    """What came of showing a refresh token."""

    DONE = "done"
    UNKNOWN = "unknown"
    REUSED = "reused"


def normalized(email: str) -> str:
    """Return the form of an address under which there is one account."""
    return email.strip().lower()


def new_refresh_token() -> str:
    """Make a refresh token."""
    return secrets.token_urlsafe(32)


def fingerprint(secret: str) -> str:
    """Return what is stored of a refresh token or of an address that tried to log in."""
    return hashlib.sha256(secret.encode()).hexdigest()


def registered(account: Account) -> Mapping[str, str]:
    """Return the data of the event for a new account."""
    return {"userId": account.id, "email": account.email, "name": account.name}


def locked(account: Account) -> Mapping[str, str]:
    """Return the data of the event for a locked account."""
    return {"userId": account.id, "email": account.email}


def deleted(account: Account) -> Mapping[str, str]:
    """Return the data of the event for a deleted account: its bare id."""
    return {"userId": account.id}
