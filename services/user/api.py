"""The routes of the user service, their bodies, and its errors as problem documents."""

import functools
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, ParamSpec, TypeVar

import jwt
from fastapi import APIRouter, Query, Response
from pydantic import Field, StringConstraints

from services.common.http.auth import User, unauthorized
from services.common.http.problems import ProblemError
from services.common.http.schemas import BLANK, Answer, Line, Moment, Request, Text
from services.common.runtime.ids import Identifier, new_id
from services.user import domain
from services.user.domain import Account, Address
from services.user.handlers import Tokens, Users

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")

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


def answers_problems(
    handler: Callable[_Parameters, Awaitable[_Result]],
) -> Callable[_Parameters, Awaitable[_Result]]:
    """Answer a route's domain errors with problem documents."""

    @functools.wraps(handler)
    async def wrapped(*args: _Parameters.args, **kwargs: _Parameters.kwargs) -> _Result:
        try:
            return await handler(*args, **kwargs)
        except domain.UserError as error:
            raise _problem(error) from error

    return wrapped


def _problem(error: domain.UserError) -> ProblemError:
    match error:
        case domain.EmailTakenError():
            return ProblemError(409, "email_taken", "There is an account with this address already")
        case domain.LockedError(seconds=seconds):
            detail = "Too many failed logins; wait, then try again"
            return ProblemError(429, "locked", detail, headers={"Retry-After": str(seconds)})
        case domain.BadCredentialsError():
            return unauthorized("The credentials are not accepted")
        case _:
            return ProblemError(404, "not_found", "There is no such thing for this user")


def router(users: Users) -> APIRouter:
    """Return the routes of accounts and sessions."""
    routes = APIRouter()
    _add_sessions(routes, users)
    _add_accounts(routes, users)
    _add_addresses(routes, users)
    return routes


def _add_sessions(routes: APIRouter, users: Users) -> None:
    @routes.get("/.well-known/jwks.json", tags=["sessions"], operation_id="get_key_set")
    async def key_set(response: Response) -> KeySet:
        """Return the keys that access tokens are signed with."""
        response.headers["cache-control"] = "public, max-age=60"
        return KeySet.model_validate(users.signer.key_set())

    @routes.post("/api/v1/sessions", status_code=201, tags=["sessions"], operation_id="log_in")
    @answers_problems
    async def log_in(credentials: Credentials, response: Response) -> TokensAnswer:
        """Log in."""
        response.headers["cache-control"] = "no-store"
        return _tokens(await users.log_in(credentials.email, credentials.password))

    @routes.post("/api/v1/sessions/refresh", status_code=201, tags=["sessions"], operation_id="refresh_session")
    @answers_problems
    async def refresh(body: RefreshRequest, response: Response) -> TokensAnswer:
        """Exchange a refresh token, once, for new tokens."""
        response.headers["cache-control"] = "no-store"
        return _tokens(await users.refresh(body.refresh_token))

    @routes.delete("/api/v1/sessions", status_code=204, tags=["sessions"], operation_id="log_out")
    @answers_problems
    async def log_out(
        caller: User, everywhere: Annotated[bool, Query(alias="all", description="End every session")] = False
    ) -> None:
        """Log out."""
        claims = jwt.decode(caller.token, options={"verify_signature": False})  # was verified by `User`
        await users.log_out(caller.user_id, None if everywhere else str(claims["sid"]))


def _add_accounts(routes: APIRouter, users: Users) -> None:
    @routes.post("/api/v1/users", status_code=201, tags=["users"], operation_id="register")
    @answers_problems
    async def register(body: Registration) -> UserAnswer:
        """Open an account."""
        return _user(await users.register(body.email, body.password, body.name))

    @routes.get("/api/v1/users/me", tags=["users"], operation_id="get_me")
    @answers_problems
    async def get_me(caller: User) -> UserAnswer:
        """Return one's own account."""
        return _user(await users.account(caller.user_id))

    @routes.patch("/api/v1/users/me", tags=["users"], operation_id="change_me")
    @answers_problems
    async def change_me(caller: User, body: ProfileChange) -> UserAnswer:
        """Change one's name."""
        return _user(await users.rename(caller.user_id, body.name))

    @routes.delete("/api/v1/users/me", status_code=204, tags=["users"], operation_id="delete_me")
    @answers_problems
    async def delete_me(caller: User) -> None:
        """Delete one's account and everything that the service knows of oneself."""
        await users.delete(caller.user_id)

    @routes.put("/api/v1/users/me/password", status_code=204, tags=["users"], operation_id="change_password")
    @answers_problems
    async def change_password(caller: User, body: PasswordChange) -> None:
        """Change one's password; every session ends."""
        try:
            await users.change_password(caller.user_id, body.current_password, body.new_password)
        except domain.BadCredentialsError as error:
            raise ProblemError(403, "wrong_password", "The current password is another one") from error

    @routes.get("/api/v1/users/me/export", tags=["users"], operation_id="export_me")
    @answers_problems
    async def export_me(caller: User) -> ExportAnswer:
        """Return everything that the service knows of oneself."""
        export = await users.export(caller.user_id)
        sessions = [
            SessionAnswer(id=session.id, created_at=session.created_at, expires_at=session.expires_at)
            for session in export.sessions
        ]
        listed = [_address(address) for address in export.addresses]
        return ExportAnswer(user=_user(export.account), addresses=listed, sessions=sessions)


def _add_addresses(routes: APIRouter, users: Users) -> None:
    path = "/api/v1/users/me/addresses"

    @routes.get(path, tags=["addresses"], operation_id="list_addresses")
    @answers_problems
    async def list_addresses(caller: User) -> AddressList:
        """Return one's addresses."""
        addresses = await users.store.addresses(caller.user_id)
        return AddressList(items=[_address(address) for address in addresses])

    @routes.post(path, status_code=201, tags=["addresses"], operation_id="add_address")
    @answers_problems
    async def add_address(caller: User, body: AddressBody) -> AddressAnswer:
        """Add an address."""
        return _address(await users.add_address(caller.user_id, _from_body(new_id(), body)))

    @routes.put(path + "/{address_id}", tags=["addresses"], operation_id="change_address")
    @answers_problems
    async def change_address(caller: User, address_id: Identifier, body: AddressBody) -> AddressAnswer:
        """Change an address."""
        return _address(await users.change_address(caller.user_id, _from_body(address_id, body)))

    @routes.delete(path + "/{address_id}", status_code=204, tags=["addresses"], operation_id="delete_address")
    @answers_problems
    async def delete_address(caller: User, address_id: Identifier) -> None:
        """Delete an address."""
        await users.delete_address(caller.user_id, address_id)


def _user(account: Account) -> UserAnswer:
    return UserAnswer(
        id=account.id,
        email=account.email,
        name=account.name,
        roles=list(account.roles),
        created_at=account.created_at,
    )


def _tokens(tokens: Tokens) -> TokensAnswer:
    return TokensAnswer(access_token=tokens.access, refresh_token=tokens.refresh, expires_in=tokens.lifetime_seconds)


def _address(address: Address) -> AddressAnswer:
    return AddressAnswer(
        id=address.id,
        name=address.name,
        street=address.street,
        city=address.city,
        postal_code=address.postal_code,
        country=address.country,
    )


def _from_body(address_id: str, body: AddressBody) -> Address:
    return Address(address_id, body.name, body.street, body.city, body.postal_code, body.country)
