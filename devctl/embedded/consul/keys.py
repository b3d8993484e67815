"""Keys and sessions: reading, writing, locks, and what becomes of locks when their session ends."""

from __future__ import annotations

import asyncio
import uuid
from dataclasses import dataclass
from typing import Any

from devctl.embedded import durations
from devctl.embedded.consul.state import CHECK, KV, NODE, SESSION, Entry, State

DEFAULT_LOCK_DELAY_SECONDS = 15.0
LONGEST_LOCK_DELAY_SECONDS = 60.0
SHORTEST_TTL_SECONDS = 10.0
LONGEST_TTL_SECONDS = 86_400.0
SERF_CHECK = "serfHealth"
CRITICAL = "critical"


class Refused(Exception):
    """The request cannot be done; the message is what Consul would say."""


@dataclass(frozen=True)
class Write:
    """A new value for a key, and under which condition it is taken."""

    key: str
    value: str | None
    flags: int = 0
    cas: int | None = None
    acquire: str | None = None
    release: str | None = None


class Keys:
    """The key-value store with its locks."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._delayed: dict[str, float] = {}

    def get(self, key: str) -> Entry | None:
        """Return one entry."""
        return self._state.get(KV, key)

    def below(self, prefix: str) -> list[Entry]:
        """Return all entries whose key begins with the prefix, in the order of keys."""
        return [entry for entry in self._state.all(KV) if entry["Key"].startswith(prefix)]

    def put(self, write: Write) -> bool:
        """Write a value; False when its condition does not hold. Raises Refused for an unknown session."""
        current = self._state.get(KV, write.key)
        if write.cas is not None and write.cas != (current["ModifyIndex"] if current else 0):
            return False
        session = current.get("Session") if current else None
        locks = current["LockIndex"] if current else 0
        if write.acquire is not None:
            if not self._may_acquire(write.key, write.acquire, session):
                return False
            locks += session is None
            session = write.acquire
        elif write.release is not None:
            if session is None or session != write.release:
                return False
            session = None
        else:
            locks = 0  # a plain write begins the count anew, as Consul's does
        entry: Entry = {"LockIndex": locks, "Key": write.key, "Flags": write.flags, "Value": write.value}
        self._keep(current, entry | ({"Session": session} if session else {}))
        return True

    def delete(self, key: str, cas: int | None = None) -> bool:
        """Delete a key; False when it changed since `cas`."""
        current = self._state.get(KV, key)
        if cas is not None and (current is None or cas == 0 or current["ModifyIndex"] != cas):
            return current is None and cas != 0
        self._state.delete(KV, key)
        return True

    def delete_below(self, prefix: str) -> None:
        """Delete all keys that begin with the prefix."""
        with self._state.change():
            for entry in self.below(prefix):
                self._state.delete(KV, entry["Key"])

    def free(self, session: str, behaviour: str, delay: float) -> None:
        """Return back, or delete, all locks of a session that ended; they rest for the delay."""
        for entry in self._state.all(KV):
            if entry.get("Session") != session:
                continue
            self._delayed[entry["Key"]] = _now() + delay
            if behaviour == "delete":
                self._state.delete(KV, entry["Key"])
            else:
                freed = {name: value for name, value in entry.items() if name != "Session"}
                self._state.put(KV, (entry["Key"],), freed)

    def _may_acquire(self, key: str, session: str, holder: str | None) -> bool:
        if self._state.get(SESSION, session) is None:
            raise Refused(f'raft apply failed: invalid session "{session}"')
        if self._delayed.get(key, 0.0) > _now():
            return False
        self._delayed.pop(key, None)
        return holder is None or holder == session

    def _keep(self, current: Entry | None, entry: Entry) -> None:
        same = current is not None and all(
            current.get(name) == entry.get(name) for name in ("Value", "Flags", "Session", "LockIndex")
        )
        if not same:
            self._state.put(KV, (entry["Key"],), entry)


class Sessions:
    """Sessions: they live as long as they are renewed and their checks are not critical."""

    def __init__(self, state: State, keys: Keys, node: str) -> None:
        self._state = state
        self._keys = keys
        self._node = node
        self._timers: dict[str, asyncio.TimerHandle] = {}
        for session in state.all(SESSION):
            self._arm(session)

    def create(self, definition: dict[str, Any]) -> str:
        """Make a session and give its id; raise Refused when it cannot be."""
        session = self._judged(definition)
        with self._state.change():
            self._state.put(SESSION, (session["ID"],), session)
            self._arm(session)
        return str(session["ID"])

    def renew(self, id: str) -> Entry | None:
        """Begin the session's time anew; None when there is none."""
        session = self._state.get(SESSION, id)
        if session is not None:
            self._arm(session)
        return session

    def destroy(self, id: str) -> None:
        """End a session and free its locks."""
        session = self._state.get(SESSION, id)
        timer = self._timers.pop(id, None)
        if timer is not None:
            timer.cancel()
        if session is None:
            return
        with self._state.change():
            self._state.delete(SESSION, id)
            self._keys.free(id, session["Behavior"], session["LockDelay"] / 1e9)

    def check_failed(self, node: str, check: str) -> None:
        """End all sessions that hang on a check that is critical or gone."""
        for session in self._state.all(SESSION):
            if session["Node"] == node and check in _checks(session):
                self.destroy(session["ID"])

    def node_gone(self, node: str) -> None:
        """End all sessions of a node."""
        for session in self._state.all(SESSION):
            if session["Node"] == node:
                self.destroy(session["ID"])

    def close(self) -> None:
        """Stop all timers."""
        for timer in self._timers.values():
            timer.cancel()

    def _judged(self, definition: dict[str, Any]) -> Entry:
        behaviour = definition.get("behavior") or "release"
        if behaviour not in ("release", "delete"):
            raise Refused(f"Invalid Behavior setting '{behaviour}'")
        node = definition.get("node") or self._node
        if self._state.get(NODE, node) is None:
            raise Refused("apply failed: Missing node registration")
        session = {
            "Checks": list(definition.get("checks") or ()),
            "NodeChecks": list(definition.get("nodechecks", [SERF_CHECK])),
            "ServiceChecks": definition.get("servicechecks"),
        }
        for check in _checks(session):
            self._check_is_good(node, check)
        if not session["Checks"]:
            del session["Checks"]
        return session | {
            "ID": str(uuid.uuid4()),
            "Name": definition.get("name") or "",
            "Node": node,
            "LockDelay": _lock_delay(definition.get("lockdelay")),
            "Behavior": behaviour,
            "TTL": _ttl(definition.get("ttl") or ""),
        }

    def _check_is_good(self, node: str, check: str) -> None:
        entry = self._state.get(CHECK, node, check)
        if entry is None:
            raise Refused(f"apply failed: Missing check '{check}' registration")
        if entry["Status"] == CRITICAL:
            raise Refused(f"apply failed: Check '{check}' is in critical state")

    def _arm(self, session: Entry) -> None:
        timer = self._timers.pop(session["ID"], None)
        if timer is not None:
            timer.cancel()
        ttl = durations.seconds(session["TTL"])
        if ttl:
            # Consul promises no end before the TTL and takes up to twice as long.
            loop = asyncio.get_running_loop()
            self._timers[session["ID"]] = loop.call_later(2 * ttl, self.destroy, session["ID"])


def _checks(session: Entry) -> list[str]:
    """Return the ids of all checks that a session hangs on."""
    of_services = (check["ID"] for check in session["ServiceChecks"] or ())
    return [*session.get("Checks", ()), *session["NodeChecks"], *of_services]


def _lock_delay(value: object) -> int:
    if value is None:
        delay = DEFAULT_LOCK_DELAY_SECONDS
    elif isinstance(value, (int, float)) and value < 1000:
        delay = float(value)  # small numbers are seconds, as Consul reads them
    else:
        delay = durations.seconds(value)
    return int(min(delay, LONGEST_LOCK_DELAY_SECONDS) * 1e9)


def _ttl(text: str) -> str:
    ttl = durations.seconds(text)
    if ttl and not SHORTEST_TTL_SECONDS <= ttl <= LONGEST_TTL_SECONDS:
        raise Refused(f"Invalid Session TTL '{int(ttl * 1e9)}', must be between [10s=24h0m0s]")
    return text


def _now() -> float:
    return asyncio.get_running_loop().time()
