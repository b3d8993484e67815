import pytest
from hypothesis import given
from hypothesis import strategies as st

from devctl.keeper import wire

MESSAGES = st.lists(st.tuples(st.dictionaries(st.sampled_from(["id", "op", "more"]), st.text()), st.binary()))


@given(MESSAGES, st.lists(st.integers(1, 40), min_size=1))
def test_messages_arrive_whole_however_the_stream_is_cut(
    messages: list[tuple[dict[str, str], bytes]], cuts: list[int]
) -> None:
    stream = b"".join(wire.encode(message, body) for message, body in messages)
    decoder = wire.Decoder()
    received, index = [], 0
    while stream:
        size = cuts[index % len(cuts)]
        received += decoder.feed(stream[:size])
        stream, index = stream[size:], index + 1
    bodies = [body for _, body in received]
    heads = [{key: value for key, value in head.items() if key != "body"} for head, _ in received]
    assert (heads, bodies) == ([message for message, _ in messages], [body for _, body in messages])


@pytest.mark.parametrize("stream", [b"no json\n", b"[]\n", b"\xff\n"])
def test_what_is_no_message_is_refused(stream: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        list(wire.Decoder().feed(stream))
