"""/v1/kv and /v1/session: keys, values, locks and the sessions that hold them."""

from __future__ import annotations

import base64
from typing import Any

from devctl.embedded.consul import definitions
from devctl.embedded.consul.answers import answer, blocking, flag, index_headers, listing, parameter, plain
from devctl.embedded.consul.keys import Keys, Refused, Sessions, Write
from devctl.embedded.consul.state import KV, SESSION, Entry, State
from devctl.http.server import Request, Response

MOST_VALUE_BYTES = 512 * 1024


class KeyApi:
    """Answers what clients ask about keys and sessions."""

    def __init__(self, state: State, keys: Keys, sessions: Sessions) -> None:
        self._state = state
        self._keys = keys
        self._sessions = sessions

    async def kv(self, request: Request, key: str) -> Response:
        """Read, write or delete a key, or all keys below a prefix."""
        everything = flag(request, "recurse") or flag(request, "keys")
        if not key and not (everything and request.method != "PUT"):
            raise definitions.BadRequest("Missing key name")
        if request.method == "PUT":
            return self._put(request, key)
        if request.method == "DELETE":
            return self._delete(request, key)
        return await (self._list(request, key) if everything else self._get(request, key))

    async def _get(self, request: Request, key: str) -> Response:
        def read() -> tuple[int, Entry | None]:
            entry = self._keys.get(key)
            return (entry["ModifyIndex"] if entry else self._state.table_index(KV)), entry

        index, entry = await blocking(self._state, request, read)
        headers = index_headers(index)
        if entry is None:
            return plain(404, "", headers)
        if not flag(request, "raw"):
            return answer([entry], headers=headers)
        safe = [("Content-Security-Policy", "sandbox"), ("X-Content-Type-Options", "nosniff")]
        return Response(200, base64.b64decode(entry["Value"] or ""), "text/plain", [*headers, *safe])

    async def _list(self, request: Request, prefix: str) -> Response:
        names_only, separator = flag(request, "keys"), parameter(request, "separator")

        def read() -> tuple[int, list[Any]]:
            entries = self._keys.below(prefix)
            values = _names(entries, prefix, separator) if names_only else entries
            return self._state.prefix_index(prefix), values

        index, values = await blocking(self._state, request, read)
        return answer(values, headers=index_headers(index)) if values else plain(404, "", index_headers(index))

    def _put(self, request: Request, key: str) -> Response:
        if len(request.body) > MOST_VALUE_BYTES:
            return plain(413, f"Request body({len(request.body)} bytes) too large, max size: {MOST_VALUE_BYTES} bytes.")
        write = Write(
            key,
            base64.b64encode(request.body).decode() if request.body else None,
            flags=_number(request, "flags") or 0,
            cas=_number(request, "cas"),
            acquire=parameter(request, "acquire") or None,
            release=parameter(request, "release") or None,
        )
        return answer(self._keys.put(write))

    def _delete(self, request: Request, key: str) -> Response:
        if flag(request, "recurse"):
            self._keys.delete_below(key)
            return answer(True)
        return answer(self._keys.delete(key, _number(request, "cas")))

    async def create(self, request: Request, rest: str) -> Response:
        """Make a session."""
        body = definitions.body(request.body, may_be_empty=True)
        return answer({"ID": self._sessions.create(body)})

    async def destroy(self, request: Request, id: str) -> Response:
        """End a session."""
        if not id:
            raise definitions.BadRequest("Missing session")
        self._sessions.destroy(id)
        return answer(True)

    async def renew(self, request: Request, id: str) -> Response:
        """Prolong a session."""
        session = self._sessions.renew(id)
        return answer([session]) if session else plain(404, f"Session id '{id}' not found")

    async def info(self, request: Request, id: str) -> Response:
        """Return one session as a list of one or none."""
        return await self._sessions_where(request, "ID", id)

    async def list(self, request: Request, rest: str) -> Response:
        """List all sessions."""
        return await self._sessions_where(request, "", "")

    async def node(self, request: Request, node: str) -> Response:
        """List the sessions of a node."""
        return await self._sessions_where(request, "Node", node)

    async def _sessions_where(self, request: Request, field: str, value: str) -> Response:
        def read() -> tuple[int, Any]:
            sessions = [session for session in self._state.all(SESSION) if not field or session[field] == value]
            return self._state.table_index(SESSION), sessions

        return await listing(self._state, request, read)


def _names(entries: list[Entry], prefix: str, separator: str) -> list[str]:
    """Return the keys, each cut after the first separator behind the prefix, every one once."""
    names: dict[str, None] = {}
    for entry in entries:
        key = entry["Key"]
        cut = key.find(separator, len(prefix)) if separator else -1
        names[key[: cut + len(separator)] if cut >= 0 else key] = None
    return list(names)


def _number(request: Request, name: str) -> int | None:
    text = parameter(request, name)
    if name not in request.query:
        return None
    if not text.isdecimal():
        raise Refused(f'strconv.ParseUint: parsing "{text}": invalid syntax')
    return int(text)
