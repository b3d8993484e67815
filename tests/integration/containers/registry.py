"""An emulator of an image registry: the few questions of the registry's API (v2) that a pull asks, on loopback."""

import gzip
import hashlib
import io
import json
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


class Registry:
    """Serves one image, `NAME:1`, whose only layer is one file with a text."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}
        self._manifest = b""
        registry = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                registry._answer(self)

            do_HEAD = do_GET  # noqa: N815 - the library looks for it by this name

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def image(self) -> str:
        return f"localhost:{self._server.server_port}/devctl-test/pulled:1"

    def publish(self, text: str) -> None:
        """Have another image under the same name."""
        layer = _layer(text.encode())
        packed = gzip.compress(layer)
        config = json.dumps({
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }).encode()  # fmt: skip
        self._blobs |= {_digest(packed): packed, _digest(config): config}
        self._manifest = json.dumps({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": _described(config, "application/vnd.docker.container.image.v1+json"),
            "layers": [_described(packed, "application/vnd.docker.image.rootfs.diff.tar.gzip")],
        }).encode()  # fmt: skip

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path
        name = path.rpartition("/")[2]
        body, kind = self._blobs.get(name, b""), "application/octet-stream"
        if path == "/v2/":
            body, kind = b"{}", "application/json"
        elif "/manifests/" in path:
            body, kind = self._manifest, MANIFEST
        handler.send_response(200 if body else 404)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        handler.send_header("Docker-Content-Digest", _digest(body))
        handler.end_headers()
        if handler.command == "GET":
            handler.wfile.write(body)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _described(data: bytes, kind: str) -> dict[str, object]:
    return {"mediaType": kind, "size": len(data), "digest": _digest(data)}


def _layer(content: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        item = tarfile.TarInfo("text")
        item.size = len(content)
        tar.addfile(item, io.BytesIO(content))
    return file.getvalue()
