"""One declared check at work: its trace, its variables, its steps in order."""

from __future__ import annotations

import re
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from devctl.errors import DevctlError
from devctl.masking import is_secret
from devctl.smoke.values import Variables
from devctl.text import duration

if TYPE_CHECKING:
    import httpx

    from devctl.manifest.smoke import Check, Step
    from devctl.smoke.stack import RunningStack

TELEMETRY_SECONDS = 10.0  # an SDK exports twice a second here, 5 s where its own default holds; and a slow machine
POLL_SECONDS = 0.15


class CheckFailed(AssertionError):
    """A step did not hold; `service` is the one that it speaks of, `status` the answer that was wrong."""

    def __init__(self, message: str, *, service: str = "", status: int = 0, is_slow: bool = False) -> None:
        super().__init__(message)
        self.service = service
        self.status = status
        self.is_slow = is_slow

    def within(self, where: str) -> CheckFailed:
        """Return the same failure with where it was before it."""
        return CheckFailed(f"{where}: {self}", service=self.service, status=self.status, is_slow=self.is_slow)


class Origin:
    """The trace of one check: each request gets a parent of its own in it."""

    def __init__(self) -> None:
        self.trace_id = secrets.token_hex(16)
        self.began_ns = time.time_ns()

    def traceparent(self) -> str:
        """Return the header for the next request (W3C Trace Context, sampled)."""
        return f"00-{self.trace_id}-{secrets.token_hex(8)}-01"


class CheckContext:
    """What the steps of one attempt at a check share."""

    def __init__(self, stack: RunningStack, environ: Mapping[str, str], timeout_seconds: float = 60.0) -> None:
        self.stack = stack
        self.origin = Origin()
        self.variables = Variables(environ, {"uuid": str(uuid.uuid4()), "trace_id": self.origin.trace_id})
        self.deadline = time.monotonic() + timeout_seconds
        self.secrets: set[str] = set()
        self.is_lost: Callable[[], str] = str
        self.http_client: httpx.Client | None = None

    def close(self) -> None:
        """Let go of the connections."""
        if self.http_client is not None:
            self.http_client.close()

    def fill(self, value: Any) -> Any:
        """Return `value` with the variables filled in; what stands under a secret's name is remembered as one."""
        filled = self.variables.fill(value)
        self.secrets |= secret_values(filled)
        return filled

    def capture(self, name: str, value: str) -> None:
        """Keep a value for later steps."""
        self.variables.captured[name] = value
        self.secrets |= secret_values(value, name)

    def until(self, within: float | None, attempt: Callable[[], None]) -> None:
        """Try until `attempt` raises no CheckFailed, for `within` seconds and never past the check's own time."""
        end = min(time.monotonic() + (TELEMETRY_SECONDS if within is None else within), self.deadline)
        while True:
            try:
                return attempt()
            except CheckFailed:
                if time.monotonic() >= end or self.is_lost():
                    raise
            time.sleep(POLL_SECONDS)


SHORTEST_SECRET = 8  # shorter values stand in texts by chance


def secret_values(document: Any, name: str = "") -> set[str]:
    """Return the values under secret names (`password`, `accessToken`) in a document."""
    if isinstance(document, dict):
        return {value for key, item in document.items() for value in secret_values(item, str(key))}
    if isinstance(document, list):
        return {value for item in document for value in secret_values(item, name)}
    if isinstance(document, str) and is_secret(_snake(name)) and is_telling(_snake(name), document):
        return {document.removeprefix("Bearer ")}
    return set()


SHORTEST_WORD = 12  # `changeme` stands in texts by chance too
_TELLING_NAME = re.compile(
    r"(?i)pass|pwd|secret|cred|dsn|tokens?(?:_value)?$|(?:api|access|private|signing|master|auth)_?key"
)
_OPEN_NAME = re.compile(
    r"(?i)page|cursor|continuation|next|_(?:type|at|in|name|ids?|count|ur[il]|expir\w*|policy|hint|length)$"
)
"""What pages through a list, and what is said about a secret: `nextPageToken`, `token_type`, `passwordChangedAt`."""


def is_telling(name: str, value: str) -> bool:
    """Tell whether a value under a secret's name is that secret wherever it turns up. A plain word, and the key of an
    entry (`{"key": "customer-17"}`), stand elsewhere without any harm."""
    if len(value) < SHORTEST_SECRET or (value.isalpha() and len(value) < SHORTEST_WORD):
        return False
    return bool(_TELLING_NAME.search(name)) and not _OPEN_NAME.search(name)


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).replace("-", "_")


def run(check: Check, context: CheckContext) -> None:
    """Run the steps of a check; CheckFailed names the first that does not hold."""
    for number, step in enumerate(check.steps, 1):
        if time.monotonic() > context.deadline:
            late = f"not done after {duration(check.timeout)}, before step {number} ({title(step)})"
            raise CheckFailed(late, is_slow=True)
        try:
            run_step(step, context)
        except CheckFailed as failure:
            raise failure.within(f"step {number} ({title(step)})") from None
        except (DevctlError, ValueError, re.error) as error:
            raise CheckFailed(f"step {number} ({title(step)}): {error}") from error


def run_step(step: Step, context: CheckContext) -> None:
    """Run one step."""
    from devctl.smoke.steps import event, http, log, metric, trace

    if step.http is not None:
        http.run(step, step.http, context)
    elif step.event is not None:
        event.run(step.event, context, step.within)
    elif step.log is not None:
        log.run(step.log, context, step.within)
    elif step.metric is not None:
        metric.run(step.metric, context, step.within)
    elif step.trace is not None:
        trace.run(step.trace, context, step.within)


def title(step: Step) -> str:
    """Return a step in a few words."""
    if step.http is not None:
        times = f", {step.repeat} times" if step.repeat > 1 else ""
        return f"{step.http.method} {step.http.service}{step.http.path}{times}"
    if step.event is not None:
        return f"event on {step.event.topic}"
    if step.log is not None:
        return f"log of {step.log.service or 'any service'}"
    if step.metric is not None:
        return f"metric {step.metric.query}"
    select = step.trace.select if step.trace else None
    return f"trace: {select.service or 'any service'} {select.name}".rstrip() if select else "nothing"
