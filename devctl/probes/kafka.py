"""Asks a Kafka broker for its metadata: the few bytes of its protocol, written by hand.

ApiVersions (key 18, version 0, which every broker answers) says which versions of Metadata (key 3) the broker
knows. Good is an answer that lists at least one broker. Layouts: https://kafka.apache.org/protocol
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

from devctl.core.spec import Check
from devctl.probes.base import Answer, Target, port_of
from devctl.probes.connection import Connection, connected

_API_VERSIONS, _METADATA = 18, 3
_NEWEST_PLAIN, _FIRST_FLEXIBLE = 8, 9
_CLIENT = b"devctl-probe"
_ANSWER_BYTES = 4 << 20


class KafkaProbe:
    """Two requests on one connection. The check's `argv` are topics that must exist."""

    def __init__(self, check: Check, target: Target) -> None:
        self._host = target.host
        self._port = port_of(check, target)
        self._topics = check.argv
        self.describe = f"Kafka metadata of {target.host}:{self._port}"

    async def ask(self) -> Answer:
        """Ask for the versions, then for the metadata."""
        async with connected(self._host, self._port) as connection:
            try:
                version = _metadata_version(await _call(connection, _API_VERSIONS, 0, b""))
                body = await _call(connection, _METADATA, version, _metadata_request(version, self._topics))
                brokers, topics = _read_metadata(_Reader(body, is_compact=version >= _FIRST_FLEXIBLE), version)
            except (struct.error, ValueError, IndexError) as error:
                return Answer(False, f"not the answer of a Kafka broker: {error}")
        missing = [topic for topic in self._topics if topic not in topics]
        if missing:
            return Answer(False, f"no topic {', '.join(missing)} yet")
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


def _metadata_request(version: int, topics: Sequence[str]) -> bytes:
    """Return a request for the brokers and for `topics`, which are not to be made by asking."""
    names = [topic.encode() for topic in topics]
    if version >= _FIRST_FLEXIBLE:
        listed = _varint(len(names) + 1) + b"".join(_varint(len(n) + 1) + n + b"\0" for n in names)
    else:
        listed = struct.pack(">i", len(names)) + b"".join(struct.pack(">h", len(n)) + n for n in names)
    auto_create = b"\0" if version >= 4 else b""
    cluster_operations = b"\0" if 8 <= version <= 10 else b""
    topic_operations = b"\0" if version >= 8 else b""
    tags = b"\0" if version >= _FIRST_FLEXIBLE else b""
    return listed + auto_create + cluster_operations + topic_operations + tags


def _varint(value: int) -> bytes:
    pieces = bytearray()
    while value >= 0x80:
        pieces.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*pieces, value])


class _Reader:
    """Reads the fields of an answer one after the other, in the compact form of flexible versions or the plain."""

    def __init__(self, body: bytes, *, is_compact: bool) -> None:
        self._body = body
        self._place = 0
        self.is_compact = is_compact

    def number(self, layout: str) -> int:
        """Return one number of struct `layout`."""
        (value,) = struct.unpack_from(f">{layout}", self._body, self._place)
        self._place += struct.calcsize(f">{layout}")
        return int(value)

    def length(self, plain: str) -> int:
        """Return the length of a list or text, -1 for none."""
        return self._varint() - 1 if self.is_compact else self.number(plain)

    def text(self) -> str:
        """Return a text, empty for none."""
        count = max(self.length("h"), 0)
        self._place += count
        return self._body[self._place - count : self._place].decode("utf-8", "replace")

    def numbers(self) -> None:
        """Pass over a list of 32-bit numbers."""
        count = max(self.length("i"), 0)
        self._place += 4 * count

    def skip(self, count: int) -> None:
        """Pass over bytes."""
        self._place += count

    def tags(self) -> None:
        """Pass over tagged fields."""
        for _ in range(self._varint() if self.is_compact else 0):
            self._varint()
            self.skip(self._varint())

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._body[self._place]
            self._place += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7


def _read_metadata(reader: _Reader, version: int) -> tuple[int, set[str]]:
    """Return how many brokers a Metadata answer lists, and the topics that exist."""
    reader.tags()
    if version >= 3:
        reader.skip(4)  # throttle time
    brokers = reader.length("i")
    for _ in range(brokers):
        reader.skip(4)
        reader.text()
        reader.skip(4)
        if version >= 1:
            reader.text()
        reader.tags()
    if version >= 2:
        reader.text()
    if version >= 1:
        reader.skip(4)
    topics = (_read_topic(reader, version) for _ in range(reader.length("i")))
    return brokers, {name for name, error in topics if not error}


def _read_topic(reader: _Reader, version: int) -> tuple[str, int]:
    """Return name and error of one topic."""
    error, name = reader.number("h"), reader.text()
    reader.skip((16 if version >= 10 else 0) + (1 if version >= 1 else 0))
    for _ in range(reader.length("i")):
        reader.skip(2 + 4 + 4 + (4 if version >= 7 else 0))  # error, partition, leader, its epoch
        reader.numbers()  # replicas
        reader.numbers()  # in sync
        if version >= 5:
            reader.numbers()  # offline
        reader.tags()
    if version >= 8:
        reader.skip(4)
    reader.tags()
    return name, error
