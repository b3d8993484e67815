"""A record of spans on disk, made from short descriptions."""

from pathlib import Path
from typing import Any

from devctl.record.span_writer import SpanWriter
from devctl.record.spans import SpanReader
from tests.otlp import export

SECOND = 1_000_000_000


def record(folder: Path, **services: list[dict[str, Any]]) -> SpanReader:
    """Store spans by service and return a reader; see tests.otlp.export for what describes a span."""
    writer = SpanWriter(folder / "record.db")
    writer.begin()
    for service, spans in services.items():
        writer.add(export(*spans, service=service).resource_spans)
    writer.commit()
    writer.close()
    return SpanReader(folder / "record.db")


def span(
    name: str, span: int, start: float, end: float, *, parent: int = 0, trace: int = 1, **more: Any
) -> dict[str, Any]:
    """Describe a span by small numbers and seconds."""
    fields: dict[str, Any] = {
        "name": name,
        "trace": trace.to_bytes(16),
        "span": span.to_bytes(8),
        "parent": parent.to_bytes(8) if parent else b"",
        "start": int((1000 + start) * SECOND),
        "end": int((1000 + end) * SECOND),
    }
    return fields | more
