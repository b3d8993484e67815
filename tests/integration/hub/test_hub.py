"""A real hub process: what it acknowledged survives its kill, and what it passes on adds up."""

import contextlib
import http.client
import json
import random
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from prometheus_client.parser import text_string_to_metric_families

from devctl.record.span_query import SpanQuery
from devctl.record.spans import SpanReader
from tests.integration.hub.process import Hub
from tests.otlp import PROTOBUF, batch, export
from tests.soak import rounds
from tests.waiting import eventually

KILLS = rounds(5, 20)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path)
    yield hub
    hub.close()


def test_what_would_be_forwarded_or_dropped_is_counted_before_there_is_an_exporter(hub: Hub) -> None:
    metrics = hub.metrics()
    assert (metrics["devctl_hub_spans_forwarded_total"], metrics["devctl_hub_spans_dropped_total"]) == (0, 0)


class Backend:
    """An OTLP backend that refuses as often as told and remembers what it took."""

    def __init__(self, *, refusals: int = 0, status: int = 503) -> None:
        self.spans: list[str] = []
        backend = self
        left = [refusals]

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                backend.headers = dict(self.headers)
                refuse = left[0] > 0
                left[0] -= 1
                code = status if refuse else backend.judge(body)
                answer = (backend.take(body) if code == 200 else None) or b""
                with contextlib.suppress(ConnectionError):  # the hub may have been killed
                    self.send_response(code)
                    self.send_header("Content-Length", str(len(answer)))
                    self.end_headers()
                    self.wfile.write(answer)

            def log_message(self, *arguments: object) -> None:
                pass

        self.headers: dict[str, str] = {}
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.thread.start()

    def judge(self, body: bytes) -> int:
        """Return the status that a request is answered with."""
        return 200

    def take(self, body: bytes) -> bytes | None:
        for group in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.spans += [span.span_id.hex() for scoped in group.scope_spans for span in scoped.spans]
        return None

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


class Picky(Backend):
    """A backend that refuses a whole request for one span."""

    def judge(self, body: bytes) -> int:
        return 400 if b"poison" in body else 200


def _configure(hub: Hub, **backends: Any) -> None:
    entries = [
        {"name": name, "kind": "otlp", "url": backend.url, "headers": {"X-Key": "k"}}
        for name, backend in backends.items()
    ]
    hub.config.write_text(json.dumps({"exporters": entries}))


def _stored(hub: Hub) -> list[str]:
    reader = SpanReader(hub.record)
    with contextlib.closing(reader):
        return [span.span_id for span in reader.since(0, limit=10_000_000)]


def test_no_acknowledged_span_is_lost_and_no_request_refused_over_kills(hub: Hub) -> None:
    acknowledged: list[str] = []
    refused: list[str] = []
    done = threading.Event()

    def send() -> None:
        while not done.is_set():
            body, ids = batch(64)
            try:
                status, _ = hub.post(body)
            except ConnectionRefusedError as error:
                refused.append(str(error))
            except (OSError, http.client.HTTPException):
                continue  # cut by the kill before its answer: never acknowledged
            else:
                assert status == 200
                acknowledged.extend(ids)

    senders = [threading.Thread(target=send) for _ in range(3)]
    for sender in senders:
        sender.start()
    for _ in range(KILLS):
        seen = len(acknowledged)
        eventually(lambda seen=seen: len(acknowledged) > seen + 640, within=30, what="spans under way")  # type: ignore[misc]
        hub.kill()
        hub.start()
    done.set()
    for sender in senders:
        sender.join(timeout=30)
    stored = _stored(hub)
    assert refused == []
    assert set(acknowledged) <= set(stored)
    assert len(stored) == len(set(stored))


def test_every_span_reaches_an_exporter_that_comes_back_and_the_counts_add_up(hub: Hub) -> None:
    backend = Backend(refusals=3)
    _configure(hub, backend=backend)
    with contextlib.closing(backend):
        eventually(lambda: any("backend" in name for name in hub.metrics()), what="the exporter is known")
        sent: list[str] = []
        for _ in range(5):
            body, ids = batch(100)
            sent += ids
            assert hub.post(body)[0] == 200
        eventually(lambda: len(backend.spans) == len(sent), what="all spans arrived")
        assert sorted(backend.spans) == sorted(sent)
        assert backend.headers["X-Key"] == "k"
        forwarded = 'devctl_hub_spans_forwarded_total{exporter="backend"}'
        eventually(lambda: hub.metrics().get(forwarded) == 500)
        metrics = hub.metrics()
        assert metrics["devctl_hub_spans_accepted_total"] == metrics["devctl_hub_spans_stored_total"] == 500


def test_what_waits_for_an_exporter_survives_a_kill(hub: Hub) -> None:
    backend = Backend(refusals=1_000_000)
    _configure(hub, backend=backend)
    eventually(lambda: any("backend" in name for name in hub.metrics()), what="the exporter is known")
    body, ids = batch(50)
    assert hub.post(body)[0] == 200
    hub.kill()
    backend.close()
    healthy = Backend()
    with contextlib.closing(healthy):
        _configure(hub, backend=healthy)
        hub.start()
        eventually(lambda: sorted(healthy.spans) == sorted(ids), what="the waiting spans arrived")


def test_an_exporter_that_refuses_for_good_drops_and_holds_nobody_up(hub: Hub) -> None:
    strict, good = Backend(refusals=1_000_000, status=400), Backend()
    _configure(hub, strict=strict, good=good)
    with contextlib.closing(strict), contextlib.closing(good):
        eventually(lambda: any("strict" in name for name in hub.metrics()), what="the exporters are known")
        body, _ = batch(40)
        hub.post(body)
        eventually(lambda: len(good.spans) == 40, what="the other exporter is served")
        eventually(lambda: hub.metrics().get('devctl_hub_spans_dropped_total{exporter="strict"}') == 40)


def test_what_an_exporter_refuses_costs_no_batch_that_was_sent_with_it(hub: Hub) -> None:
    backend = Picky(refusals=3)
    _configure(hub, backend=backend)
    with contextlib.closing(backend):
        eventually(lambda: any("backend" in name for name in hub.metrics()), what="the exporter is known")
        sent: list[str] = []
        for number in range(8):  # the first is tried again while the others gather behind it
            body, ids = batch(10)
            sent += ids
            hub.post(body)
            if number == 4:
                hub.post(export({"name": "poison"}).SerializeToString())
        eventually(lambda: len(backend.spans) == len(sent), what="all but one arrived")
        assert sorted(backend.spans) == sorted(sent)
        eventually(lambda: hub.metrics().get('devctl_hub_spans_dropped_total{exporter="backend"}') == 1)
        assert hub.metrics()['devctl_hub_spans_forwarded_total{exporter="backend"}'] == len(sent)


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"Content-Type": "text/plain"}, b"x", 415),
        (PROTOBUF, b"\x0a\x05junk", 400),
        ({**PROTOBUF, "Content-Encoding": "gzip"}, b"not gzip", 400),
        ({**PROTOBUF, "Content-Encoding": "br"}, b"x", 415),
        ({**PROTOBUF, "Host": "rebound.example"}, b"", 403),
    ],
)
def test_a_bad_request_is_refused_and_the_next_good_one_is_taken(
    hub: Hub, headers: dict[str, str], body: bytes, status: int
) -> None:
    assert hub.post(body, headers)[0] == status
    assert hub.post(export({"name": "good"}).SerializeToString())[0] == 200
    assert hub.metrics()["devctl_hub_spans_stored_total"] == 1


def test_the_oldest_spans_fall_out_at_the_cap_and_are_counted(tmp_path: Path) -> None:
    (tmp_path / "hub.json").write_text(json.dumps({"cap_bytes": 2 << 20}))
    hub = Hub(tmp_path)
    with contextlib.closing(hub):
        for _ in range(30):
            assert hub.post(batch(512)[0])[0] == 200
        metrics = hub.metrics()
        stored = len(_stored(hub))
    assert metrics["devctl_hub_spans_evicted_total"] > 0
    assert metrics["devctl_hub_spans_stored_total"] - metrics["devctl_hub_spans_evicted_total"] == stored


def test_spans_are_found_by_service_duration_error_and_attribute(hub: Hub) -> None:
    slow = {"name": "slow", "start": 10**18, "end": 10**18 + 10**9, "attributes": {"shop.order.id": "42"}}
    hub.post(export(slow, {"name": "quick"}, {"name": "bad", "error": True}, service="order").SerializeToString())
    reader = SpanReader(hub.record)
    with contextlib.closing(reader):

        def names(**query: Any) -> set[str]:
            return {reader.trace(trace_id)[0].name for trace_id in reader.find(SpanQuery(**query))}

        assert names(service="order", min_duration_ns=10**8) == {"slow"}
        assert names(errors=True) == {"bad"}
        assert names(attributes=(("shop.order.id", "42"),)) == {"slow"}
        assert names(service="nobody") == set()
        assert names() == {"slow", "quick", "bad"}


def test_a_damaged_record_is_put_aside_and_spans_are_taken_in(tmp_path: Path) -> None:
    (tmp_path / "record.db").write_bytes(b"garbage " * 4096)
    hub = Hub(tmp_path)
    with contextlib.closing(hub):
        assert hub.post(batch(8)[0])[0] == 200
        assert len(_stored(hub)) == 8
    (aside,) = tmp_path.glob("record.db.damaged-*")
    assert aside.read_bytes().startswith(b"garbage")


def test_a_record_that_is_damaged_under_a_running_hub_ends_it_and_the_next_one_takes_spans_in(hub: Hub) -> None:
    for _ in range(4):
        assert hub.post(batch(512)[0])[0] == 200
    hub.process.terminate()
    hub.process.wait()
    hub.start()
    hub.metrics()  # it has read what it remembers of the file
    with hub.record.open("r+b") as file:
        size = file.seek(0, 2)
        file.seek(8192)
        file.write(b"garbage!" * ((size - 8192) // 8))
    assert hub.post(batch(512)[0])[0] == 503
    assert hub.process.wait(timeout=20) == 0
    hub.start()
    body, ids = batch(8)
    assert hub.post(body)[0] == 200
    assert sorted(_stored(hub)) == sorted(ids)
    assert len(list(hub.folder.glob("record.db.damaged-*"))) == 1


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/logs", "/v1/metrics"])
def test_no_mangled_body_is_more_than_refused(hub: Hub, path: str) -> None:
    (hub.folder / "logs").mkdir(exist_ok=True)
    chance = random.Random(path)
    good = export(
        {"name": "caf\u00e9", "attributes": {"a": 1.5, "b": "c", "d": True}, "links": [(b"l" * 16, b"l" * 8)]}
    ).SerializeToString()
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=20)
    seen = set()
    with contextlib.closing(connection):
        for _ in range(300):
            body = bytearray(good)
            for _ in range(chance.randint(1, 6)):
                body[chance.randrange(len(body))] = chance.randrange(256)
            del body[chance.randint(len(body) // 2, len(body)) :]
            connection.request("POST", path, bytes(body), PROTOBUF)
            response = connection.getresponse()
            response.read()
            seen.add(response.status)
        for address in ("/metrics", "/metrics/otlp"):
            connection.request("GET", address)
            response = connection.getresponse()
            list(text_string_to_metric_families(response.read().decode()))
            assert response.status == 200
    assert seen <= {200, 400}
    assert hub.post(export({"name": "good"}).SerializeToString())[0] == 200


@pytest.mark.parametrize("depth", [20, 5_000])
def test_values_nested_deeply_are_kept_or_refused(hub: Hub, depth: int) -> None:
    inner = b"\x0a\x01x"  # AnyValue {string_value: "x"}
    for _ in range(depth):
        array = b"\x0a" + _length(inner)  # ArrayValue {values: inner}
        inner = b"\x2a" + _length(array)  # AnyValue {array_value: array}
    request = export({"name": "deep"})
    span = request.resource_spans[0].scope_spans[0].spans[0]
    raw = span.SerializeToString() + b"\x4a" + _length(b"\x0a\x01k\x12" + _length(inner))
    scoped = b"\x12" + _length(raw)
    body = b"\x0a" + _length(b"\x12" + _length(scoped))
    status, _ = hub.post(body)
    assert status == (400 if depth > 100 else 200)
    assert hub.post(export({"name": "good"}).SerializeToString())[0] == 200


def _length(content: bytes) -> bytes:
    """Return content with its length before it, as protobuf writes it."""
    number, out = len(content), bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number]) + content
