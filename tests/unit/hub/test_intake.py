"""What the hub lets in, what it mends, and what it refuses with which status."""

import gzip
import json
import math

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from devctl.hub import intake
from devctl.record.spans import attributes
from tests.otlp import export


def _read(body: bytes, kind: str = intake.PROTOBUF) -> ExportTraceServiceRequest:
    request, _ = intake.read(ExportTraceServiceRequest, body, kind)
    intake.acceptable(request.resource_spans, body=body)
    return request


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/xml", "application/octet-stream"])
def test_other_content_types_are_refused_with_415(content_type: str) -> None:
    with pytest.raises(intake.Refused) as refused:
        intake.content_kind(content_type)
    assert refused.value.status == 415


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON"])
def test_a_content_type_may_carry_parameters_and_any_case(content_type: str) -> None:
    assert intake.content_kind(content_type) == intake.JSON


def test_a_gzip_bomb_is_refused_with_413_before_it_unfolds() -> None:
    bomb = gzip.compress(b"\0" * (intake.MAX_BODY + 1))
    with pytest.raises(intake.Refused) as refused:
        intake.decompressed(bomb, "gzip")
    assert refused.value.status == 413


@pytest.mark.parametrize("body", [b"plain", gzip.compress(b"x" * 100, mtime=0)[:-9]], ids=["plain", "cut"])
def test_broken_gzip_is_refused_with_400(body: bytes) -> None:
    with pytest.raises(intake.Refused) as refused:
        intake.decompressed(body, "gzip")
    assert refused.value.status == 400


@pytest.mark.parametrize("body", [b"\x0a\x05junk", b"\xff" * 40, b"\x0a" * 300, b"\x0b\x0b"])
def test_what_is_no_protobuf_is_refused_with_400(body: bytes) -> None:
    with pytest.raises(intake.Refused) as refused:
        _read(body)
    assert refused.value.status == 400


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"resourceSpans": 1}', b'{"resourceSpans":[{"x":' + b"[" * 9999])
def test_what_is_no_otlp_json_is_refused_with_400(body: bytes) -> None:
    with pytest.raises(intake.Refused) as refused:
        _read(body, intake.JSON)
    assert refused.value.status == 400


def test_json_ids_are_hex_and_unknown_fields_are_passed_over() -> None:
    span = {"traceId": "5B8EFFF798038103D269B633813FC60C", "spanId": "eee19b7ec3c1b174", "name": "x", "novel": 1}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()
    read = _read(body, intake.JSON).resource_spans[0].scope_spans[0].spans[0]
    assert (read.trace_id.hex(), read.span_id.hex()) == ("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174")


def test_text_that_is_not_utf8_is_replaced_and_the_rest_is_kept() -> None:
    body = export({"name": "good"}, {"name": "bXd"}).SerializeToString().replace(b"bXd", b"b\xffd")
    names = [span.name for span in _read(body).resource_spans[0].scope_spans[0].spans]
    assert names == ["good", "b\ufffdd"]


@pytest.mark.parametrize(("number", "name"), [(math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")])
def test_numbers_that_are_no_numbers_become_their_names(number: float, name: str) -> None:
    request = _read(export({"attributes": {"ratio": number}}).SerializeToString())
    assert attributes(request.resource_spans[0].scope_spans[0].spans[0].attributes) == {"ratio": name}


@pytest.mark.parametrize("ids", [{"trace": bytes(16)}, {"span": bytes(8)}, {"trace": b"short"}, {"parent": b"x"}])
def test_spans_without_valid_ids_are_taken_out_and_counted(ids: dict[str, bytes]) -> None:
    request = export(ids, {"name": "kept"})
    assert intake.acceptable(request.resource_spans, body=request.SerializeToString()) == (1, 1)
    assert [span.name for span in request.resource_spans[0].scope_spans[0].spans] == ["kept"]


@pytest.mark.parametrize("written", [b'"NaN"', b"NaN", b"1e999", b'"-Infinity"', b"-Infinity"])
def test_json_may_write_numbers_that_are_no_numbers_in_any_way(written: bytes) -> None:
    ids = b'"traceId":"5b8efff798038103d269b633813fc60c","spanId":"eee19b7ec3c1b174"'
    pair = b'{"key":"a","value":{"doubleValue":' + written + b"}}"
    body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{' + ids + b',"attributes":[' + pair + b"]}]}]}]}"
    (span,) = _read(body, intake.JSON).resource_spans[0].scope_spans[0].spans
    assert attributes(span.attributes)["a"] in ("NaN", "Infinity", "-Infinity")


BAD_JSON = [
    {"traceId": "no hex"},
    {"parentSpanId": "12"},
    {"startTimeUnixNano": "-1"},
    {"startTimeUnixNano": 10**30},
    {"kind": 10**30},
    {"name": 7},
    {"attributes": {}},
    {"attributes": [{"key": "a", "value": {"intValue": 1, "stringValue": "x"}}]},
    {"attributes": [{"key": "a", "value": {"intValue": "1e99"}}]},
    {"status": 5},
    {"links": [None]},
]
IDS = {"traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174"}


def _json(*spans: object, resource: object = None) -> bytes:
    good = {"scopeSpans": [{"spans": [{**IDS, "name": "neighbour"}]}]}
    group = {"resource": resource, "scopeSpans": [{"spans": spans}]}
    return json.dumps({"resourceSpans": [good, group]}).encode()


def _kept(body: bytes, kind: str) -> tuple[list[str], int]:
    request, unreadable = intake.read(ExportTraceServiceRequest, body, kind)
    _, without_ids = intake.acceptable(request.resource_spans, body=body)
    scopes = [scoped for group in request.resource_spans for scoped in group.scope_spans]
    return [span.name for scoped in scopes for span in scoped.spans], unreadable + without_ids


@pytest.mark.parametrize("bad", [*BAD_JSON, "text", None, 5], ids=str)
def test_a_span_that_is_no_otlp_json_is_rejected_alone(bad: object) -> None:
    bad = {**IDS, **bad} if isinstance(bad, dict) else bad
    assert _kept(_json({**IDS, "name": "a"}, bad, {**IDS, "name": "b"}), intake.JSON) == (["neighbour", "a", "b"], 1)


def test_what_belongs_to_an_unreadable_resource_is_rejected_and_its_neighbours_are_kept() -> None:
    assert _kept(_json({**IDS}, {**IDS}, resource={"attributes": 5}), intake.JSON) == (["neighbour"], 2)


def test_a_span_that_is_no_protobuf_is_rejected_alone() -> None:
    request = export({"name": "a"}, {"name": "bad", "attributes": {"k": "XXXX"}}, {"name": "caf\u00e9"})
    body = request.SerializeToString().replace(b"\x0a\x04XXXX", b"\x0a\x7fXXXX").replace("\u00e9".encode(), b"\xff\xff")
    assert _kept(body, intake.PROTOBUF) == (["a", "caf\ufffd\ufffd"], 1)


def _field(number: int, content: bytes) -> bytes:
    length, out = len(content), bytearray([number << 3 | 2])
    while length > 0x7F:
        out.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes([*out, length]) + content


def _nested(depth: int) -> bytes:
    """Return an attribute whose value is a list in a list in a list."""
    value = b"\x0a\x01x"
    for _ in range(depth):
        value = _field(5, _field(1, value))
    return _field(9, _field(1, b"k") + _field(2, value))


@pytest.mark.parametrize("depth", [*range(40, 52), 5_000])
def test_a_value_nested_too_deeply_costs_its_own_span_alone(depth: int) -> None:
    spans = export({"name": "a"}, {"name": "deep"}, {"name": "b"}).resource_spans[0].scope_spans[0].spans
    raw = [span.SerializeToString() + (_nested(depth) if span.name == "deep" else b"") for span in spans]
    body = _field(1, _field(2, b"".join(_field(2, span) for span in raw)))
    assert _kept(body, intake.PROTOBUF) == ((["a", "b"], 1) if depth > 47 else (["a", "deep", "b"], 0))
