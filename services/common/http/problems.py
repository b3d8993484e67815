"""Errors on their way out: problem details (RFC 9457) with a member `error`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Match

from services.common.data.database import is_unavailable
from services.common.runtime.telemetry import current_trace_id

MEDIA_TYPE = "application/problem+json"
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_SET_BY_ROUTER = frozenset({"fastapi", "route", "endpoint", "path_params"})


class ProblemError(Exception):
    """An error for the caller: a status, a short code, and what to do about it."""

    def __init__(
        self,
        status: int,
        error: str,
        detail: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(f"{status} {error}: {detail}")
        self.status, self.error, self.detail = status, error, detail
        self.headers, self.members = dict(headers or {}), members


class ExactError(Exception):
    """An error whose body a contract fixes to the letter: `{"error": …}` and nothing else."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(f"{status} {error}")
        self.status, self.error = status, error


INTERNAL_ERROR = ProblemError(500, "internal_error", "Something went wrong here; the trace tells more")


def unavailable(what: str, retry_after_seconds: int = 1) -> ProblemError:
    """Say that something this call needs is away: 503 with Retry-After."""
    return ProblemError(
        503,
        "unavailable",
        f"{what} does not answer; try again shortly",
        headers={"Retry-After": str(retry_after_seconds)},
    )


def problem_body(status: int, error: str, detail: str, path: str, **members: Any) -> dict[str, Any]:
    """Return the members of a problem document."""
    body = {
        "type": "about:blank",
        "title": _title(status),
        "status": status,
        "detail": detail,
        "instance": path,
        "error": error,
    }
    trace_id = current_trace_id()
    return body | ({"traceId": trace_id} if trace_id else {}) | members


def problem_response(problem: ProblemError, path: str) -> Response:
    """Return the problem as an answer."""
    body = problem_body(problem.status, problem.error, problem.detail, path, **problem.members)
    return JSONResponse(body, problem.status, problem.headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of an application with a problem document."""
    app.add_exception_handler(ProblemError, _on_problem)
    app.add_exception_handler(ExactError, _on_exact)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(Exception, _on_unexpected)


async def _on_unexpected(request: Request, error: Exception) -> Response:
    """Answer for an internal error or an unavailable database; the middleware logs the exception."""
    return problem_response(unavailable("The database") if is_unavailable(error) else INTERNAL_ERROR, request.url.path)


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"


async def _on_problem(request: Request, problem: Exception) -> Response:
    assert isinstance(problem, ProblemError)
    return problem_response(problem, request.url.path)


async def _on_exact(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ExactError)
    return JSONResponse({"error": error.error}, error.status)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    error_code = _title(error.status_code).lower().replace(" ", "_")
    headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
    problem = ProblemError(error.status_code, error_code, str(error.detail), headers=headers)
    return problem_response(problem, request.url.path)


def _allowed(request: Request) -> str:
    """Name the methods of a path by all its routes: the router knows only those of the first that fits."""
    scope = {key: value for key, value in request.scope.items() if key not in _SET_BY_ROUTER}
    routes = request.app.router.routes
    allowed = (
        method for method in METHODS if any(r.matches({**scope, "method": method})[0] is Match.FULL for r in routes)
    )
    return ", ".join(allowed)


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    mistakes = [_mistake(entry) for entry in error.errors()[:20]]
    if any(entry["code"] == "json_invalid" for entry in mistakes):
        return problem_response(ProblemError(400, "not_json", "The body is not JSON"), request.url.path)
    detail = "; ".join(f"{entry['field']}: {entry['message']}" for entry in mistakes[:3])
    return problem_response(ProblemError(422, "invalid", detail, errors=mistakes), request.url.path)


def _mistake(entry: Mapping[str, Any]) -> dict[str, str]:
    """Keep field, message and code of a mistake; never the value, which may be a secret."""
    where = ".".join(_printable(part) for part in entry["loc"])
    return {"field": where, "message": _printable(entry["msg"]), "code": entry["type"]}


def _printable(part: object) -> str:
    return str(part).encode("utf-8", "replace").decode()[:200]
