"""Files of a container as tar archives, also of one that has ended: what `docker cp` speaks."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import shutil
import tempfile
from collections.abc import Iterator
from typing import IO, Any
from urllib.parse import urlencode

from devctl.engine.ask import PATIENT_SECONDS, EngineConnection
from devctl.engine.base import Address
from devctl.errors import DevctlError, EnvironmentProblem

_FOLDER_BIT, _LINK_BIT = 1 << 31, 1 << 27  # of a mode as Go writes it


def is_folder(address: Address, container: str, path: str) -> bool | None:
    """Tell whether there is a folder at `path`, also behind a link; None where there is nothing."""
    stat = _stat(address, container, path)
    if stat and stat["mode"] & _LINK_BIT:
        stat = _stat(address, container, stat["linkTarget"])
    return bool(stat["mode"] & _FOLDER_BIT) if stat else None


def link_target(address: Address, container: str, path: str) -> str:
    """Return what a link at `path` points to; `path` itself where there is none."""
    stat = _stat(address, container, path)
    return str(stat["linkTarget"]) if stat and stat["mode"] & _LINK_BIT else path


def read(address: Address, container: str, path: str) -> IO[bytes]:
    """Return the archive of what is at `path`, under its own name."""
    with _answer(address, "GET", container, path) as response:
        if response.status != http.client.OK:
            raise DevctlError(_message(response), where=f"{container}:{path}")
        written = tempfile.TemporaryFile()  # noqa: SIM115  the reader closes it
        shutil.copyfileobj(response, written)
    written.seek(0)
    return written


def write(address: Address, container: str, folder: str, content: IO[bytes], size: int) -> None:
    """Unpack an archive of `size` bytes into a folder."""
    headers = {"Content-Type": "application/x-tar", "Content-Length": str(size)}
    with _answer(address, "PUT", container, folder, content, headers) as response:
        if response.status != http.client.OK:
            raise DevctlError(_message(response), where=f"{container}:{folder}")


def _stat(address: Address, container: str, path: str) -> dict[str, Any] | None:
    with _answer(address, "HEAD", container, path) as response:
        if response.status == http.client.OK:
            described: dict[str, Any] = json.loads(base64.b64decode(response.headers["X-Docker-Container-Path-Stat"]))
            return described
        return None


@contextlib.contextmanager
def _answer(
    address: Address, method: str, container: str, path: str, body: IO[bytes] | None = None,
    headers: dict[str, str] | None = None,
) -> Iterator[http.client.HTTPResponse]:  # fmt: skip
    with contextlib.closing(EngineConnection(address, PATIENT_SECONDS)) as connection:
        try:
            target = f"/containers/{container}/archive?{urlencode({'path': path})}"
            connection.request(method, target, body, headers or {})
            yield connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise EnvironmentProblem("the container engine does not answer", next="Start it again.") from error


def _message(response: http.client.HTTPResponse) -> str:
    try:
        return str(json.loads(response.read())["message"])
    except (ValueError, KeyError, TypeError):
        return response.reason
