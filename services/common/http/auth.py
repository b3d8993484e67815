"""Who is calling: access tokens checked against the published key set, and the credential between services.

Keys are kept in memory and on disk, so that tokens can be checked while the user service is away.
"""

import asyncio
import contextlib
import hmac
import json
import random
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import jwt
from fastapi import Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from services.common.http.problems import ProblemError, unavailable
from services.common.runtime import secrets, telemetry

ALGORITHM = "EdDSA"
ISSUER = "shop-user"
AUDIENCE = "shop"
ADMIN = "admin"

FetchKeys = Callable[[], Awaitable[dict[str, Any]]]

_LEEWAY_SECONDS = 5  # for clocks of machines that differ
_KEYS_LIVE_SECONDS = 300  # also the longest that a cached token outlives the withdrawal of its key
_FETCH_PAUSE_SECONDS = 2  # bounds what made-up key ids cost the user service
_CACHED_TOKENS = 10_000  # some 10 MB
_LONGEST_TOKEN = 4096  # ours have some 400 characters


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from."""

    user_id: str = ""
    roles: frozenset[str] = frozenset()
    token: str = ""
    is_service: bool = False

    @property
    def is_admin(self) -> bool:
        """Say whether the caller holds the role of an administrator."""
        return ADMIN in self.roles


class BadTokenError(Exception):
    """A token that must not be trusted."""


class Tokens:
    """Checks access tokens: algorithm, audience, issuer and times are decided here, never by the token."""

    def __init__(self, fetch: FetchKeys, cache_path: Path | None = None) -> None:
        self._fetch, self._cache_path = fetch, cache_path
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched_at = self._tried_at = float("-inf")
        self._lock = asyncio.Lock()
        self._callers: OrderedDict[str, tuple[float, Caller]] = OrderedDict()
        self._load()

    def fetch_from(self, fetch: FetchKeys) -> None:
        """Fetch the keys from elsewhere: the user service has them itself."""
        self._fetch = fetch

    async def check(self, token: str) -> Caller:
        """Return whose token this is; BadTokenError if it is invalid, 503 if no key could ever be fetched."""
        cached = self._callers.get(token)
        if cached and cached[0] > time.time():
            return cached[1]
        if len(token) > _LONGEST_TOKEN:
            raise BadTokenError("too long")
        key = await self._key(token)
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise BadTokenError(str(error)) from error
        return self._remember(token, claims)

    async def keep_fresh(self) -> None:
        """Fetch the keys before anybody asks, and again and again, so that no request waits for them."""
        while True:
            # At the start of a stack the user service may come last: that is waited for, and no failure to look into.
            with telemetry.untraced():
                await self.refresh()
            is_fresh = self._tried_at <= self._fetched_at
            pause = _KEYS_LIVE_SECONDS if is_fresh else _FETCH_PAUSE_SECONDS
            await asyncio.sleep(pause * random.uniform(1.0, 1.1))  # noqa: S311

    async def refresh(self) -> None:
        """Fetch the key set anew, at most once in a short while; on failure the old one stays."""
        async with self._lock:
            if time.monotonic() - self._tried_at < _FETCH_PAUSE_SECONDS and self._keys:
                return
            self._tried_at = time.monotonic()
            try:
                key_set = await self._fetch()
                self._replace_keys(key_set)
            except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError):
                self._tried_at = time.monotonic()  # requests that waited for the lock must not each try again
                return
            self._fetched_at = time.monotonic()
            self._save(key_set)

    async def _key(self, token: str) -> jwt.PyJWK:
        try:
            header = jwt.get_unverified_header(token)
        except (jwt.PyJWTError, ValueError) as error:
            raise BadTokenError("not a token") from error
        key_id = header.get("kid")
        if header.get("alg") != ALGORITHM or not isinstance(key_id, str):
            raise BadTokenError("not one of our tokens")
        if key_id not in self._keys:
            await self.refresh()
        if not self._keys:
            raise unavailable("The service that knows the keys of tokens")
        if key_id not in self._keys:
            raise BadTokenError("signed by nobody we know")
        return self._keys[key_id]

    def _remember(self, token: str, claims: dict[str, Any]) -> Caller:
        roles = claims.get("roles") or ()
        caller = Caller(str(claims["sub"]), frozenset(map(str, roles)), token)
        self._callers[token] = (min(float(claims["exp"]), time.time() + _KEYS_LIVE_SECONDS), caller)
        if len(self._callers) > _CACHED_TOKENS:
            self._callers.popitem(last=False)
        return caller

    def _replace_keys(self, key_set: dict[str, Any]) -> None:
        """Replace the known keys; cached tokens of a withdrawn key are dropped too."""
        keys = {entry["kid"]: jwt.PyJWK(entry, ALGORITHM) for entry in key_set["keys"]}
        if keys.keys() != self._keys.keys():
            self._callers.clear()
        self._keys = keys

    def _save(self, key_set: dict[str, Any]) -> None:
        """Save the keys for the next start; a full disk costs no more than that."""
        if self._cache_path is not None:
            half = self._cache_path.with_suffix(".new")
            with contextlib.suppress(OSError):
                half.write_text(json.dumps(key_set))
                half.replace(self._cache_path)

    def _load(self) -> None:
        """Load the keys of the last run."""
        if self._cache_path is not None and self._cache_path.exists():
            with contextlib.suppress(OSError, ValueError, KeyError, TypeError, jwt.PyJWTError):
                self._replace_keys(json.loads(self._cache_path.read_text()))


# Two names for one scheme, so that a document shows where a token is required and where it is optional.
REQUIRED, OPTIONAL = "accessToken", "optionalAccessToken"
bearer = HTTPBearer(auto_error=False, scheme_name=OPTIONAL, description="The accessToken of POST /api/v1/sessions")
_required = HTTPBearer(auto_error=False, scheme_name=REQUIRED, description=bearer.model.description)
_Bearer = Annotated[HTTPAuthorizationCredentials | None, Security(bearer)]


def unauthorized(detail: str) -> ProblemError:
    """Say that the caller must show who it is."""
    return ProblemError(401, "unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def forbidden(detail: str) -> ProblemError:
    """Say that the caller may not do this."""
    return ProblemError(403, "forbidden", detail)


async def optional_caller(request: Request, credentials: _Bearer) -> Caller:
    """Return the caller, who may be anonymous; a token that is sent must be valid."""
    is_service = shows_service_token(request)
    if credentials is None:
        if "authorization" in request.headers:
            raise unauthorized("Authorization must be: Bearer TOKEN")
        return Caller(is_service=is_service)
    tokens: Tokens = request.app.state.runtime.tokens
    try:
        caller = await tokens.check(credentials.credentials)
    except BadTokenError as error:
        raise unauthorized(f"The token is not accepted: {error}") from error
    return Caller(caller.user_id, caller.roles, caller.token, is_service) if is_service else caller


async def user(
    caller: Annotated[Caller, Depends(optional_caller)], _shown: Annotated[object, Security(_required)]
) -> Caller:
    """Return the caller, who must be a user."""
    if not caller.user_id:
        raise unauthorized("Log in first: POST /api/v1/sessions")
    return caller


async def admin(caller: Annotated[Caller, Depends(user)]) -> Caller:
    """Return the caller, who must be an administrator."""
    if not caller.is_admin:
        raise forbidden("Only an administrator may do this")
    return caller


async def service(request: Request) -> Caller:
    """Return the caller, who must be another service of the shop."""
    if not shows_service_token(request):
        raise forbidden("Only services of the shop may ask this")
    return Caller(is_service=True)


def shows_service_token(request: Request) -> bool:
    """Say whether the request carries the credential of the services."""
    shown = request.headers.get(secrets.HEADER, "")
    return bool(shown) and hmac.compare_digest(shown.encode(), request.app.state.runtime.token.encode())


OptionalCaller = Annotated[Caller, Depends(optional_caller)]
User = Annotated[Caller, Depends(user)]
Admin = Annotated[Caller, Depends(admin)]
Service = Annotated[Caller, Depends(service)]
