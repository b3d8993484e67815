"""What is seen of HTTP/1.1: in doubt a connection does not rest."""

import pytest

from devctl.relay.exchange import Exchange, told_to_close

GET, HEAD = b"GET / HTTP/1.1\r\n\r\n", b"HEAD / HTTP/1.1\r\n\r\n"
FIVE = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"

CONVERSATIONS = {
    "nothing yet": ([], True),
    "a request under way": ([(GET, "")], False),
    "a whole answer": ([(GET, FIVE + b"hello")], True),
    "an answer in two chunks": ([(GET, FIVE + b"he", b"llo")], True),
    "half an answer": ([(GET, FIVE + b"he")], False),
    "a head in two chunks": ([(GET, FIVE[:10], FIVE[10:] + b"hello")], False),
    "a chunked answer": ([(GET, CHUNKED + b"5\r\nhello\r\n", b"0\r\n\r\n")], True),
    "half a chunked answer": ([(GET, CHUNKED + b"5\r\nhello\r\n")], False),
    "a chunk that ends like a chunked answer": (
        [(GET, CHUNKED + b"8\r\nsum: 10\n\r\n", b"7\r\n1\r\n0\r\n\r\n")],
        False,
    ),
    "a chunked answer in single bytes": ([(GET, CHUNKED, *(bytes([b]) for b in b"5\r\nhello\r\n0\r\n\r\n"))], True),
    "a chunked answer with a trailer": ([(GET, CHUNKED + b"2;a=b\r\nhi\r\n0\r\nDigest: x\r\n\r\n")], True),
    "half a trailer": ([(GET, CHUNKED + b"2\r\nhi\r\n0\r\nDigest: x\r\n")], False),
    "more than a chunked answer": ([(GET, CHUNKED + b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")], False),
    "no chunks where they are announced": ([(GET, CHUNKED + b"hello\r\n0\r\n\r\n")], False),
    "a size without an end": ([(GET, CHUNKED, b"0" * 5000, b"\r\n\r\n")], False),
    "no body by its status": ([(GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")], True),
    "no body by its method": ([(HEAD, FIVE)], True),
    "an answer without a length": ([(GET, b"HTTP/1.1 200 OK\r\n\r\nhello")], False),
    "an interim answer": ([(GET, b"HTTP/1.1 100 Continue\r\n\r\n")], False),
    "an upgrade": ([(GET, b"HTTP/1.1 101 Switching Protocols\r\nContent-Length: 0\r\n\r\n")], False),
    "an answer of HTTP/1.0": ([(GET, b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n")], False),
    "HTTP/2": ([(b"PRI * HTTP/2.0\r\n\r\n", b"\0\0\x12\4\0\0\0\0\0")], False),
    "something else": ([(b"\0\0\0\x1a", b"\0\0\0\x04abcd")], False),
    "a second request under way": ([(GET, FIVE + b"hello"), (GET, "")], False),
    "pipelined requests": ([(GET, ""), (GET, FIVE + b"hello")], False),
    "a body after its head": ([(b"POST / HTTP/1.1\r\n\r\n", ""), (b'{"a": 1}', FIVE + b"hello")], True),
}


@pytest.mark.parametrize(("conversation", "rests"), CONVERSATIONS.values(), ids=CONVERSATIONS)
def test_a_connection_rests_when_its_last_answer_is_whole(
    conversation: list[tuple[bytes, ...]], *, rests: bool
) -> None:
    exchange = Exchange()
    for sent, *received in conversation:
        exchange.sent(sent)
        for chunk in filter(None, received):
            exchange.received(chunk)
    assert exchange.is_resting is rests


def test_the_start_of_a_response_tells_the_client_to_close() -> None:
    assert told_to_close(FIVE).startswith(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length")


@pytest.mark.parametrize("chunk", [b"hello", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"HTTP/1.1 20"])
def test_what_is_no_start_of_a_final_response_stays_as_it_is(chunk: bytes) -> None:
    assert told_to_close(chunk) == chunk


def test_only_the_next_response_tells_the_client_to_close() -> None:
    exchange = Exchange()
    exchange.sent(GET)
    exchange.must_close = True
    assert b"Connection: close" in exchange.received(FIVE)
    assert exchange.received(b"hello") == b"hello"
