"""The routes that every service has beside its business: health, metrics, faults, its document to read."""

import json
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import HTMLResponse

from services.common.http.context import EdgeContext
from services.common.http.faults import Fault, FaultList
from services.common.http.health import Live, Ready
from services.common.http.problems import ProblemError
from services.common.runtime import metrics


def add(app: FastAPI, runtime: EdgeContext) -> None:
    """Add the operational routes to an application."""
    name = runtime.settings.service

    @app.get("/health/live", tags=["operations"], operation_id=f"{name}_live")
    async def live() -> Live:
        """Say that the process runs."""
        return Live(service=name)

    @app.get(
        "/health/ready",
        tags=["operations"],
        operation_id=f"{name}_ready",
        responses={503: {"model": Ready, "description": "Not ready"}},
    )
    async def ready(response: Response) -> Ready:
        """Say whether the service can work; only its own database can make this a 503."""
        state = await runtime.readiness()
        response.status_code = 200 if state.status == "ready" else 503
        return state

    @app.get("/metrics", include_in_schema=False)
    async def metrics_page() -> Response:
        return Response(runtime.metrics_page(), media_type=metrics.CONTENT_TYPE)

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        return page(document_page(app.openapi()))

    if runtime.faults.is_allowed:
        _add_faults(app, runtime)


def _add_faults(app: FastAPI, runtime: EdgeContext) -> None:
    async def check(request: Request) -> None:
        """Faults are for development: with FAULTS=on whoever reaches the service's own port may set them."""
        if "forwarded-by-gateway" in request.headers:
            raise ProblemError(404, "not_found")

    @app.get("/faults", tags=["faults"], include_in_schema=False)
    async def show(request: Request) -> FaultList:
        await check(request)
        return runtime.faults.state()

    @app.put("/faults", tags=["faults"], include_in_schema=False)
    async def put(request: Request, faults: list[Fault]) -> FaultList:
        await check(request)
        runtime.faults.replace(faults)
        await runtime.apply_faults()
        return runtime.faults.state()

    @app.delete("/faults", tags=["faults"], status_code=204, include_in_schema=False)
    async def clear(request: Request) -> None:
        await check(request)
        runtime.faults.replace([])


def page(html: str, may_ask: str = "'self'") -> HTMLResponse:
    """Answer with a page that holds all it needs; the browser loads nothing else, and asks `may_ask` alone."""
    policy = (
        "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:; "
        f"connect-src {may_ask}; base-uri 'none'; frame-ancestors 'none'"
    )
    return HTMLResponse(html, headers={"content-security-policy": policy})


def document_page(document: dict[str, Any]) -> str:
    """Return an OpenAPI document as a page that needs nothing from the network."""
    from html import escape

    title = escape(document["info"]["title"])
    data = json.dumps(document).replace("<", "\\u003c")  # so that no text in it can end the element that holds it
    template = Path(__file__).with_name("docs.html").read_text()
    return template.replace("{{title}}", title).replace("{{document}}", data)
