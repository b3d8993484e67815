"""A publisher of archives on loopback that can misbehave: cut, stall, answer wrongly, redirect."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Publisher:
    """What is served, and how often it was asked for. `cuts`: how many answers break off before their end."""

    files: dict[str, bytes] = field(default_factory=dict)
    cuts: int = 0
    cut_at: float = 0.99
    statuses: list[int] = field(default_factory=list)
    redirects: dict[str, str] = field(default_factory=dict)
    ranges: bool = True
    requests: list[tuple[str, str]] = field(default_factory=list)
    silent: bool = False
    port: int = 0
    released: threading.Event = field(default_factory=threading.Event)

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    def put(self, path: str, content: bytes) -> tuple[str, str]:
        """Publish and return address and checksum."""
        self.files[path] = content
        return self.url(path), hashlib.sha256(content).hexdigest()


@contextmanager
def publishing() -> Iterator[Publisher]:
    """Yield a publisher that serves until the end of the block."""
    publisher = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.requests.append((self.path, self.headers.get("Range", "")))
            if publisher.silent:
                publisher.released.wait(20)
                return
            if self.path in publisher.redirects:
                self.send_response(302)
                self.send_header("Location", publisher.redirects[self.path])
                self.end_headers()
                return
            if publisher.statuses:
                self.send_error(publisher.statuses.pop(0))
                return
            if self.path not in publisher.files:
                self.send_error(404)
                return
            self._send(publisher.files[self.path])

        def _send(self, content: bytes) -> None:
            requests = self.headers.get("Range")
            start = int(requests.removeprefix("bytes=").rstrip("-")) if requests and publisher.ranges else 0
            if start >= len(content) > 0:
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            body = content[start:]
            if publisher.cuts > 0:
                publisher.cuts -= 1
                body = body[: int(len(body) * publisher.cut_at)]
                self.close_connection = True
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    publisher.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield publisher
    finally:
        publisher.released.set()
        server.shutdown()
        server.server_close()
