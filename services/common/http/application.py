"""The application of a service: FastAPI with the routes, errors and document that all services share."""

import copy
import functools
from typing import Any

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.routing import Match
from starlette.types import Scope

from services.common.http import auth, operations
from services.common.http.body_claims import BODY_LIMIT
from services.common.http.context import EdgeContext
from services.common.http.problems import MEDIA_TYPE, install
from services.common.http.schemas import Problem

_PROBLEM = {"$ref": "#/components/schemas/Problem"}
# What any operation may answer beside its own answers, so that the documents are complete.
COMMON_ANSWERS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": text}
    for status, text in {
        400: "The body is not JSON, or the request breaks a rule",
        401: "No token, or one that is not accepted",
        403: "Not allowed for this caller",
        404: "Not found",
        405: "The path has no such method",
        408: "The body did not come in time",
        409: "The current state does not allow it",
        413: "The body is too large",
        415: "The body is not application/json in UTF-8",
        417: "Something is expected that is not done here",
        422: "The input is malformed",
        429: "Too many requests; see Retry-After",
        500: "An internal error",
        503: "Something that this needs is unavailable; see Retry-After",
    }.items()
}


def build(runtime: EdgeContext, title: str, description: str = "") -> FastAPI:
    """Make a service's application, with the routes that every service has."""
    app = FastAPI(
        title=title,
        description=description,
        version="1.0.0",
        telemetry={"tracing": False, "metrics": False, "logs": False},
        max_body_size=BODY_LIMIT,
        responses=COMMON_ANSWERS,
        redirect_slashes=False,
        redoc_url=None,
        docs_url=None,
    )
    app.state.runtime = runtime
    install(app)
    operations.add(app, runtime)
    app.openapi = functools.cache(lambda: described(app))  # type: ignore[method-assign]
    return app


def find_route(app: FastAPI, scope: Scope) -> str:
    """Return the template of the route that a request is for, before or without the router's having done so."""
    by_match: dict[Match, str] = {}
    for route in iter_route_contexts(app.routes):
        by_match.setdefault(route.matches(scope)[0], route.path or "")
    return by_match.get(Match.FULL) or by_match.get(Match.PARTIAL, "")


def described(app: FastAPI) -> dict[str, Any]:
    """Return the document that FastAPI makes, with what it cannot know: errors' media type, optional tokens."""
    document = copy.deepcopy(FastAPI.openapi(app))
    for item in document["paths"].values():
        for operation in item.values():
            _correct_security(operation)
            for status, answer in operation["responses"].items():
                if status[:1] in "45":
                    _correct(answer)
    schemes = document["components"].get("securitySchemes", {})
    if optional := schemes.pop(auth.OPTIONAL, None):
        schemes[auth.REQUIRED] = optional
    document["components"]["schemas"].pop("HTTPValidationError", None)
    document["components"]["schemas"].pop("ValidationError", None)
    return document


def _correct_security(operation: dict[str, Any]) -> None:
    if "security" in operation:
        is_required = {auth.REQUIRED: []} in operation["security"]
        operation["security"] = [{auth.REQUIRED: []}] if is_required else [{auth.REQUIRED: []}, {}]


def _correct(answer: dict[str, Any]) -> None:
    content = answer.setdefault("content", {})
    plain = content.get("application/json", {}).get("schema", {})
    if plain.get("$ref") == _PROBLEM["$ref"]:
        del content["application/json"]
    content[MEDIA_TYPE] = {"schema": _PROBLEM}
