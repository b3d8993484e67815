"""Servers of the viewer's tests: the viewer itself, and a Prometheus whose answers are known beforehand."""

from __future__ import annotations

import asyncio
import math
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from devctl.http.server import Handler, Request, Response, Server, bind, json_response

SERVICES = ("alpha", "beta", "gamma")
PATIENCE_SECONDS = 60
"""So long may a busy machine take to begin or end a server."""
BOUNDS = ("0.1", "0.5", "1", "+Inf")


@contextmanager
def served(handler: Handler, *, any_host: bool = False) -> Iterator[str]:
    """Serve `handler` on loopback in a thread and yield host:port."""
    listener = bind("127.0.0.1:0")
    loop = asyncio.new_event_loop()
    server = Server(handler, any_host=any_host)
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.listen(listener), loop).result(PATIENCE_SECONDS)
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        asyncio.run_coroutine_threadsafe(_ended(server), loop).result(PATIENCE_SECONDS)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


async def _ended(server: Server) -> None:
    """Close the server and whatever it still does."""
    await server.close(0.1)
    rest = asyncio.all_tasks() - {asyncio.current_task()}
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)


def value(service: str, moment: float) -> float:
    """Return what the fake Prometheus says of a service at a time."""
    return 10.0 * (SERVICES.index(service) + 1) + 5 * math.sin(moment / 60)


class FakePrometheus:
    """Three services with a value each; `le` in the query asks for buckets, a selector of `service` for some of them.

    `questions` counts what it was asked; `refuses` are queries that it takes for wrong.
    """

    def __init__(self) -> None:
        self.questions: Counter[str] = Counter()
        self.refuses = ("syntax error", "broken_query")

    async def __call__(self, request: Request) -> Response:
        self.questions[request.target] += 1
        path = request.path.removeprefix("/api/v1/")
        query = {name: values[-1] for name, values in request.query.items()}
        if path == "query_range":
            return self._result(query, "matrix")
        if path == "query":
            return self._result(query, "vector")
        return json_response({"status": "success", "data": self._other(path)})

    def _other(self, path: str) -> Any:
        if path.startswith("label/"):
            return list(SERVICES) if "__name__" not in path else ["up", "requests_total"]
        if path == "query_exemplars":
            return [{"seriesLabels": {"service": "alpha"}, "exemplars": []}]
        if path == "status/config":
            return {"yaml": "global:\n  scrape_interval: 5s\n"}
        return []

    def _result(self, query: dict[str, str], kind: str) -> Response:
        if any(each in query["query"] for each in self.refuses):
            return json_response({"status": "error", "errorType": "bad_data", "error": "parse error"}, 400)
        rows = [] if "nothing" in query["query"] else [self._entry(labels, query, kind) for labels in _labels(query)]
        return json_response({"status": "success", "data": {"resultType": kind, "result": rows}})

    def _entry(self, labels: dict[str, str], query: dict[str, str], kind: str) -> dict[str, Any]:
        def sample(moment: float) -> list[Any]:
            factor = BOUNDS.index(labels["le"]) + 1 if "le" in labels else 1
            return [moment, f"{value(labels['service'], moment) * factor:.6f}"]

        if kind == "vector":
            return {"metric": labels, "value": sample(float(query["time"]))}
        start, end, step = (float(query[name]) for name in ("start", "end", "step"))
        return {"metric": labels, "values": [sample(start + n * step) for n in range(round((end - start) / step) + 1)]}


def _labels(query: dict[str, str]) -> list[dict[str, str]]:
    match = re.search(r'service=~?"\(?([^)"]*)\)?"', query["query"])
    wish = [each for each in SERVICES if match is None or match[1] in (".*", "") or each in match[1].split("|")]
    if "_bucket" in query["query"]:
        return [{"__name__": "t_bucket", "service": wish[0], "le": bound} for bound in BOUNDS]
    return [{"__name__": "requests", "service": each} for each in wish]
