"""`http`: a request to a service, what its answer must be, and what is captured of it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from devctl.manifest.smoke import HttpExpect
from devctl.smoke import client
from devctl.smoke.check import CheckContext, CheckFailed, secret_values
from devctl.smoke.values import NotThere, compare_seconds, first, matches, select, text_of
from devctl.text import clean, duration

if TYPE_CHECKING:
    import httpx

    from devctl.manifest.smoke import HttpStep, Step

SHOWN_BODY = 500
HEADER = "header "


def run(step: Step, request: HttpStep, context: CheckContext) -> None:
    """Send the request until the answer is right for as long as `within` allows; capture what is named."""
    expect = step.expect or HttpExpect()

    def attempt() -> None:
        answer, seconds = send(request, context)
        check_answer(answer, seconds, expect, request.service, context)
        for name, path in step.capture.items():
            context.capture(name, _captured(answer, path, request.service))

    for number in range(step.repeat):
        try:
            context.until(step.within or 0.0, attempt)
        except CheckFailed as failure:
            if step.repeat == 1:
                raise
            raise failure.within(f"request {number + 1} of {step.repeat}") from None
        if time.monotonic() > context.deadline:
            message = f"only {number + 1} of {step.repeat} requests in time"
            raise CheckFailed(message, service=request.service, is_slow=True)


def send(request: HttpStep, context: CheckContext) -> tuple[httpx.Response, float]:
    """Return the answer and the seconds that it took."""
    import httpx

    service = context.fill(request.service)
    headers = {**context.fill(request.headers), "traceparent": context.origin.traceparent()}
    url = f"http://{context.stack.address(service, request.port)}{context.fill(request.path)}"
    content: dict[str, Any] = {"content": context.fill(request.body)} if request.body else {}
    if request.json is not None:
        content = {"json": context.fill(request.json)}
    began = time.monotonic()
    try:
        answer = _client(context).request(request.method, url, headers=headers, **content)
    except httpx.HTTPError as error:
        reason = str(error) or type(error).__name__
        raise CheckFailed(f"{service} does not answer at {url}: {reason}", service=service) from error
    context.secrets |= secret_values(_json(answer))
    return answer, time.monotonic() - began


def _client(context: CheckContext) -> httpx.Client:
    """Return a client that keeps its connections for the check; none goes through a proxy, cookies are kept."""
    if context.http_client is None:
        context.http_client = client.new()
    return context.http_client


def check_answer(
    answer: httpx.Response, seconds: float, expect: HttpExpect, service: str, context: CheckContext
) -> None:
    """Raise CheckFailed unless the answer is as `expect` says."""
    right = answer.status_code in expect.status if expect.status else answer.is_success
    if not right:
        statuses = " or ".join(map(str, expect.status)) or "2xx"
        raise CheckFailed(
            f"status {answer.status_code}, expected {statuses}; {_body(answer)}",
            service=service,
            status=answer.status_code,
        )
    for path, expected in expect.json.items():
        _check_path(answer, path, context.fill(expected), service)
    for name, expected in expect.headers.items():
        actual = answer.headers.get(name)
        if actual is None or (expected != "*" and context.fill(expected) not in actual):
            raise CheckFailed(f"header {name} is {actual!r}, expected {expected!r}", service=service)
    for text in expect.contains:
        if context.fill(text) not in answer.text:
            raise CheckFailed(f"the body does not contain {text!r}; {_body(answer)}", service=service)
    if expect.duration and not compare_seconds(expect.duration, seconds):
        raise CheckFailed(f"it took {duration(seconds)}, expected {expect.duration}", service=service, is_slow=True)


def _check_path(answer: httpx.Response, path: str, expected: Any, service: str) -> None:
    values = select(_json(answer), path)
    if not any(matches(expected, value) for value in values):
        seen = ", ".join(text_of(value)[:100] for value in values[:5]) or "nothing"
        raise CheckFailed(f"{path} is {seen}, expected {text_of(expected)}; {_body(answer)}", service=service)


def _captured(answer: httpx.Response, path: str, service: str) -> str:
    if path.startswith(HEADER):
        name = path.removeprefix(HEADER)
        if name not in answer.headers:
            raise CheckFailed(f"no header {name} to capture", service=service)
        return str(answer.headers[name])
    try:
        return text_of(first(_json(answer), path))
    except NotThere as error:
        raise CheckFailed(f"{error} to capture; {_body(answer)}", service=service) from None


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _body(answer: httpx.Response) -> str:
    text = clean(answer.text[:SHOWN_BODY])
    return f"the answer was {text}" if text else "the answer was empty"
