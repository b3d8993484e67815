"""Passing spans on: Zipkin's format, backends that reject a part, slow ones beside quick ones, the real Jaeger."""

import contextlib
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from devctl.hub.zipkin import zipkin
from devctl.record.span_writer import SpanWriter
from tests.integration.hub.test_hub import Backend, Hub
from tests.otlp import batch, export
from tests.reference.running import free_ports
from tests.waiting import eventually


@pytest.fixture
def hub(tmp_path: Path) -> Any:
    hub = Hub(tmp_path)
    yield hub
    hub.close()


def _export_to(hub: Hub, *exporters: dict[str, object]) -> None:
    hub.config.write_text(json.dumps({"exporters": exporters}))
    names = [str(exporter["name"]) for exporter in exporters]
    eventually(lambda: all(any(name in line for line in hub.metrics()) for name in names), what="exporters are known")


class Zipkin(Backend):
    """Takes Zipkin v2 JSON."""

    def take(self, body: bytes) -> bytes | None:
        self.spans += [span["id"] for span in json.loads(body)]
        return None


class Choosy(Backend):
    """Takes a batch but for some of its spans, as OTLP's partial success says."""

    def __init__(self, rejects: int) -> None:
        self.rejects = rejects
        super().__init__()

    def take(self, body: bytes) -> bytes:
        super().take(body)
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = self.rejects
        return answer.SerializeToString()


class Hanging(Backend):
    """Takes connections and never answers."""

    def take(self, body: bytes) -> bytes | None:
        import threading

        threading.Event().wait(3)
        return None


def test_a_zipkin_backend_gets_every_span_in_its_own_format(hub: Hub) -> None:
    backend = Zipkin()
    with contextlib.closing(backend):
        _export_to(hub, {"name": "zipkin", "kind": "zipkin", "url": backend.url, "headers": {"X-Key": "k"}})
        body, ids = batch(100)
        assert hub.post(body)[0] == 200
        eventually(lambda: sorted(backend.spans) == sorted(ids), what="all spans arrived")
        assert (backend.headers["X-Key"], backend.headers["Content-Type"]) == ("k", "application/json")
        eventually(lambda: hub.metrics().get('devctl_hub_spans_forwarded_total{exporter="zipkin"}') == 100)


def test_zipkin_spans_carry_kind_parent_peer_status_and_events() -> None:
    request = export({"kind": 3, "parent": b"p" * 8, "error": True, "attributes": {"peer.service": "db"}})
    span = request.resource_spans[0].scope_spans[0].spans[0]
    span.status.message = "gone"
    span.events.add(name="retry", time_unix_nano=5_000).attributes.add(key="n").value.int_value = 2
    (span,) = json.loads(zipkin(request.SerializeToString()))
    assert (span["kind"], span["parentId"], span["remoteEndpoint"]) == ("CLIENT", "70" * 8, {"serviceName": "db"})
    assert (span["tags"]["otel.status_code"], span["tags"]["error"]) == ("ERROR", "gone")
    assert span["annotations"] == [{"timestamp": 5, "value": '{"retry": {"n": 2}}'}]


def test_spans_that_a_backend_rejects_of_a_batch_count_as_dropped(hub: Hub) -> None:
    backend = Choosy(rejects=3)
    with contextlib.closing(backend):
        _export_to(hub, {"name": "choosy", "kind": "otlp", "url": backend.url})
        hub.post(batch(10)[0])
        eventually(lambda: hub.metrics().get('devctl_hub_spans_dropped_total{exporter="choosy"}') == 3)
        assert hub.metrics()['devctl_hub_spans_forwarded_total{exporter="choosy"}'] == 7


def test_many_backends_that_hang_hold_up_neither_a_quick_one_nor_the_intake(hub: Hub) -> None:
    hanging, quick = Hanging(), Backend()
    with contextlib.closing(hanging), contextlib.closing(quick):
        slow: list[dict[str, object]] = [
            {"name": f"slow{i}", "kind": "otlp", "url": hanging.url} for i in range(2 * (os.cpu_count() or 1) + 6)
        ]
        _export_to(hub, *slow, {"name": "quick", "kind": "otlp", "url": quick.url})
        ids = []
        for _ in range(5):
            body, more = batch(20)
            assert hub.post(body)[0] == 200
            ids += more
            eventually(lambda ids=ids: sorted(quick.spans) == sorted(ids), within=2.5)  # type: ignore[misc]


def test_counts_add_up_over_kills_of_the_hub(hub: Hub) -> None:
    backend = Backend(refusals=2)
    with contextlib.closing(backend):
        _export_to(hub, {"name": "backend", "kind": "otlp", "url": backend.url})
        sent: list[str] = []
        for _ in range(3):
            for _ in range(4):
                body, ids = batch(50)
                assert hub.post(body)[0] == 200
                sent += ids
            hub.kill()
            hub.start()
        forwarded = 'devctl_hub_spans_forwarded_total{exporter="backend"}'
        eventually(lambda: hub.metrics().get(forwarded) == len(sent))
        metrics = hub.metrics()
        assert metrics["devctl_hub_spans_stored_total"] == len(sent)
        assert metrics['devctl_hub_spans_dropped_total{exporter="backend"}'] == 0
        assert set(backend.spans) == set(sent)  # one that was under way at a kill may arrive twice


def test_the_queue_counts_what_waits_by_spans_and_bytes_also_in_tiny_batches(tmp_path: Path) -> None:
    writer = SpanWriter(tmp_path / "record.db")
    writer.begin()
    cursor = writer.outgoing.cursor("slow")
    numbers = [writer.outgoing.queue(b"x" * 10, 2, 7) for _ in range(10_000)]
    assert (writer.outgoing.waiting(cursor).spans, writer.outgoing.waiting(cursor).bytes) == (20_000, 100_000)
    writer.outgoing.advance("slow", numbers[-2])
    assert (writer.outgoing.waiting(numbers[-2]).spans, writer.outgoing.waiting(numbers[-1]).spans) == (2, 0)
    writer.commit()
    writer.close()


def test_spans_that_went_through_the_hub_are_found_in_a_real_jaeger(
    hub: Hub, real_jaeger: Path, tmp_path: Path
) -> None:
    names = ("query.http-server", "query.grpc-server", "collector.otlp.http", "collector.otlp.grpc", "admin.http",
             "collector.http-server", "collector.grpc-server", "http-server")  # fmt: skip
    ports = dict(zip(names, numbers := free_ports(11), strict=False))
    flags = [f"--{name}.host-port=127.0.0.1:{port}" for name, port in ports.items()]
    old = zip(("jaeger-compact", "jaeger-binary", "zipkin-compact"), numbers[8:], strict=True)
    flags += [f"--processor.{name}.server-host-port=127.0.0.1:{port}" for name, port in old]
    _export_to(hub, {"name": "jaeger", "kind": "otlp", "url": f"http://127.0.0.1:{ports['collector.otlp.http']}"})
    body, ids = batch(64, service="through-the-hub")
    assert hub.post(body)[0] == 200  # before Jaeger is there: it is waited for
    process = subprocess.Popen([str(real_jaeger), *flags], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    url = f"http://127.0.0.1:{ports['query.http-server']}/api/traces?service=through-the-hub&limit=100"

    def spans_in_jaeger() -> list[str]:
        with contextlib.suppress(httpx.HTTPError):
            answer = httpx.get(url, timeout=5, trust_env=False).json()
            return sorted(span["spanID"] for trace in answer["data"] or [] for span in trace["spans"])
        return []

    try:
        eventually(lambda: spans_in_jaeger() == sorted(ids), within=40, what="all spans in Jaeger")
    finally:
        process.terminate()
        process.wait(20)


def test_a_request_that_is_taken_apart_and_joined_again_is_the_same(tmp_path: Path) -> None:
    first, second = export({"name": "a"}), export({"name": "b"})
    joined = ExportTraceServiceRequest.FromString(first.SerializeToString() + second.SerializeToString())
    assert [group.scope_spans[0].spans[0].name for group in joined.resource_spans] == ["a", "b"]
