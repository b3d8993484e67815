"""The addresses of the pages around the boards: `/api/viewer/stack/…`."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from devctl.web.data.times import time_range
from devctl.web.stack import Nothing, StackRecord

Query = Mapping[str, list[str]]


def read(record: StackRecord, path: list[str], query: Query) -> Any:
    """Return what one of the pages shows."""
    single = {name: values[-1] for name, values in query.items()}
    match path:
        case ["status"]:
            return record.status()
        case ["why"]:
            return record.why(query.get("service", []))
        case ["services"]:
            return record.services()
        case ["logs"]:
            return record.lines({**single, **_times(single)}, query.get("service", []))
        case ["traces"]:
            return record.traces({**single, **_times(single)})
        case ["traces", trace_id]:
            return record.trace(trace_id)
        case ["map"]:
            times = _times(single)
            return record.map(int(times.get("since", "0")), int(times.get("until", time.time_ns())))
        case ["journeys", identity]:
            return record.journey(identity)
    raise Nothing(f"the viewer knows no {'/'.join(path)}")


def _times(query: Mapping[str, str]) -> dict[str, str]:
    """Return the range of an address in nanoseconds; what is not there is left open."""
    if "from" not in query or "after" in query:
        return {"since": query["after"]} if "after" in query else {}
    span = time_range(query["from"], query.get("to", "now"), time.time())
    times = {"since": str(int(span.start * 1e9))}
    return times if query.get("to", "now") == "now" else {**times, "until": str(int(span.end * 1e9))}
