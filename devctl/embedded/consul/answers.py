"""How an answer of Consul's HTTP API looks: headers, blocking queries, errors in its own words."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

from devctl.embedded import durations
from devctl.embedded.consul.agent import DATACENTER
from devctl.embedded.consul.definitions import BadQuery, BadRequest
from devctl.embedded.consul.filter import compile_filter
from devctl.embedded.consul.state import State
from devctl.http.server import Request, Response, json_response

_TRUE = frozenset({"", "1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
DEFAULT_WAIT_SECONDS = 300.0
LONGEST_WAIT_SECONDS = 600.0
_COMMON = [("Vary", "Accept-Encoding"), ("X-Consul-Default-Acl-Policy", "allow")]


class NoDatacenter(Exception):
    """The request is for a datacenter that is not there."""


def answer(value: Any, status: int = 200, headers: list[tuple[str, str]] | None = None) -> Response:
    """Return a value as JSON."""
    return json_response(value, status, [*_COMMON, *(headers or [])])


def done() -> Response:
    """Return the empty answer of a request that worked."""
    return Response(200, b"", "text/plain; charset=utf-8", list(_COMMON))


def plain(status: int, text: str, headers: list[tuple[str, str]] | None = None) -> Response:
    """Return a plain sentence."""
    return Response(status, text.encode(), "text/plain; charset=utf-8", [*_COMMON, *(headers or [])])


def index_headers(index: int) -> list[tuple[str, str]]:
    """Return the headers that tell a reader how new the answer is."""
    return [
        ("X-Consul-Effective-Consistency", "leader"),
        ("X-Consul-Index", str(index)),
        ("X-Consul-KnownLeader", "true"),
        ("X-Consul-LastContact", "0"),
        ("X-Consul-Query-Backend", "blocking-query"),
    ]


def parameter(request: Request, name: str, default: str = "") -> str:
    """Return the first value of a query parameter."""
    return request.query.get(name, [default])[0]


def flag(request: Request, name: str) -> bool:
    """Tell whether a parameter is there and not switched off: `?passing`, `?passing=1`."""
    return name in request.query and parameter(request, name).lower() not in ("0", "false", "f")


def boolean(request: Request, name: str) -> bool:
    """Return a parameter that Consul reads by Go's strconv.ParseBool; there without a value, it is true."""
    value = parameter(request, name)
    if value in _TRUE or value in _FALSE:
        return name in request.query and value in _TRUE
    raise BadRequest(f"Invalid value for ?{name}")


async def blocking(state: State, request: Request, read: Callable[[], tuple[int, Any]]) -> tuple[int, Any]:
    """Read; when the client knows this index already, wait for a newer one, as long as it wants to."""
    same_datacenter(request)
    last_index, wait = _wait_of(request)
    index, value = read()
    if not last_index or index > last_index:
        return index, value
    loop = asyncio.get_running_loop()
    deadline = loop.time() + wait + random.random() * wait / 16  # noqa: S311 - spreads clients, as Consul does
    while index <= last_index and (left := deadline - loop.time()) > 0:
        try:
            async with asyncio.timeout(left):
                await state.changed()
        except TimeoutError:
            pass
        index, value = read()
    return index, value


async def listing(state: State, request: Request, read: Callable[[], tuple[int, Any]]) -> Response:
    """Answer a blocking query with its value and index, filtered where the client asks for it."""
    keep = compile_filter(parameter(request, "filter")) if parameter(request, "filter") else None
    index, value = await blocking(state, request, read)
    if keep is not None:
        value = [entry for entry in value if keep(entry)]
    return answer(value, headers=index_headers(index))


def one_consistency(request: Request) -> None:
    """Raise BadQuery when the request is to be both quick and up to date."""
    if "stale" in request.query and "consistent" in request.query:
        raise BadQuery("Cannot specify ?stale with ?consistent, conflicting semantics.")


def same_datacenter(request: Request) -> None:
    """Raise NoDatacenter when the request is for another datacenter."""
    if parameter(request, "dc", DATACENTER) not in ("", DATACENTER):
        raise NoDatacenter


def content_hash(value: Any) -> str:
    """Return a short hash that changes when the value does."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def _unsigned(text: str) -> int:
    """Read a number as Go's strconv.ParseUint does, which takes digits and nothing else."""
    if not (text.isascii() and text.isdigit() and int(text) < 1 << 64):
        raise ValueError(text)
    return int(text)


def _wait_of(request: Request) -> tuple[int, float]:
    one_consistency(request)
    try:
        index = _unsigned(parameter(request, "index") or "0")
    except ValueError as failure:
        raise BadQuery("Invalid index") from failure
    try:
        wait = durations.seconds(parameter(request, "wait"))
    except ValueError as failure:
        raise BadQuery("Invalid wait time") from failure
    return index, min(wait if wait > 0 else DEFAULT_WAIT_SECONDS, LONGEST_WAIT_SECONDS)
