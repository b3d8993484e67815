"""Argon2id hashes of passwords, computed in threads."""

import asyncio
from typing import Any

from services.common.http.problems import unavailable
from services.common.runtime.ids import new_id

_HASHES_AT_ONCE = 2  # each takes a core and 19 MiB
_MOST_WAITING = 100  # at some 30 ms a hash, two at a time, the last one waits 1.5 s: within a request's deadline


class Argon2:
    """Argon2id in threads, two at a time: each takes 19 MiB and a core."""

    def __init__(self, memory_kib: int, passes: int) -> None:
        from argon2 import PasswordHasher

        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._gate = asyncio.Semaphore(_HASHES_AT_ONCE)
        self._waiting = 0
        self._dummy_hash: str | None = None

    async def hash(self, password: str) -> str:
        """Return what to store of a password."""
        return str(await self._run(self._hasher.hash, password))

    async def fits(self, password: str, password_hash: str | None) -> bool:
        """Check a password; where there is none to check it against, a dummy takes the same time."""
        if self._dummy_hash is None:
            self._dummy_hash = await self.hash(new_id())
        return bool(await self._run(self._verify, password_hash or self._dummy_hash, password))

    def is_outdated(self, password_hash: str) -> bool:
        """Say whether a hash was made with other parameters."""
        return self._hasher.check_needs_rehash(password_hash)

    def _verify(self, password_hash: str, password: str) -> bool:
        from argon2.exceptions import Argon2Error, InvalidHashError

        try:
            return self._hasher.verify(password_hash, password)
        except (Argon2Error, InvalidHashError):
            return False

    async def _run(self, work: Any, *arguments: str) -> Any:
        if self._waiting >= _MOST_WAITING:
            raise unavailable("The password check", retry_after_seconds=2)
        self._waiting += 1
        try:
            async with self._gate:
                return await asyncio.to_thread(work, *arguments)
        finally:
            self._waiting -= 1
