"""Kafka's wire types: what is written is read again, and no bytes whatever break the reader."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devctl.embedded.kafka.messages import APIS
from devctl.wire.kafka.schema import Malformed, Schema

SCHEMA = Schema("name:string@1+ parts:[index:i32 data:bytes inner:@2+[i64]] flag:bool@0-1 last:i8")
TEXT = st.none() | st.text(max_size=20)
PART = st.fixed_dictionaries(
    {
        "index": st.integers(-(1 << 31), (1 << 31) - 1),
        "data": st.none() | st.binary(max_size=20),
        "inner": st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=3) | st.none(),
    }
)


@given(name=TEXT, parts=st.lists(PART, max_size=4), flag=st.booleans(), version=st.integers(0, 3))
def test_what_is_written_is_read_again(name: str, parts: list[dict[str, object]], flag: bool, version: int) -> None:
    message = {"name": name, "parts": parts, "flag": flag, "last": -1}
    read = SCHEMA.decode(memoryview(SCHEMA.encode(message, version)), version)
    assert read.get("name") == (name if version >= 1 else None)
    assert ("flag" in read) == (version <= 1)
    for written, part in zip(parts, read["parts"], strict=True):
        assert part["index"] == written["index"]
        assert part["data"] == written["data"]
        assert part.get("inner") == (written["inner"] if version >= 2 else None)


@given(data=st.binary(max_size=200), key=st.sampled_from(sorted(APIS)))
def test_no_bytes_break_the_reader(data: bytes, key: int) -> None:
    api = APIS[key]
    for version in range(api.first, api.last + 1):
        try:
            api.request.decode(memoryview(data), version)
        except Malformed:
            continue


@pytest.mark.parametrize("data", [b"\x00\x05ab", b"\xff\xff\x7f\xff\xff\xff", b"\x00\x02\xff\xfe" + bytes(20)])
def test_lengths_that_lie_and_text_that_is_none_are_malformed(data: bytes) -> None:
    with pytest.raises(Malformed):
        SCHEMA.decode(memoryview(data), 3)
