"""What the headers of a request say about its body, held to: size, type, character set, coding, digest.

A service reads one kind of body: a whole JSON document in UTF-8. A header that says something else is refused and never
passed over, since its sender means another document than the one that would be read.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from services.common.http.problems import ProblemError

BODY_LIMIT = 256 * 1024  # as the contract of the shop says; the largest valid body has some 20 KiB
_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
# Two of these name two different things, and whoever reads the first differs from whoever reads the last.
_ONCE = frozenset(
    {
        b"authorization",
        b"content-length",
        b"content-range",
        b"content-type",
        b"expect",
        b"host",
        b"idempotency-key",
        b"x-service-token",
        b"x-timeout-ms",
    }
)
_UTF_8 = frozenset({"utf-8", "utf8"})
# Digests of the content (RFC 9530, and the two that it replaces) and what their algorithms are called here.
_DIGESTS = ("content-digest", "repr-digest", "digest", "content-md5")
_ALGORITHMS = {"sha-256": "sha256", "sha-512": "sha512", "md5": "md5", "sha": "sha1"}
_NOT_UTF_8 = (b"\xff\xfe", b"\xfe\xff")


def check(scope: Scope, headers: Headers) -> None:
    """Refuse before it is read a body that is too large, or that its headers call something we do not read."""
    _check_once(scope["headers"])
    if headers.get("expect", "100-continue").lower() != "100-continue":
        raise ProblemError(417, "expectation_failed", "Only 100-continue can be expected")
    if not has_body(headers):
        return
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:18]) > BODY_LIMIT:
        raise too_large()
    if headers.get("transfer-encoding", "chunked").strip().lower() != "chunked":
        raise ProblemError(400, "unsupported_coding", "Send the body with Transfer-Encoding: chunked alone")
    if "content-range" in headers:
        raise ProblemError(400, "partial_content", "Send the whole body, without Content-Range")
    _check_coding(headers)
    _check_type(scope["method"], headers.get("content-type", ""))


def has_body(headers: Headers) -> bool:
    """Say whether the headers announce a body."""
    return "transfer-encoding" in headers or headers.get("content-length", "0") not in ("", "0")


def too_large() -> ProblemError:
    """Say that a body is larger than any valid one."""
    return ProblemError(413, "too_large", f"A body may have at most {BODY_LIMIT} bytes")


async def verified(receive: Receive, headers: Headers) -> Receive:
    """Return what hands out the body once it is what its first bytes and its digest say."""
    if not has_body(headers):
        return receive
    if any(name in headers for name in _DIGESTS):
        return await _with_right_digest(receive, headers)
    return _in_utf_8(receive)


def _check_once(headers: Iterable[tuple[bytes, bytes]]) -> None:
    names = [name for name, _ in headers if name in _ONCE]
    if len(names) == len(set(names)):
        return
    repeated = ", ".join(sorted({name.decode() for name in names if names.count(name) > 1}))
    raise ProblemError(400, "repeated_header", f"Send this once: {repeated}")


def _check_coding(headers: Headers) -> None:
    codings = {coding.strip().lower() for coding in ",".join(headers.getlist("content-encoding")).split(",")}
    if codings - {"", "identity"}:
        accepted = {"Accept-Encoding": "identity"}
        raise ProblemError(415, "unsupported_coding", "Send the body without Content-Encoding", headers=accepted)


def _check_type(method: str, content_type: str) -> None:
    kind, *parameters = content_type.split(";")
    if method in _WITH_BODY and kind.strip().lower() != "application/json":
        raise ProblemError(415, "unsupported_media_type", "Send application/json")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(' \t"').lower() not in _UTF_8:
            raise ProblemError(415, "unsupported_charset", "Send the body in UTF-8")


def _in_utf_8(receive: Receive) -> Receive:
    """Refuse at its first bytes a document in UTF-16 or UTF-32, which Python's JSON would read without being told."""
    is_first = True

    async def checked() -> Message:
        nonlocal is_first
        message = await receive()
        if is_first:
            is_first = False
            _check_first_bytes(message.get("body", b""))
        return message

    return checked


def _check_first_bytes(body: bytes) -> None:
    if b"\0" in body[:4] or body.startswith(_NOT_UTF_8):
        raise ProblemError(400, "not_json", "The body is not JSON in UTF-8")


async def _with_right_digest(receive: Receive, headers: Headers) -> Receive:
    body = await read(receive)
    _check_first_bytes(body)
    for name in _DIGESTS:
        for algorithm, expected in _digests(name, headers).items():
            actual = hashlib.new(_ALGORITHMS[algorithm], body, usedforsecurity=False).digest()
            if not hmac.compare_digest(actual, expected):
                raise ProblemError(400, "wrong_digest", f"{name} is not the {algorithm} of the body")
    return _replayed(body, receive)


def _digests(name: str, headers: Headers) -> Mapping[str, bytes]:
    """Read what a header says; an algorithm that nobody here knows says nothing that could be checked."""
    if name not in headers:
        return {}
    text = ",".join(headers.getlist(name))
    entries = [f"md5={text}"] if name == "content-md5" else text.split(",")
    pairs = ((algorithm.strip().lower(), value) for algorithm, _, value in (entry.partition("=") for entry in entries))
    return {algorithm: _decoded(name, value) for algorithm, value in pairs if algorithm in _ALGORITHMS}


def _decoded(name: str, value: str) -> bytes:
    try:
        return base64.b64decode(value.strip().strip(":"), validate=True)
    except binascii.Error:
        raise ProblemError(400, "wrong_digest", f"{name} is not written as RFC 9530 says") from None


def _replayed(body: bytes, receive: Receive) -> Receive:
    left: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replayed() -> Message:
        return left.pop() if left else await receive()

    return replayed


async def read(receive: Receive) -> bytes:
    """Read a whole body, up to the size that a body may have."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ProblemError(400, "incomplete", "The body ended early")
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_LIMIT:
            raise too_large()
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
