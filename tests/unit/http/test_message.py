"""The client's half of HTTP/1.1: what it writes, and what it makes of what comes back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devctl.http.message import NotHttp, join_chunks, parse_head, request_bytes


def test_a_request_has_its_headers_and_the_length_of_its_body() -> None:
    request = request_bytes("POST", "/a?b", {"Host": "h"}, b"xy")
    assert request == b"POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nxy"


@pytest.mark.parametrize(("target", "header"), [("/a\r\nX: y", "v"), ("/", "v\nX: y")])
def test_a_line_break_never_makes_a_second_header(target: str, header: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        request_bytes("GET", target, {"A": header})


def test_a_head_is_read_whatever_the_case_of_its_names() -> None:
    head = parse_head(b"HTTP/1.1 503 Not now\r\ncontent-LENGTH: 7\r\nServer: a:b")
    assert (head.status, head.reason, head.length, head.headers["server"]) == (503, "Not now", 7, "a:b")


@pytest.mark.parametrize("data", [b"", b"SSH-2.0-OpenSSH", b"HTTP/1.1 ok", b"HTTP/1.1 \xb2\xb2\xb2 x", b"\0\0\x12\x04"])
def test_what_is_no_response_is_refused(data: bytes) -> None:
    with pytest.raises(NotHttp):
        parse_head(data)


@given(pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=5), cut=st.integers(0, 300))
def test_chunks_are_joined_and_a_cut_keeps_what_came(pieces: list[bytes], cut: int) -> None:
    data = b"".join(b"%x;a=b\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    assert join_chunks(data) == (b"".join(pieces), True)
    body, _ = join_chunks(data[:cut])
    assert b"".join(pieces).startswith(body)
