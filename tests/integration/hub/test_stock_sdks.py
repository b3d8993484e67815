"""Programs that know nothing of devctl, with the stock OpenTelemetry SDKs: seen in traces, logs and metrics."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import platformdirs
import pytest

from devctl.record import logs
from devctl.record.span_query import SpanQuery
from devctl.record.spans import SpanReader
from devctl.record.store import Run
from tests.integration.hub.process import Hub
from tests.waiting import eventually

PACKAGES = {"@opentelemetry/api": "1.9.0", "@opentelemetry/api-logs": "0.57.2", "@opentelemetry/sdk-node": "0.57.2"}
NODE = """
const { NodeSDK } = require('@opentelemetry/sdk-node');
const { trace, metrics } = require('@opentelemetry/api');
const { logs } = require('@opentelemetry/api-logs');
const sdk = new NodeSDK();
sdk.start();
trace.getTracer('shop').startActiveSpan('brew', span => {
  span.setAttribute('cup.size', 3);
  logs.getLogger('shop').emit({ severityNumber: 13, severityText: 'WARN', body: 'beans run low' });
  span.end();
});
sdk.shutdown();
"""
PYTHON = """
import logging
from opentelemetry import metrics, trace
from opentelemetry._logs import SeverityNumber, get_logger, set_logger_provider
from opentelemetry._logs import LogRecord
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
spans, records = TracerProvider(), LoggerProvider()
spans.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
records.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
meters = MeterProvider([PeriodicExportingMetricReader(OTLPMetricExporter())])
with spans.get_tracer("shop").start_as_current_span("brew", attributes={"cup.size": 3}):
    records.get_logger("shop").emit(LogRecord(severity_number=SeverityNumber.WARN, body="beans run low"))
meters.get_meter("shop").create_counter("cups.brewed").add(2, {"job": "theirs"})
for provider in (spans, records, meters):
    provider.shutdown()
"""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    (tmp_path / "logs").mkdir()
    hub = Hub(tmp_path)
    yield hub
    hub.close()


@pytest.fixture(scope="session")
def node_modules() -> Path:
    """The folder with the stock SDK for Node, fetched once for this user; skips where it cannot be had."""
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("no Node and npm on the PATH")
    folder = Path(platformdirs.user_cache_dir("devctl", appauthor=False)) / "reference" / "node-otel"
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "package.json").write_text(json.dumps({"private": True, "dependencies": PACKAGES}))
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
        try:
            subprocess.run(command, cwd=folder, check=True, timeout=180, capture_output=True)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as failure:
            pytest.skip(f"npm gave no OpenTelemetry SDK: {failure}")
        (folder / "done").touch()
    return folder / "node_modules"


def _environment(hub: Hub, service: str, **more: str) -> dict[str, str]:
    return {
        **os.environ,
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{hub.port}",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_SERVICE_NAME": service,
        "OTEL_LOGS_EXPORTER": "otlp",
        **more,
    }


def _is_told(hub: Hub, service: str) -> None:
    """Check that the span and the log line of the program are in the record, and that one leads to the other."""
    reader = SpanReader(hub.record)
    with contextlib.closing(reader):
        (span,) = reader.spans(SpanQuery(service=service, operation="brew", attributes=(("cup.size", "3"),)))
    lines = list(logs.read(Run(hub.folder), logs.Query(services=(service,), trace_id=span.trace_id)))
    assert [(line.parsed.level, line.parsed.message) for line in lines] == [("warning", "beans run low")]


def test_a_node_program_with_the_stock_sdk_is_seen_in_traces_and_logs(hub: Hub, node_modules: Path) -> None:
    environment = _environment(hub, "coffee", NODE_PATH=str(node_modules), OTEL_METRICS_EXPORTER="none")
    subprocess.run(["node", "-e", NODE], env=environment, check=True, timeout=60)
    _is_told(hub, "coffee")


def test_a_python_program_with_the_stock_sdk_is_seen_in_traces_logs_and_metrics(hub: Hub) -> None:
    subprocess.run([sys.executable, "-c", PYTHON], env=_environment(hub, "tea"), check=True, timeout=60)
    _is_told(hub, "tea")

    def exposition() -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{hub.port}/metrics/otlp", timeout=10) as answer:
            return str(answer.read().decode())

    assert re.search(r'cups_brewed_total{exported_job="theirs",instance="[^"]+",job="tea"} 2\n', eventually(exposition))
