"""The routes of the user service, and its errors as problem documents."""

import functools
from collections.abc import Awaitable, Callable
from typing import Annotated, ParamSpec, TypeVar

import jwt
from fastapi import APIRouter, Query, Response

from services.common.http.auth import User, unauthorized
from services.common.http.problems import ProblemError
from services.common.runtime.ids import Identifier, new_id
from services.user import domain
from services.user.handlers import Users
from services.user.schemas import (
    AddressAnswer,
    AddressBody,
    AddressList,
    Credentials,
    ExportAnswer,
    KeySet,
    PasswordChange,
    ProfileChange,
    RefreshRequest,
    Registration,
    SessionAnswer,
    TokensAnswer,
    UserAnswer,
    address_answer,
    address_from,
    tokens_answer,
    user_answer,
)

_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


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
        return tokens_answer(await users.log_in(credentials.email, credentials.password))

    @routes.post("/api/v1/sessions/refresh", status_code=201, tags=["sessions"], operation_id="refresh_session")
    @answers_problems
    async def refresh(body: RefreshRequest, response: Response) -> TokensAnswer:
        """Exchange a refresh token, once, for new tokens."""
        response.headers["cache-control"] = "no-store"
        return tokens_answer(await users.refresh(body.refresh_token))

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
        return user_answer(await users.register(body.email, body.password, body.name))

    @routes.get("/api/v1/users/me", tags=["users"], operation_id="get_me")
    @answers_problems
    async def get_me(caller: User) -> UserAnswer:
        """Return one's own account."""
        return user_answer(await users.account(caller.user_id))

    @routes.patch("/api/v1/users/me", tags=["users"], operation_id="change_me")
    @answers_problems
    async def change_me(caller: User, body: ProfileChange) -> UserAnswer:
        """Change one's name."""
        return user_answer(await users.rename(caller.user_id, body.name))

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
        listed = [address_answer(address) for address in export.addresses]
        return ExportAnswer(user=user_answer(export.account), addresses=listed, sessions=sessions)


def _add_addresses(routes: APIRouter, users: Users) -> None:
    path = "/api/v1/users/me/addresses"

    @routes.get(path, tags=["addresses"], operation_id="list_addresses")
    @answers_problems
    async def list_addresses(caller: User) -> AddressList:
        """Return one's addresses."""
        addresses = await users.store.addresses(caller.user_id)
        return AddressList(items=[address_answer(address) for address in addresses])

    @routes.post(path, status_code=201, tags=["addresses"], operation_id="add_address")
    @answers_problems
    async def add_address(caller: User, body: AddressBody) -> AddressAnswer:
        """Add an address."""
        return address_answer(await users.add_address(caller.user_id, address_from(new_id(), body)))

    @routes.put(path + "/{address_id}", tags=["addresses"], operation_id="change_address")
    @answers_problems
    async def change_address(caller: User, address_id: Identifier, body: AddressBody) -> AddressAnswer:
        """Change an address."""
        return address_answer(await users.change_address(caller.user_id, address_from(address_id, body)))

    @routes.delete(path + "/{address_id}", status_code=204, tags=["addresses"], operation_id="delete_address")
    @answers_problems
    async def delete_address(caller: User, address_id: Identifier) -> None:
        """Delete an address."""
        await users.delete_address(caller.user_id, address_id)
