"""HTTP/1.1 as a small client writes and reads it: a request as bytes, the head of a response. Touches no socket."""

from __future__ import annotations

from collections.abc import Mapping

from devctl.values import dataclass


class NotHttp(ValueError):
    """What came is no HTTP response; `received` is what it begins with."""

    def __init__(self, received: bytes) -> None:
        super().__init__("the answer is not HTTP")
        self.received = received


@dataclass(frozen=True, slots=True)
class Head:
    """Status line and headers of a response; names are lower case."""

    status: int
    reason: str
    headers: Mapping[str, str]

    @property
    def is_chunked(self) -> bool:
        """Whether the body comes in chunks, each with its length before it."""
        return self.headers.get("transfer-encoding", "").lower() == "chunked"

    @property
    def length(self) -> int | None:
        """The announced length of the body, None when it is not announced as a number."""
        announced = self.headers.get("content-length", "")
        return int(announced) if announced.isascii() and announced.isdigit() else None


def request_bytes(method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a request; ValueError when a line break in `target` or `headers` would make it another one."""
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("the path or a header holds a line break")
    return "\r\n".join([*lines, "", ""]).encode() + body


def parse_head(data: bytes) -> Head:
    """Return the head that `data` is, with or without the empty line at its end; NotHttp when it is none."""
    first, *lines = data.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    status, _, reason = rest.strip().partition(" ")
    if not version.startswith("HTTP/") or not (status.isascii() and status.isdigit()):
        raise NotHttp(data)
    pairs = (line.partition(":") for line in lines if line)
    return Head(int(status), reason, {name.strip().lower(): value.strip() for name, _, value in pairs})


def join_chunks(data: bytes) -> tuple[bytes, bool]:
    """Return what the chunks at the begin of `data` hold, and whether the last one is there (RFC 9112, 7.1)."""
    body, at = b"", 0
    while (end := data.find(b"\r\n", at)) >= 0:
        digits = data[at:end].partition(b";")[0].strip()
        try:
            size = int(digits, 16)
        except ValueError:
            return body, True  # not in chunks, or no longer: nothing after it can be understood
        if size == 0:
            return body, True
        body += data[end + 2 : end + 2 + size]
        at = end + 2 + size + 2
    return body, False
