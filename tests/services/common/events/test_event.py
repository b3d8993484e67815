"""Events on the wire: what we write, CloudEvents' own library reads; what is none is called so."""

import contextlib
import json

import pytest
from cloudevents.core.bindings import kafka
from cloudevents.core.formats.json import JSONFormat
from hypothesis import given
from hypothesis import strategies as st

from services.common.events.event import Event, MalformedEventError, Message, from_message, to_message
from services.common.runtime.ids import new_id

ORDER = Event(type="thing.made", topic="shop.thing.v1", key="t1", data={"a": 1}, version=2, source="/shop/x")


def test_an_event_comes_back_as_it_went() -> None:
    back = from_message(to_message(ORDER))
    assert (back.type, back.key, back.data, back.version) == ("thing.made", "t1", {"a": 1}, 2)
    assert (back.id, back.time, back.subject) == (ORDER.id, ORDER.time, "t1")


def test_the_library_of_cloudevents_reads_what_we_write() -> None:
    message = to_message(ORDER)
    headers = {name: text.encode() for name, text in message.headers.items()}
    event = kafka.from_binary(kafka.KafkaMessage(headers, message.key, message.value), JSONFormat())
    assert event.get_type() == "thing.made"
    assert event.get_id() == ORDER.id
    assert event.get_source() == "/shop/x"
    assert event.get_time() == ORDER.time
    assert event.get_data() == {"a": 1}
    assert message.key == event.get_extension("partitionkey")


@given(
    headers=st.dictionaries(
        st.sampled_from(["ce_id", "ce_type", "ce_source", "ce_specversion", "ce_time", "x"]), st.text()
    ),
    value=st.binary() | st.recursive(st.none() | st.integers(), st.lists).map(lambda data: json.dumps(data).encode()),
)
def test_any_other_message_is_called_malformed(headers: dict[str, str], value: bytes) -> None:
    with contextlib.suppress(MalformedEventError):
        from_message(Message("t", "k", value, headers))


def test_ids_sort_by_the_time_of_their_making() -> None:
    made = [new_id() for _ in range(3)]
    assert len(set(made)) == 3
    assert all(identifier[14] == "7" and identifier[19] in "89ab" for identifier in made)
    assert new_id()[:8] >= made[0][:8]


@pytest.mark.parametrize("schema", ["", "/schemas/x.json", "/schemas/x.v.json", "nonsense"])
def test_an_event_without_a_version_is_of_the_first(schema: str) -> None:
    headers = dict(to_message(ORDER).headers) | {"ce_dataschema": schema}
    assert from_message(Message("t", "k", b"{}", headers)).version == 1


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        ({"ce_specversion": "0.3"}, b"{}"),
        ({"content-type": "application/xml"}, b"{}"),
        ({"content-type": "application/json; charset=utf-16"}, b"{}"),
        ({}, "{}".encode("utf-16")),
    ],
    ids=str,
)
def test_a_message_that_says_it_is_written_otherwise_is_called_malformed(headers: dict[str, str], value: bytes) -> None:
    with pytest.raises(MalformedEventError):
        from_message(Message("t", "k", value, dict(to_message(ORDER).headers) | headers))


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=UTF-8", "application/x+json"])
def test_a_message_in_json_by_any_of_its_names_is_read(content_type: str) -> None:
    headers = dict(to_message(ORDER).headers) | {"content-type": content_type}
    assert from_message(Message("t", "k", b"{}", headers)).data == {}
