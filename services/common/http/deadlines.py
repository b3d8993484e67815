"""How long the current request may still take, and how that is passed on."""

import asyncio
import contextvars

HEADER = "x-timeout-ms"

_ends_at: contextvars.ContextVar[float | None] = contextvars.ContextVar("deadline", default=None)
_guard: contextvars.ContextVar[asyncio.Timeout | None] = contextvars.ContextVar("guard", default=None)


def guard(header: str, longest_seconds: float) -> asyncio.Timeout:
    """Set the end of this request from the caller's header and our own limit; return what ends it then."""
    allowed = int(header) / 1000 if header.isdecimal() and len(header) < 10 else longest_seconds
    ends_at = asyncio.get_running_loop().time() + min(allowed, longest_seconds)
    ends = asyncio.timeout_at(ends_at)
    _ends_at.set(ends_at)
    _guard.set(ends)
    return ends


def lift() -> None:
    """Remove the deadline of this request: it is a stream that lasts as long as its reader listens."""
    ends = _guard.get()
    if ends is not None:
        ends.reschedule(None)
    _ends_at.set(None)


def remaining(default_seconds: float) -> float:
    """Return the seconds that are left, at most the given ones; never below zero."""
    ends_at = _ends_at.get()
    if ends_at is None:
        return default_seconds
    return max(0.0, min(default_seconds, ends_at - asyncio.get_running_loop().time()))
