"""Random valid OTLP against a real hub: no answer but 200, nothing lost, and every reader reads all of it."""

import contextlib
import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from google.protobuf.message import Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from prometheus_client.parser import text_string_to_metric_families

from devctl.embedded.jaeger.server import Application
from devctl.http.server import Request
from devctl.hub.zipkin import zipkin
from devctl.queries import traces, waterfall
from devctl.record import logs
from devctl.record.jsonlines import json_line
from devctl.record.span_query import SpanQuery
from devctl.record.spans import SpanReader
from devctl.record.store import Run
from tests.integration.hub.process import Hub
from tests.otlp import PROTOBUF
from tests.otlp_fuzz import MARK, Generator, as_json, marks, points_of, spans_of, with_named_numbers
from tests.soak import rounds

REQUESTS = rounds(300, 2_000)
SEEDS = rounds(["1"], [str(number) for number in range(1, 9)])
JSON = {"Content-Type": "application/json"}


class Sender:
    """Sends requests on one connection, every other one as JSON, and takes no answer but 200 with nothing rejected."""

    def __init__(self, hub: Hub) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=60)
        self._is_json = False

    def send(self, path: str, request: Message, answer: Message) -> None:
        self._is_json = not self._is_json
        body, headers = (as_json(request), JSON) if self._is_json else (request.SerializeToString(), PROTOBUF)
        self._connection.request("POST", path, body, headers)
        response = self._connection.getresponse()
        content = response.read()
        assert response.status == 200, (content, request)
        assert content == (b"{}" if self._is_json else answer.SerializeToString()), (content, request)

    def get(self, path: str) -> str:
        self._connection.request("GET", path)
        response = self._connection.getresponse()
        assert response.status == 200
        return response.read().decode()

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "logs").mkdir()
    hub = Hub(tmp_path)
    yield hub
    hub.close()


@pytest.fixture
def sender(hub: Hub) -> Iterator[Sender]:
    with contextlib.closing(Sender(hub)) as sender:
        yield sender


@pytest.mark.parametrize("seed", SEEDS)
def test_every_valid_span_is_kept_as_it_was_sent(hub: Hub, sender: Sender, seed: str) -> None:
    generator = Generator(seed)
    sent: dict[str, Any] = {}
    for _ in range(REQUESTS):
        request = generator.traces()
        sender.send("/v1/traces", request, ExportTraceServiceResponse())
        sent |= {span.span_id.hex(): span for span in spans_of(with_named_numbers(request))}
        zipkin(request.SerializeToString())
    with contextlib.closing(SpanReader(hub.record)) as reader:
        kept = {span.span_id: span for span in reader.spans(SpanQuery(limit=1 << 30))}
        assert kept.keys() == sent.keys()
        for span_id, span in kept.items():
            assert (span.message, span.name) == (sent[span_id], sent[span_id].name)
        for trace in traces.find(reader, SpanQuery(limit=1_000)):
            waterfall.rows(trace.spans)
            json.dumps([traces.summary(trace), traces.otlp_json(trace.spans)], allow_nan=False)
    assert hub.metrics()["devctl_hub_spans_stored_total"] == len(sent)


async def test_the_embedded_jaeger_shows_every_valid_span(hub: Hub, sender: Sender) -> None:
    generator = Generator("jaeger")
    sent = set()
    for _ in range(REQUESTS // 2):
        request = generator.traces()
        sender.send("/v1/traces", request, ExportTraceServiceResponse())
        sent |= {span.span_id.hex() for span in spans_of(request)}
    application = Application(hub.record)

    async def ask(path: str) -> Any:
        response = await application(Request("GET", path, {}))
        assert response.status == 200, (path, response.body)
        return json.loads(response.body, parse_constant=pytest.fail)["data"]

    shown = set()
    for service in await ask("/api/services"):
        for kind in ("", "&spanKind=consumer"):
            await ask(f"/api/operations?service={quote(service, safe='')}{kind}")
        query = f"service={quote(service, safe='')}&start=0&end={(1 << 63) // 1000}&limit=1000"
        for trace in await ask(f"/api/traces?{query}"):
            shown |= {span["spanID"] for span in trace["spans"]}
            await ask(f"/api/traces/{trace['traceID']}?raw=true")
    assert shown == sent
    await ask(f"/api/dependencies?endTs={(1 << 63) // 1_000_000 - 1}&lookback={(1 << 63) // 1_000_000 - 1}")


@pytest.mark.parametrize("seed", SEEDS)
def test_every_valid_log_record_is_a_line(hub: Hub, sender: Sender, seed: str) -> None:
    generator = Generator(seed)
    sent: set[str] = set()
    for _ in range(REQUESTS):
        request = generator.logs()
        sender.send("/v1/logs", request, ExportLogsServiceResponse())
        sent |= marks(r for group in request.resource_logs for scoped in group.scope_logs for r in scoped.log_records)
    lines = [json_line(line) for line in logs.read(Run(hub.folder), logs.Query())]
    assert sorted(json.loads(line, parse_constant=pytest.fail)["fields"][MARK] for line in lines) == sorted(sent)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_valid_data_point_is_shown_in_text_that_prometheus_reads(hub: Hub, sender: Sender, seed: str) -> None:
    generator = Generator(seed)
    sent: set[str] = set()
    for _ in range(REQUESTS):
        request = generator.metrics()
        sender.send("/v1/metrics", request, ExportMetricsServiceResponse())
        sent |= marks(point for point in points_of(request) if not point.flags & 1)
    families = list(text_string_to_metric_families(sender.get("/metrics/otlp")))
    samples = [sample for family in families for sample in family.samples]
    assert {sample.labels["fuzz_id"] for sample in samples} == sent
    series = [(sample.name, *sorted(sample.labels.items())) for sample in samples]
    assert len(series) == len(set(series))
