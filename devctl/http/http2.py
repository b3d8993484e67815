"""HTTP/2 without TLS, by prior knowledge, as gRPC speaks it: h2 for the protocol, one request on one connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import ProtocolError

from devctl.http.connection import Connection


class NotHttp2(ValueError):
    """The other side does not speak HTTP/2, or broke off in the middle of a response."""


@dataclass(slots=True)
class Http2Response:
    """A whole response. What gRPC puts into trailers stands among the headers when there is no body."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    trailers: dict[str, str] = field(default_factory=dict)


async def exchange(
    connection: Connection, path: str, headers: Mapping[str, str], body: bytes, *, most_bytes: int
) -> Http2Response:
    """POST `body` and return the response; NotHttp2 when there is none, or one larger than `most_bytes`."""
    http = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    http.initiate_connection()
    stream = http.get_next_available_stream_id()
    http.send_headers(stream, [(":method", "POST"), (":scheme", "http"), (":path", path), *headers.items()])
    http.send_data(stream, body, end_stream=True)
    await connection.send(http.data_to_send())
    response = Http2Response()
    while not _take(response, await _events(http, connection), http):
        if len(response.body) > most_bytes:
            raise NotHttp2(f"a response of more than {most_bytes} bytes")
        await connection.send(http.data_to_send())
    return response


async def _events(http: H2Connection, connection: Connection) -> Sequence[Event]:
    received = await connection.receive()
    if not received:
        raise NotHttp2("hung up before the response was whole")
    try:
        return http.receive_data(received)
    except ProtocolError as error:
        raise NotHttp2("not HTTP/2") from error


def _take(response: Http2Response, events: Sequence[Event], http: H2Connection) -> bool:
    """Add what has come to the response; tell whether it is whole."""
    is_whole = False
    for event in events:
        match event:
            case ResponseReceived():
                response.headers = _texts(event.headers)
            case TrailersReceived():
                response.trailers = _texts(event.headers)
            case DataReceived():
                response.body += event.data or b""
                http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)
            case StreamEnded():
                is_whole = True
            case StreamReset() | ConnectionTerminated() if not is_whole:
                raise NotHttp2(f"broken off with error {event.error_code}")
    return is_whole


def _texts(headers: object) -> dict[str, str]:
    assert isinstance(headers, Sequence)
    return {str(name): str(value) for name, value in headers}
