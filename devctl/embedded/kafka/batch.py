"""Record batches (format 2) as bytes: their header, markers that end transactions, checksums.

Never looks into the records themselves: a batch is kept and handed on as the producer wrote it.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_HEADER = struct.Struct(">qiibIhiqqqhii")
HEADER_BYTES = _HEADER.size
_LEADING = 12
_ATTRIBUTES_AT = 21
_TRANSACTIONAL = 0x10
_CONTROL = 0x20


class BadBatch(Exception):
    """The bytes are no whole record batch of format 2."""


@dataclass(frozen=True, slots=True)
class Header:
    """What the head of a batch says."""

    base_offset: int
    size: int
    attributes: int
    last_delta: int
    max_time: int
    producer: int
    epoch: int
    sequence: int
    count: int

    @property
    def last_offset(self) -> int:
        return self.base_offset + self.last_delta

    @property
    def transactional(self) -> bool:
        return bool(self.attributes & _TRANSACTIONAL)

    @property
    def control(self) -> bool:
        return bool(self.attributes & _CONTROL)


def header(data: bytes | memoryview, at: int = 0) -> Header:
    """Read the header of the batch that begins there; raise BadBatch when it is none."""
    if len(data) - at < HEADER_BYTES:
        raise BadBatch("shorter than a header")
    base, length, _, magic, _, attributes, last_delta, _, max_time, producer, epoch, sequence, count = (
        _HEADER.unpack_from(data, at)
    )
    size = length + _LEADING
    if magic != 2 or size < HEADER_BYTES or last_delta < 0 or count < 0:
        raise BadBatch(f"format {magic}, {size} bytes, {count} records")
    return Header(base, size, attributes, last_delta, max_time, producer, epoch, sequence, count)


def split(data: memoryview) -> Iterator[tuple[Header, memoryview]]:
    """Return each batch of a produce request with its header; raise BadBatch at the first that is not whole."""
    at = 0
    while at < len(data):
        head = header(data, at)
        if at + head.size > len(data):
            raise BadBatch("cut short")
        yield head, data[at : at + head.size]
        at += head.size


def placed(data: memoryview | bytes, base_offset: int) -> bytes:
    """Return the batch with this base offset; its checksum does not cover the offset and stays right."""
    return struct.pack(">q", base_offset) + bytes(data[8:])


def marker(producer: int, epoch: int, commit: bool, now_ms: int) -> bytes:
    """Return the control batch that commits or aborts a transaction in one partition."""
    key = struct.pack(">hh", 0, 1 if commit else 0)
    value = struct.pack(">hi", 0, 0)
    record = b"\x00\x00\x00" + _varint(len(key)) + key + _varint(len(value)) + value + b"\x00"
    body = (
        struct.pack(">hiqqqhii", _TRANSACTIONAL | _CONTROL, 0, now_ms, now_ms, producer, epoch, -1, 1)
        + _varint(len(record))
        + record
    )
    length = len(body) + _ATTRIBUTES_AT - _LEADING
    return struct.pack(">qiibI", 0, length, 0, 2, _crc32c(body)) + body


def commits(data: bytes | memoryview, at: int = 0) -> bool:
    """Tell whether a control batch commits (True) or aborts (False)."""
    kind: int = struct.unpack_from(">h", data, at + HEADER_BYTES + 7)[0]
    return kind == 1


def _varint(value: int) -> bytes:
    zigzag = (value << 1) ^ (value >> 63)
    out = bytearray()
    while zigzag > 0x7F:
        out.append((zigzag & 0x7F) | 0x80)
        zigzag >>= 7
    out.append(zigzag)
    return bytes(out)


def _table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _table()


def _crc32c(data: bytes) -> int:
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF
