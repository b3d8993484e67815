"""The page's own files and the chart library beside them, and the headers that keep the page to itself."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path

from devctl.http.server import Request, Response

STATIC = Path(__file__).with_name("static")
BUNDLED = Path(__file__).with_name("lib")
"""Where the chart library lies in an installed wheel."""
LIBRARY_FILES = ("uPlot.iife.min.js", "uPlot.min.css")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = [
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
]


def page(request: Request) -> Response:
    """Return the one page that draws everything."""
    return _answer(request, STATIC / "index.html")


def static(request: Request, name: str) -> Response:
    """Return a file of the page; only what lies in its folder."""
    path = STATIC / name
    if "/" in name.removeprefix("panels/").removeprefix("pages/") or ".." in name or not path.is_file():
        return Response(404, b"not found\n", headers=HEADERS)
    return _answer(request, path)


def library(request: Request, name: str, folder: Path | None) -> Response:
    """Return a file of the chart library."""
    if folder is None or name not in LIBRARY_FILES:
        return Response(404, b"the chart library is not here: devctl tools install uplot\n", headers=HEADERS)
    return _answer(request, folder / name)


def _answer(request: Request, path: Path) -> Response:
    body, tag = _content(path, path.stat().st_mtime_ns)
    headers = [*HEADERS, ("ETag", tag), ("Cache-Control", "no-cache")]
    if request.headers.get("if-none-match") == tag:
        return Response(304, b"", TYPES[path.suffix], headers)
    return Response(200, body, TYPES[path.suffix], headers)


@lru_cache(maxsize=64)
def _content(path: Path, _changed: int) -> tuple[bytes, str]:
    body = path.read_bytes()
    return body, f'"{hashlib.sha256(body).hexdigest()[:16]}"'
