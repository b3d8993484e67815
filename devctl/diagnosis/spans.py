"""Spans as evidence: a figure over many, with a pointer to one of them."""

from __future__ import annotations

from devctl.diagnosis.evidence import Evidence, EvidenceKind
from devctl.record.span_window import SpanRow


def span_evidence(row: SpanRow, text: str, service: str = "") -> Evidence:
    """Return what a text says of some spans, with the trace that shows it (`devctl traces ID`)."""
    pointer: dict[str, str | int] = {"trace_id": row.trace.hex(), "span_id": row.span.hex()}
    return Evidence(EvidenceKind.CALLS, service or row.service, f"{text} (trace {row.trace.hex()[:8]})",
                    row.start_ns, pointer)  # fmt: skip
