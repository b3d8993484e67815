"""Waiting in tests: poll a condition until it holds or a deadline passes; never a bare sleep."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


def eventually(probe: Callable[[], T], *, within: float = 30.0, every: float = 0.02, what: str = "") -> T:
    """Return the first true answer of `probe`; AssertionError with the last answer after `within` seconds."""
    deadline = time.monotonic() + within
    while not (answer := probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what or probe}; last answer {answer!r}")
        time.sleep(every)
    return answer


async def eventually_async(
    probe: Callable[[], Awaitable[T]], *, within: float = 30.0, every: float = 0.02, what: str = ""
) -> T:
    """Return the first true answer of the coroutine function `probe`, as `eventually` does."""
    deadline = time.monotonic() + within
    while not (answer := await probe()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within} s: {what or probe}; last answer {answer!r}")
        await asyncio.sleep(every)
    return answer
