"""The bodies of the user service's requests and answers."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints

from services.common.http.schemas import BLANK, Answer, Line, Moment, Request, Text
from services.user.domain import Account, Address
from services.user.handlers import Tokens

Email = Annotated[
    str,
    StringConstraints(strict=True, max_length=254, pattern=rf"^[^@{BLANK}]{{1,64}}@[^@{BLANK}]{{1,180}}$"),
    Field(examples=["ada@example.org"]),
]
Password = Annotated[str, StringConstraints(strict=True, min_length=8, max_length=128)]
PostalCode = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9][A-Za-z0-9 -]{0,19}$")]


class Registration(Request):
    """A new account."""

    email: Email
    password: Password
    name: Line


class Credentials(Request):
    """Address and password."""

    email: Annotated[Text, StringConstraints(max_length=254)]
    password: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=128)]


class RefreshRequest(Request):
    """A refresh token to exchange."""

    refresh_token: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=200)]


class ProfileChange(Request):
    """What a user can change of the profile."""

    name: Line


class PasswordChange(Request):
    """The password in use and the one to come."""

    current_password: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=128)]
    new_password: Password


class AddressBody(Request):
    """An address as it is sent in."""

    name: Line
    street: Line
    city: Line
    postal_code: PostalCode
    country: Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Z]{2}$")]


class UserAnswer(Answer):
    """A user."""

    id: str
    email: str
    name: str
    roles: list[str]
    created_at: Moment


class TokensAnswer(Answer):
    """An access token, how long it counts, and the token to get the next one with."""

    access_token: str
    refresh_token: str
    expires_in: int
    token_type: str = "Bearer"  # noqa: S105


class AddressAnswer(Answer):
    """An address."""

    id: str
    name: str
    street: str
    city: str
    postal_code: str
    country: str


class AddressList(Answer):
    """All addresses of a user."""

    items: list[AddressAnswer]


class SessionAnswer(Answer):
    """One login."""

    id: str
    created_at: Moment
    expires_at: Moment


class ExportAnswer(Answer):
    """Everything that the service knows of a user."""

    user: UserAnswer
    addresses: list[AddressAnswer]
    sessions: list[SessionAnswer]


class KeySet(Answer):
    """The public keys that access tokens are checked with (RFC 7517)."""

    keys: list[dict[str, Any]]


def user_answer(account: Account) -> UserAnswer:
    """Return an account as its owner sees it."""
    return UserAnswer(
        id=account.id,
        email=account.email,
        name=account.name,
        roles=list(account.roles),
        created_at=account.created_at,
    )


def tokens_answer(tokens: Tokens) -> TokensAnswer:
    """Return the tokens of a session."""
    return TokensAnswer(access_token=tokens.access, refresh_token=tokens.refresh, expires_in=tokens.lifetime_seconds)


def address_answer(address: Address) -> AddressAnswer:
    """Return an address."""
    return AddressAnswer(
        id=address.id,
        name=address.name,
        street=address.street,
        city=address.city,
        postal_code=address.postal_code,
        country=address.country,
    )


def address_from(address_id: str, body: AddressBody) -> Address:
    """Return the address that a body describes."""
    return Address(address_id, body.name, body.street, body.city, body.postal_code, body.country)
