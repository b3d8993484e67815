"""Asks a Kafka broker for its metadata: the few bytes of its protocol, written by hand.

ApiVersions (key 18, version 0, which every broker answers) says which versions of Metadata (key 3) the broker
knows. Good is an answer that lists at least one broker. Layouts: https://kafka.apache.org/protocol
"""

from __future__ import annotations

import struct

from devctl.core.spec import Check
from devctl.probes.base import Answer, Target, port_of
from devctl.probes.connection import Connection, connected

_API_VERSIONS, _METADATA = 18, 3
_NEWEST_PLAIN, _FIRST_FLEXIBLE = 8, 9
_CLIENT = b"devctl-probe"
_ANSWER_BYTES = 4 << 20


class KafkaProbe:
    """Two requests on one connection."""

    def __init__(self, check: Check, target: Target) -> None:
        self._host = target.host
        self._port = port_of(check, target)
        self.describe = f"Kafka metadata of {target.host}:{self._port}"

    async def ask(self) -> Answer:
        """Ask for the versions, then for the metadata."""
        async with connected(self._host, self._port) as connection:
            try:
                version = _metadata_version(await _call(connection, _API_VERSIONS, 0, b""))
                body = await _call(connection, _METADATA, version, _metadata_request(version))
                brokers = _count_brokers(body, version)
            except (struct.error, ValueError, IndexError) as error:
                return Answer(False, f"not the answer of a Kafka broker: {error}")
        return Answer(brokers > 0, f"{brokers} broker{'' if brokers == 1 else 's'}")


async def _call(connection: Connection, key: int, version: int, body: bytes) -> bytes:
    """Send one request and return the body of its answer, without its correlation number."""
    header = struct.pack(">hhih", key, version, 1, len(_CLIENT)) + _CLIENT
    if key == _METADATA and version >= _FIRST_FLEXIBLE:
        header += b"\0"  # no tagged fields
    await connection.send(struct.pack(">i", len(header) + len(body)) + header + body)
    (length,) = struct.unpack(">i", await connection.receive_exactly(4))
    if not 4 <= length <= _ANSWER_BYTES:
        raise ValueError(f"its length would be {length}")
    return (await connection.receive_exactly(length))[4:]


def _metadata_version(body: bytes) -> int:
    """Return the newest version of Metadata that both sides know."""
    error, count = struct.unpack_from(">hi", body)
    if error:
        raise ValueError(f"error {error} to ApiVersions")
    for index in range(count):
        key, lowest, highest = struct.unpack_from(">hhh", body, 6 + 6 * index)
        if key == _METADATA:
            return int(min(highest, _NEWEST_PLAIN) if lowest <= _NEWEST_PLAIN else max(lowest, _FIRST_FLEXIBLE))
    raise ValueError("it does not know Metadata")


def _metadata_request(version: int) -> bytes:
    """Return a request that asks for the brokers and for no topic."""
    topics = b"\1" if version >= _FIRST_FLEXIBLE else struct.pack(">i", 0)
    auto_create = b"\0" if version >= 4 else b""
    cluster_operations = b"\0" if 8 <= version <= 10 else b""
    topic_operations = b"\0" if version >= 8 else b""
    tags = b"\0" if version >= _FIRST_FLEXIBLE else b""
    return topics + auto_create + cluster_operations + topic_operations + tags


def _count_brokers(body: bytes, version: int) -> int:
    """Return how many brokers a Metadata answer lists."""
    if version >= _FIRST_FLEXIBLE:
        if body[0] != 0:
            raise ValueError("unknown tags")
        return int(body[5]) - 1  # tags, throttle time, then a length that is one more; below 127 brokers one byte
    (count,) = struct.unpack_from(">i", body, 4 if version >= 3 else 0)
    return int(count)
