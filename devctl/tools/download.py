"""Brings one pinned file from an https address: resumed, retried, time-limited, and verified before anyone reads it.

Never trusts what it has not hashed. Plain http is for loopback alone (tests); no redirect may lead to it.
"""

from __future__ import annotations

import hashlib
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from devctl.tools.base import Refused, SourceFailed, UnreachableHosts

if TYPE_CHECKING:
    import httpx

ANSWER_SECONDS = 2.0
"""A host that was never heard in this run must answer within this time."""
STALL_SECONDS = 20.0
"""A transfer that brings nothing for so long is taken up again."""
MOST_SECONDS = 3600.0
TRIES = 5
REDIRECTS = 5
MAX_BYTES = 2 << 30

Count = Callable[[int, int], None]
"""Told of (bytes so far, bytes in all or 0)."""


class _Cut(Exception):
    """The transfer broke off; it may be taken up again."""


def sha256(path: Path) -> str:
    """Return the hex sha256 of a file."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def download(
    session: httpx.Client, url: str, checksum: str, folder: Path, count: Count, unreachable: UnreachableHosts
) -> Path:
    """Return the path of the verified file, named by its checksum in `folder`.

    What a cut transfer left is continued, by the same or a later process. SourceFailed when the source does
    not give it, Refused when the file is not the pinned one.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = folder / f"{checksum}.part"
    resumed = part.exists()
    _transfer(session, url, part, count, unreachable)
    if resumed and sha256(part) != checksum:  # the older half may be what is wrong
        part.unlink()
        _transfer(session, url, part, count, unreachable)
    return _accept(part, checksum, url)


def _accept(part: Path, checksum: str, url: str) -> Path:
    actual = sha256(part)
    if actual != checksum:
        part.unlink()
        raise Refused(f"{url} is not the pinned file: sha256 {actual}, expected {checksum}. It was deleted.")
    return part.rename(part.with_suffix(""))


def client() -> httpx.Client:
    """Return an HTTP client that trusts the machine's certificates and follows no redirect by itself."""
    import ssl

    import httpx

    context = ssl.create_default_context()
    if not context.cert_store_stats()["x509_ca"]:  # a Python without a system store, as on macOS
        import certifi

        context.load_verify_locations(certifi.where())
    return httpx.Client(verify=context, follow_redirects=False, headers={"User-Agent": "devctl"})


def _transfer(session: httpx.Client, url: str, part: Path, count: Count, unreachable: UnreachableHosts) -> None:
    """Fill `part` to its end, taking cut transfers up again: TRIES times in a row without getting any further."""
    deadline = time.monotonic() + MOST_SECONDS
    failures = 0
    while True:
        before = _size(part)
        try:
            return _once(session, url, part, count, unreachable, deadline)
        except _Cut as cut:
            failures = 1 if _size(part) > before else failures + 1
            if failures == TRIES or time.monotonic() > deadline:
                raise SourceFailed(f"{urlsplit(url).hostname} broke off again and again: {cut}") from cut
            time.sleep(min(0.1 * 2**failures, 3.0))


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _once(
    session: httpx.Client, url: str, part: Path, count: Count, unreachable: UnreachableHosts, deadline: float
) -> None:
    import httpx

    done = _size(part)
    headers = {"Range": f"bytes={done}-"} if done else {}
    try:
        with _open(session, url, headers, unreachable) as response:
            if response.status_code == 416:  # nothing is left to bring, or the file is another one by now
                return
            _check_status(response)
            resumed = response.status_code == 206
            _write(response, part, done if resumed else 0, count, deadline)
    except httpx.TransportError as error:
        raise _Cut(str(error) or type(error).__name__) from error


def _check_status(response: httpx.Response) -> None:
    status = response.status_code
    if status in (429, 500, 502, 503, 504):
        raise _Cut(f"HTTP {status}")
    if status not in (200, 206):
        raise SourceFailed(f"{response.url.host} answered HTTP {status} for {response.url.path}")


def _write(response: httpx.Response, part: Path, start: int, count: Count, deadline: float) -> None:
    length = int(response.headers.get("content-length", 0))
    total = start + length if length else 0
    with open(part, "r+b" if start else "wb") as file:
        file.seek(start)
        file.truncate()
        done = start
        for chunk in response.iter_raw():
            done += len(chunk)
            if done > MAX_BYTES:
                raise Refused(f"{response.url} is larger than {MAX_BYTES >> 30} GiB")
            file.write(chunk)
            count(done, total)
            if time.monotonic() > deadline:
                raise _Cut(f"not within {MOST_SECONDS / 60:.0f} minutes")
    if total and done < total:
        raise _Cut(f"{done} of {total} bytes")


@contextmanager
def _open(
    session: httpx.Client, url: str, headers: dict[str, str], unreachable: UnreachableHosts
) -> Iterator[httpx.Response]:
    """Yield the answer at the end of the redirects, each of which must be https."""
    for _ in range(REDIRECTS):
        _check_address(url)
        reach(url, unreachable)
        with _ask(session, url, headers, unreachable) as response:
            if not response.is_redirect:
                yield response
                return
            target = urljoin(url, response.headers["location"])
        if url.startswith("https:") and not target.startswith("https:"):
            raise Refused(f"{url} redirects to {target}, which is not https")
        url = target
    raise SourceFailed(f"{url} redirects more than {REDIRECTS} times")


@contextmanager
def _ask(
    session: httpx.Client, url: str, headers: dict[str, str], unreachable: UnreachableHosts
) -> Iterator[httpx.Response]:
    import httpx

    host = urlsplit(url).netloc
    has_answered = host in unreachable.answered
    limit = httpx.Timeout(STALL_SECONDS if has_answered else ANSWER_SECONDS, connect=ANSWER_SECONDS)
    request = session.build_request("GET", url, headers={"Accept-Encoding": "identity", **headers}, timeout=limit)
    try:
        response = session.send(request, stream=True)
    except httpx.TransportError as error:
        if has_answered:
            raise
        unreachable.hosts.add(host)
        raise SourceFailed(f"{host} does not answer ({str(error) or type(error).__name__})") from error
    unreachable.answered.add(host)
    request.extensions["timeout"]["read"] = STALL_SECONDS  # it answered: from here on only a stall counts
    try:
        yield response
    finally:
        response.close()


def _check_address(url: str) -> None:
    address = urlsplit(url)
    loopback = address.hostname in ("127.0.0.1", "::1", "localhost")
    if address.scheme != "https" and not (address.scheme == "http" and loopback):
        raise Refused(f"{url} is not https")


def reach(url: str, unreachable: UnreachableHosts) -> None:
    """Raise SourceFailed when the host of `url` (or the proxy before it) takes no connection in ANSWER_SECONDS.

    The name is resolved in a thread of its own, since a resolver without a network can hang for ten seconds.
    """
    address = urlsplit(url)
    host = address.netloc
    if host in unreachable.hosts:
        raise SourceFailed(f"{host} did not answer before in this run")
    if host in unreachable.answered or urllib.request.getproxies().get(address.scheme):
        return
    port = address.port or (443 if address.scheme == "https" else 80)
    if problem := _connect_problem(address.hostname or "", port):
        unreachable.hosts.add(host)
        raise SourceFailed(f"{host} cannot be reached ({problem})")


def _connect_problem(host: str, port: int) -> str:
    answer: list[str] = []

    def attempt() -> None:
        try:
            socket.create_connection((host, port), ANSWER_SECONDS).close()
            answer.append("")
        except OSError as error:
            answer.append(error.strerror or str(error))

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(ANSWER_SECONDS)
    return answer[0] if answer else f"no answer within {ANSWER_SECONDS:.0f} s"
