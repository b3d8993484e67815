"""HTTP clients of smoke checks: through no proxy, and with one context for TLS, which takes long to make."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import ssl

    import httpx

REQUEST_SECONDS = 30.0


def new(**options: Any) -> httpx.Client:
    """Return a client; `options` go to httpx.Client."""
    import httpx

    settings: dict[str, Any] = {"timeout": REQUEST_SECONDS, "trust_env": False, "verify": _context(), **options}
    return httpx.Client(**settings)


@cache
def _context() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context(trust_env=False)


def load() -> None:
    """Make ready what the checks need, while something else is waited for."""
    import devctl.smoke.plugin  # noqa: F401  and with it pytest

    _context()
