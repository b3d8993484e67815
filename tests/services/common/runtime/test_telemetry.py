"""Spans: who is whose parent across HTTP and events, and names that are those of the semantic conventions."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import opentelemetry.semconv._incubating.attributes as incubating
import opentelemetry.semconv.attributes as stable
import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, Tracer

from services.common.data.database import AsyncConnection, Database
from services.common.events import consumer as consuming
from services.common.events.consumer import Consumer
from services.common.events.event import Event
from services.common.events.outbox import Outbox
from services.common.runtime import telemetry
from services.common.runtime.logs import Logger
from services.common.runtime.telemetry import Telemetry
from tests.services.common.conftest import ServiceParts, nothing
from tests.waiting import eventually_async

TOPIC = "shop.thing.v1"


@pytest.fixture
def spans() -> Iterator[tuple[Tracer, InMemorySpanExporter]]:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    yield provider.get_tracer("test"), exporter
    provider.shutdown()


def conventional_names() -> set[str]:
    modules = [
        importlib.import_module(f"{package.__name__}.{module_info.name}")
        for package in (stable, incubating)
        for module_info in pkgutil.iter_modules(package.__path__)
    ]
    return {value for module in modules for value in vars(module).values() if isinstance(value, str)}


async def test_an_event_carries_the_trace_to_its_consumer_and_every_span_speaks_the_conventions(
    parts: ServiceParts, spans: tuple[Tracer, InMemorySpanExporter], tmp_path: Path
) -> None:
    tracer, exporter = spans
    database = Database(f"sqlite+aiosqlite:///{tmp_path}/x.db", "x", None, Telemetry(tracer), parts.metrics)
    outbox = Outbox("test", database, parts.broker.port(), parts.metrics, Logger("test"), tracer)
    taken: list[Event] = []

    async def take(event: Event, _: AsyncConnection) -> None:
        taken.append(event)

    consumer = Consumer(
        [TOPIC],
        "group",
        {"thing.made": take},
        consuming.ServiceParts(database, parts.broker.port(), parts.metrics, tracer, Logger("test")),
        before_delivery=nothing,
    )
    port = parts.broker.port()
    port.subscribe([TOPIC], "group", consumer.deliver)
    await port.start()
    with telemetry.entered(tracer.start_span("POST /things", kind=SpanKind.SERVER)):
        with telemetry.entered(
            telemetry.start(tracer, "GET", SpanKind.CLIENT, telemetry.http_client("GET", "http://shop:81/a"))
        ):
            pass
        async with database.transaction() as connection:
            await outbox.add(connection, Event("thing.made", TOPIC, "k", {}))

    async def is_taken() -> bool:
        await outbox._publish_batch()
        return bool(taken)

    await eventually_async(is_taken, what="the event")
    await database.close()
    by_name = {span.name: span for span in exporter.get_finished_spans()}
    caused, sent, processed = by_name["POST /things"], by_name[f"send {TOPIC}"], by_name[f"process {TOPIC}"]
    assert (sent.kind, processed.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert parent_of(sent) == id_of(caused)
    assert parent_of(processed) == id_of(sent)
    assert [link.context.span_id for link in processed.links] == [id_of(sent)]
    used = {name for span in by_name.values() for name in span.attributes or ()}
    assert {"server.address", "db.collection.name", "messaging.operation.type", "messaging.consumer.group.name"} <= used
    assert used <= conventional_names()


def id_of(span: ReadableSpan) -> int:
    assert span.context is not None
    return span.context.span_id


def parent_of(span: ReadableSpan) -> int:
    assert span.parent is not None
    return span.parent.span_id


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [("http://shop:81/a", "shop", 81), ("https://shop/a?b=c:d", "shop", 443), ("http://[::1]:8103/a", "::1", 8103)],
)
def test_a_span_of_a_call_names_host_and_port_of_any_url(url: str, host: str, port: int) -> None:
    attributes = telemetry.http_client("GET", url)
    assert (attributes["server.address"], attributes["server.port"]) == (host, port)
