"""Which address is answered how: Grafana's addresses, the page's own, and nothing that changes anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from devctl.http.server import Request, Response
from devctl.web import explore, files, grafana_api, stack_api
from devctl.web.board_api import BoardApi, NotHere
from devctl.web.boards.library import Library
from devctl.web.data.prometheus import Prometheus, Refused
from devctl.web.metrics import exposition
from devctl.web.stack import Nothing, StackRecord

NAME = "devctl's board viewer, embedded in place of Grafana"
PAGES = ("d", "d-solo", "dashboards", "traces", "trace", "logs", "services", "journey", "map", "alerting")
"""First parts of the addresses that the page itself draws."""

Answer = Callable[[Request], Awaitable[Response]]


class Application:
    """Answers every request."""

    def __init__(
        self, library: Library, prometheus: Prometheus, record: StackRecord | None, chart: Callable[[], Path | None]
    ) -> None:
        self._prometheus = prometheus
        self._chart = chart
        self._boards = BoardApi(library, prometheus, record)
        self._record = record

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        if request.method not in ("GET", "HEAD") and (request.method, request.path) != ("POST", "/api/ds/query"):
            return problem(405, "this viewer changes nothing: only GET, and POST of /api/ds/query")
        if request.method == "POST" and not _is_same_site(request):
            return problem(403, "a query of another site is not answered")
        try:
            return await self._answer(request)
        except NotHere as error:
            return problem(404, str(error))
        except (Nothing, Refused) as error:
            return problem(422, str(error))
        except ValueError as error:
            return problem(400, str(error))

    async def _answer(self, request: Request) -> Response:
        match request.path.strip("/").split("/"):
            case [""]:
                return Response(302, b"", headers=[("Location", self._boards.home()), *files.HEADERS])
            case ["static", *rest]:
                return files.static(request, "/".join(rest))
            case ["lib", name]:
                return files.library(request, name, self._chart())
            case ["metrics"]:
                return Response(200, exposition(self._prometheus), "text/plain; version=0.0.4; charset=utf-8")
            case ["api", *rest]:
                return await self._api(request, rest)
            case ["explore"]:
                return Response(302, b"", headers=[("Location", explore.address(request.query)), *files.HEADERS])
            case [first, *_] if first in PAGES:
                return files.page(request)
        return problem(404, f"there is nothing here: this is {NAME}")

    async def _api(self, request: Request, path: list[str]) -> Response:
        match path:
            case ["health"]:
                return answer(grafana_api.health(NAME))
            case ["search"]:
                return answer(self._boards.search(request.query))
            case ["dashboards", "uid", uid]:
                return answer(self._boards.document(uid))
            case ["ds", "query"] if request.method == "POST":
                return answer(await grafana_api.query(_body(request), self._prometheus))
            case ["viewer", "boards", uid]:
                return answer(await self._boards.board(uid, request.query))
            case ["viewer", "boards", uid, "panels", panel]:
                return answer(await self._boards.panel(uid, panel, request.query))
            case ["viewer", "boards", uid, "annotations"]:
                return answer(await self._boards.annotations(uid, request.query))
            case ["viewer", "stack", *rest] if self._record:
                return answer(await asyncio.to_thread(stack_api.read, self._record, rest, request.query))
        return problem(404, f"/api/{'/'.join(path)} is not here: this is {NAME}")


def answer(value: Any) -> Response:
    """Return a value as JSON. Numbers that JSON does not know never get so far."""
    body = json.dumps(value, separators=(",", ":"), allow_nan=False).encode()
    return Response(200, body, "application/json", [*files.HEADERS, ("Cache-Control", "no-store")])


def problem(status: int, message: str) -> Response:
    """Return what is wrong in the shape of Grafana's API."""
    body = json.dumps({"message": message, "status": status}).encode()
    return Response(status, body, "application/json", list(files.HEADERS))


def _is_same_site(request: Request) -> bool:
    """Tell whether the page itself or a program asks: another site's page says where it is from, and can send no JSON
    without being asked about first."""
    origin = request.headers.get("origin", "")
    is_own = not origin or origin.partition("://")[2] == request.headers.get("host", "")
    return is_own and request.headers.get("content-type", "").startswith("application/json")


def _body(request: Request) -> Mapping[str, Any]:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise ValueError("the body is no JSON") from None
    if not isinstance(body, dict):
        raise ValueError("the body is no JSON object")
    return body
