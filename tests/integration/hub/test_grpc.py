"""OTLP over gRPC, sent by real exporters in Python and Go and by a real Collector: acknowledged once it is kept."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceStub

from devctl.http.server import Request, bind
from devctl.hub import intake, otlp_grpc
from devctl.record import logs, notices
from devctl.record.span_query import SpanQuery
from devctl.record.spans import Span, SpanReader
from devctl.record.store import Run
from tests.integration.hub.process import Hub
from tests.integration.hub.test_stock_sdks import PYTHON
from tests.otlp import batch, export
from tests.waiting import eventually

GRPC_PYTHON = PYTHON.replace("otlp.proto.http", "otlp.proto.grpc")
TRACES = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "logs").mkdir()
    hub = Hub(tmp_path)
    yield hub
    hub.close()


@contextlib.contextmanager
def channel(port: int) -> Iterator[grpc.Channel]:
    options = [("grpc.max_send_message_length", -1), ("grpc.enable_retries", 0)]
    with grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as opened:
        yield opened


def send(port: int, request: ExportTraceServiceRequest, **how: grpc.Compression) -> int:
    """Send one batch; return how many of its spans were rejected."""
    with channel(port) as opened:
        answer = TraceServiceStub(opened).Export(request, timeout=20, **how)
        return int(answer.partial_success.rejected_spans)


def refusal(port: int, body: bytes, method: str = TRACES) -> grpc.StatusCode:
    """Send bytes as a message; return the status that they are refused with."""
    with channel(port) as opened, pytest.raises(grpc.RpcError) as error:
        opened.unary_unary(method)(body, timeout=20)
    status: grpc.StatusCode = error.value.code()  # type: ignore[attr-defined]
    return status


def spans(hub: Hub, service: str) -> list[Span]:
    reader = SpanReader(hub.record)
    with contextlib.closing(reader):
        return list(reader.spans(SpanQuery(service=service)))


def lines(hub: Hub, service: str) -> list[tuple[str | None, str]]:
    read = logs.read(Run(hub.folder), logs.Query(services=(service,)))
    return [(line.parsed.level, line.parsed.message) for line in read]


def exposition(hub: Hub) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{hub.port}/metrics/otlp", timeout=10) as answer:
        return str(answer.read().decode())


def test_a_python_program_with_grpc_exporters_is_seen_in_traces_logs_and_metrics(hub: Hub) -> None:
    target = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{hub.grpc_port}", "OTEL_SERVICE_NAME": "tea"}
    subprocess.run([sys.executable, "-c", GRPC_PYTHON], env={**os.environ, **target}, check=True, timeout=60)
    assert [span.name for span in spans(hub, "tea")] == ["brew"]
    assert lines(hub, "tea") == [("warning", "beans run low")]
    assert "cups_brewed_total{" in exposition(hub)
    assert notices.read(Run(hub.folder)) == []


def test_a_go_program_with_grpc_exporters_is_seen_in_traces_logs_and_metrics(hub: Hub, go_sender: Path) -> None:
    target = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{hub.grpc_port}", "OTEL_SERVICE_NAME": "gopher"}
    subprocess.run([go_sender, "50"], env={**os.environ, **target}, check=True, timeout=60)
    assert len(spans(hub, "gopher")) == 50
    assert lines(hub, "gopher") == [("warning", "a line from go")]
    assert re.search(r'from_go_total{.*job="gopher".*} 3\n', exposition(hub))


COLLECTOR = """
receivers: {{otlp: {{protocols: {{grpc: {{endpoint: "127.0.0.1:{own}"}}}}}}}}
exporters:
  otlp_grpc:
    endpoint: "127.0.0.1:{hub}"
    tls: {{insecure: true}}
    compression: {compression}
service:
  telemetry: {{metrics: {{level: none}}, logs: {{level: warn}}}}
  pipelines:
    traces: {{receivers: [otlp], exporters: [otlp_grpc]}}
"""


@pytest.mark.parametrize("compression", ["gzip", "none"])
def test_a_collector_passes_spans_on_to_the_hub(
    hub: Hub, real_collector: Path, tmp_path: Path, compression: str
) -> None:
    with contextlib.closing(bind("127.0.0.1:0")) as free:
        port = free.getsockname()[1]
    config = tmp_path / "collector.yaml"
    config.write_text(COLLECTOR.format(own=port, hub=hub.grpc_port, compression=compression))
    collector = subprocess.Popen([real_collector, "--config", f"file:{config}"])
    try:
        eventually(lambda: _answers(port), within=30)
        for _ in range(5):
            assert send(port, ExportTraceServiceRequest.FromString(batch(200)[0])) == 0
        eventually(lambda: hub.metrics()["devctl_hub_spans_stored_total"] == 1000, within=30)
    finally:
        collector.terminate()
        collector.wait(20)


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def test_what_a_call_acknowledged_survives_a_kill_and_adds_up_with_what_came_over_http(hub: Hub) -> None:
    acknowledged = 0
    ends = threading.Event()

    def send_on() -> None:
        nonlocal acknowledged
        while not ends.is_set():
            with contextlib.suppress(grpc.RpcError):
                send(hub.grpc_port, ExportTraceServiceRequest.FromString(batch(100)[0]))
                acknowledged += 100

    sender = threading.Thread(target=send_on)
    sender.start()
    for _ in range(3):
        before = acknowledged
        eventually(lambda before=before: acknowledged > before + 300, within=30)  # type: ignore[misc]
        hub.kill()
        hub.start()
    ends.set()
    sender.join()
    hub.post(batch(100)[0])
    stored = hub.metrics()["devctl_hub_spans_stored_total"]
    assert len(spans(hub, "shop")) == stored >= acknowledged + 100


def test_one_bad_span_is_rejected_alone(hub: Hub) -> None:
    assert send(hub.grpc_port, export({"name": "good"}, {"name": "bad", "trace": bytes(16)})) == 1
    assert [span.name for span in spans(hub, "shop")] == ["good"]


def test_a_compressed_batch_is_kept(hub: Hub) -> None:
    assert send(hub.grpc_port, export({"name": "packed"}), compression=grpc.Compression.Gzip) == 0
    assert [span.name for span in spans(hub, "shop")] == ["packed"]


def test_a_large_batch_is_kept_and_one_too_large_is_refused_for_good(hub: Hub) -> None:
    assert send(hub.grpc_port, ExportTraceServiceRequest.FromString(batch(20_000)[0])) == 0
    assert len(spans(hub, "shop")) == 20_000
    assert refusal(hub.grpc_port, bytes(21 << 20)) == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_refusals_that_do_not_pass_say_so(hub: Hub) -> None:
    assert refusal(hub.grpc_port, b"no message of protobuf") == grpc.StatusCode.INVALID_ARGUMENT
    assert refusal(hub.grpc_port, b"", "/shop.v1.Orders/Get") == grpc.StatusCode.UNIMPLEMENTED


def test_many_calls_on_one_channel_are_answered_side_by_side(hub: Hub) -> None:
    with channel(hub.grpc_port) as opened:
        calls = [TraceServiceStub(opened).Export.future(export({"name": f"s{n}"}), timeout=30) for n in range(300)]
        assert all(call.result() is not None for call in calls)
    assert len(spans(hub, "shop")) == 300


def test_a_record_that_cannot_be_written_makes_an_exporter_try_again() -> None:
    async def receive(_: bytes, __: str) -> None:
        raise intake.Refused(503, "the record cannot be written: disk full")

    call = Request("POST", TRACES, {"content-type": "application/grpc"}, b"\0\0\0\0\0")
    headers = dict(asyncio.run(otlp_grpc.answer(call, receive)).headers)
    assert headers["grpc-status"] == str(grpc.StatusCode.UNAVAILABLE.value[0])


def test_grpc_on_the_http_port_is_kept_and_told_in_one_line(hub: Hub) -> None:
    for _ in range(3):
        assert send(hub.port, export({"name": "astray"}, service="order")) == 0
    assert len(spans(hub, "order")) == 3
    (notice,) = notices.read(Run(hub.folder))
    assert notice.text == f"order sends OTLP over gRPC to {hub.port}, the port of OTLP over HTTP"
    assert f"http://127.0.0.1:{hub.grpc_port}" in notice.remedy
    assert hub.log.read_text().count("order sends OTLP over gRPC") == 1
    assert "Traceback" not in hub.log.read_text()


def test_http_on_the_grpc_port_is_kept_and_told_in_one_line(hub: Hub) -> None:
    request = urllib.request.Request(
        f"http://127.0.0.1:{hub.grpc_port}/v1/traces",
        gzip.compress(export({"name": "astray"}, service="cart").SerializeToString()),
        {"content-type": "application/x-protobuf", "content-encoding": "gzip"},
    )
    assert urllib.request.urlopen(request, timeout=10).status == 200
    (notice,) = notices.read(Run(hub.folder))
    assert notice.text == f"cart sends OTLP over HTTP to {hub.grpc_port}, the port of OTLP over gRPC"


def test_a_client_that_speaks_tls_is_told_in_one_line(hub: Hub) -> None:
    credentials = grpc.ssl_channel_credentials()
    with grpc.secure_channel(f"127.0.0.1:{hub.grpc_port}", credentials) as opened, pytest.raises(grpc.RpcError):
        TraceServiceStub(opened).Export(export({}), timeout=1)
    (notice,) = notices.read(Run(hub.folder))
    assert notice.text == "something speaks TLS to the port otlp_grpc, and its telemetry is lost"
    assert "Traceback" not in hub.log.read_text()
