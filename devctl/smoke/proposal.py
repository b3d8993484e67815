"""Declared checks and a contract as a recorded run suggests them, as YAML for a person to keep or change. Pure.

A record holds no bodies and no tokens: what needs one is listed as a comment.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from devctl.record import secrets
from devctl.smoke.contract import calls_of, is_fault
from devctl.smoke.report.coverage import DOCUMENT
from devctl.text import clean

if TYPE_CHECKING:
    from devctl.record.lines import Line
    from devctl.record.spans import Span

FOREVER_NS = (1 << 63) - 1
SERVER, PRODUCER, CONSUMER = 2, 4, 5  # opentelemetry.proto.trace.v1.Span.SpanKind
RESOURCE = ("service.name", "service.instance.id", "service.version")
PLAIN = re.compile(r"[A-Za-z/][\w./-]*(?: [A-Za-z/][\w./{}-]*)*")
"""Text that YAML takes as text without quotes, also between braces unless it has some."""
WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n", "~"})


@dataclass(slots=True)
class Requests:
    """The answers to requests from outside, by service, method and path; `others` need what no record holds."""

    plain: dict[tuple[str, str], Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    others: dict[tuple[str, str], Counter[int]] = field(default_factory=lambda: defaultdict(Counter))


def document(run: str, spans: Sequence[Span], lines: Iterable[Line], services: Sequence[str]) -> str:
    """Return the section `smoke:` of a stack.yaml; `services` are the project's own."""
    requests = _requests(spans, services)
    spans = [span for span in spans if span.attributes.get("url.path") != DOCUMENT]
    spans_of_services = [span for span in spans if span.service in services]
    text = [f"# Proposed from run {run}: keep what is right, change what is not.", "smoke:"]
    if requests.plain or requests.others:
        text += ["  checks:" if requests.plain else "  checks: []", *_checks(requests)]
    text += ["  contract:", *_contract(spans_of_services, list(lines), services)] if spans_of_services else []
    return "\n".join(text) + "\n"


def _requests(spans: Sequence[Span], services: Sequence[str]) -> Requests:
    """Sort what came from outside: a GET of one fixed path can be asked again, unless it was refused to somebody."""
    spans_here = {(span.trace_id, span.span_id) for span in spans}
    requests = Requests()
    for span in spans:
        status = str(span.attributes.get("http.response.status_code", ""))
        is_outside = (span.trace_id, span.parent_id) not in spans_here
        if span.kind != SERVER or span.service not in services or not is_outside or not status.isdigit():
            continue
        method, path = str(span.attributes.get("http.request.method", "")), str(span.attributes.get("url.path", ""))
        route = str(span.attributes.get("http.route", path))
        is_plain = method == "GET" and route == path and path.startswith("/") and not secrets.unbounded(path)
        target = requests.plain if is_plain else requests.others
        target[span.service, path if is_plain else f"{method} {route}"][int(status)] += 1
    for key in [key for key, statuses in requests.plain.items() if statuses.keys() & {401, 403, 404}]:
        requests.others[key[0], f"GET {key[1]}"] += requests.plain.pop(key)
    return requests


def _checks(requests: Requests) -> Iterator[str]:
    for (service, path), statuses in sorted(requests.plain.items()):
        ((status, _),) = statuses.most_common(1)
        yield f"    - name: {_text(f'{service} answers GET {path}')}"
        yield "      steps:"
        literal = path.replace("$", "$$")  # no variable
        step = {"http": {"service": service, "path": literal}, "expect": {"status": status}}
        yield f"        - {_flow(step)}"
    if requests.others:
        yield "    # Seen as well; they need a body, a token or an id, which no record holds:"
    for (service, what), statuses in sorted(requests.others.items()):
        answers = ", ".join(f"{status} ({number} ×)" for status, number in sorted(statuses.items()))
        yield f"    #   {clean(service)}: {clean(what)} → {answers}"


def _contract(spans: Sequence[Span], lines: Sequence[Line], services: Sequence[str]) -> Iterator[str]:
    """Yield what every service showed under `*`, then what each showed for itself."""
    sending = sorted({span.service for span in spans})
    common: dict[str, Any] = {}
    resource = [key for key in RESOURCE if all(key in span.resource_attributes for span in spans)]
    with_trace = {line.service for line in lines if line.parsed.trace_id}
    if resource and len(sending) == len(services):
        common["resource"] = resource
    if with_trace >= set(services):
        common["logs"] = {"fields": ["trace_id"]}
    if never := _never(spans, lines):
        common["never"] = never
    if common:
        yield f'    "*": {_flow(common)}'
    calls = calls_of(spans)
    for service in sending:
        if entry := _of_service(service, spans, calls, with_trace if "logs" not in common else set()):
            yield f"    {_text(service)}: {_flow(entry)}"


def _of_service(
    service: str, spans: Iterable[Span], calls: Iterable[tuple[str, str, str]], with_trace: set[str]
) -> dict[str, Any]:
    kinds = (SERVER, PRODUCER, CONSUMER)
    names = {span.name for span in spans if span.service == service and span.kind in kinds}
    named = sorted(name for name in names if not secrets.unbounded(name))
    called = sorted(f"{to} via {topic}" if topic else to for caller, to, topic in calls if caller == service)
    entry: dict[str, Any] = {"spans": named, "calls": called}
    if service in with_trace:
        entry["logs"] = {"fields": ["trace_id"]}
    return {key: value for key, value in entry.items() if value}


def _never(spans: Iterable[Span], lines: Iterable[Line]) -> dict[str, bool]:
    """Return what was never seen, and so shall never be."""
    span_list = list(spans)
    seen = {
        "errors": any(is_fault(span) for span in span_list),
        "secrets": any(any(secrets.find(line.text)) for line in lines),
        "unbounded": any(secrets.unbounded(span.name) for span in span_list),
    }
    return {what: True for what, is_seen in seen.items() if not is_seen}


# YAML on one line


def _flow(value: Any) -> str:
    """Return plain data as YAML's flow style, quoted only where it must be."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_text(str(key))}: {_flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, Sequence):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value)


def _text(value: str) -> str:
    """Return a text as YAML, in quotes unless it can only be read as that text."""
    is_plain = PLAIN.fullmatch(value) and value.lower() not in WORDS and not set(value) & set("{}")
    return value if is_plain else json.dumps(clean(value), ensure_ascii=False)
