"""How an emulator hands out its one page: nothing from elsewhere, in no frame, no referrer."""

from __future__ import annotations

from pathlib import Path

from devctl.http.server import Response

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'"


def page(file: Path) -> Response:
    """Return a page whose styles and scripts are all inside it."""
    headers = [("Content-Security-Policy", _POLICY), ("X-Frame-Options", "DENY"), ("Referrer-Policy", "no-referrer")]
    return Response(200, file.read_bytes(), "text/html; charset=utf-8", headers)
