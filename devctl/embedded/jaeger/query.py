"""What can be asked: the parameters of Jaeger's search, read as Jaeger reads them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace

from devctl.embedded import durations
from devctl.embedded.jaeger import model
from devctl.embedded.jaeger.signs import signs
from devctl.http.server import Request
from devctl.record.span_query import SpanQuery
from devctl.record.spans import Span, SpanReader

DEFAULT_LIMIT = 100
DEFAULT_LOOKBACK_NS = 48 * 3600 * 10**9
DEPENDENCY_LOOKBACK_MS = 24 * 3600 * 1000
FOREVER_NS = (1 << 63) - 1


class BadParameter(Exception):
    """A parameter cannot be read; the message is what Jaeger would say."""


@dataclass(frozen=True)
class Search:
    """Which traces are looked for: by their ids, or by one span that is as described."""

    spans: SpanQuery
    tags: tuple[tuple[str, str], ...]
    trace_ids: tuple[str, ...]


def search(request: Request, now_ns: int) -> Search:
    """Read the parameters of a search; raise BadParameter."""
    least, most = _duration(request, "minDuration"), _duration(request, "maxDuration")
    query = SpanQuery(
        service=text(request, "service"),
        operation=text(request, "operation"),
        since_ns=_time(request, "start", 1000, now_ns - DEFAULT_LOOKBACK_NS),
        until_ns=_time(request, "end", 1000, now_ns),
        min_duration_ns=least,
        max_duration_ns=most or FOREVER_NS,
        limit=_limit(request),
    )
    ids = tuple(trace_id(text_id, "cannot parse traceID param: ") for text_id in request.query.get("traceID", []))
    result = Search(query, _tags(request), ids)
    if not ids and not query.service:
        raise BadParameter("parameter 'service' is required")
    if most and least and most < least:
        raise BadParameter("'maxDuration' should be greater than 'minDuration'")
    return result


def dependencies_range(request: Request, now_ns: int) -> tuple[int, int]:
    """Read the time range of a question about dependencies, in nanoseconds."""
    until = _time(request, "endTs", 1_000_000, now_ns)
    lookback = _integer(text(request, "lookback") or str(DEPENDENCY_LOOKBACK_MS), "lookback")
    return until - lookback * 1_000_000, until


def text(request: Request, name: str) -> str:
    """Return the first value of a parameter, empty when there is none."""
    return request.query.get(name, [""])[0]


def trace_id(text: str, prefix: str = "") -> str:
    """Return 32 hex digits of a trace id that may be shorter; raise BadParameter."""
    if len(text) > 32:
        raise BadParameter(f"{prefix}TraceID cannot be longer than 32 hex characters: {text}")
    if not text or any(character not in "0123456789abcdefABCDEF" for character in text):
        wrong = text[: max(len(text) - 16, 0)] or text
        wrong = text[-16:] if _is_hex(wrong) else wrong
        raise BadParameter(f'{prefix}strconv.ParseUint: parsing "{wrong}": invalid syntax')
    return text.lower().rjust(32, "0")


def _is_hex(text: str) -> bool:
    return text != "" and all(character in "0123456789abcdefABCDEF" for character in text)


def find_traces(reader: SpanReader, search: Search) -> list[list[Span]]:
    """Return the newest traces that are as wanted."""
    ids = list(_with_tags(reader, search)) if search.tags else reader.find(search.spans)
    return [spans for spans in (reader.trace(id) for id in ids) if spans]


def _with_tags(reader: SpanReader, search: Search) -> Iterator[str]:
    yielded: set[str] = set()
    for span in reader.spans(replace(search.spans, signs=signs(search.tags))):
        if span.trace_id not in yielded and has_tags(span, search.tags):
            yielded.add(span.trace_id)
            yield span.trace_id
            if len(yielded) == search.spans.limit:
                return


def has_tags(span: Span, pairs: tuple[tuple[str, str], ...]) -> bool:
    """Tell whether span, process or events carry every (key, value)."""
    there = {(tag["key"], model.as_text(tag)) for tag in [*model.tags(span), *model.process(span)["tags"]]}
    there |= {(tag["key"], model.as_text(tag)) for log in model.converted(span)["logs"] for tag in log["fields"]}
    return there.issuperset(pairs)


def _tags(request: Request) -> tuple[tuple[str, str], ...]:
    pairs: dict[str, str] = {}
    for parameter in request.query.get("tag", []):
        key, colon, value = parameter.partition(":")
        if not colon:
            raise BadParameter(f"malformed 'tag' parameter, expecting key:value, received: {parameter}")
        pairs[key] = value
    for many in request.query.get("tags", []):
        pairs |= _json_tags(many)
    return tuple(pairs.items())


def _json_tags(text: str) -> dict[str, str]:
    try:
        value = json.loads(text)
    except ValueError as failure:
        raise BadParameter(f"malformed 'tags' parameter, cannot unmarshal JSON: {failure}") from failure
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise BadParameter("malformed 'tags' parameter, cannot unmarshal JSON: an object of strings is expected")
    return value


def _limit(request: Request) -> int:
    value = text(request, "limit")
    if not value:
        return DEFAULT_LIMIT
    number = _go_integer(value, 32)
    return number if number > 0 else 1 << 31


def _time(request: Request, name: str, unit_ns: int, default: int) -> int:
    value = text(request, name)
    return _integer(value, name) * unit_ns if value else default


def _integer(value: str, name: str) -> int:
    try:
        return _go_integer(value, 64)
    except BadParameter as failure:
        raise BadParameter(f"unable to parse param '{name}': {failure}") from failure


def _go_integer(value: str, bits: int) -> int:
    digits = value[1:] if value[:1] in ("-", "+") else value
    if not (digits.isascii() and digits.isdecimal()):
        raise BadParameter(f'strconv.ParseInt: parsing "{value}": invalid syntax')
    number = int(value)
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise BadParameter(f'strconv.ParseInt: parsing "{value}": value out of range')
    return number


def _duration(request: Request, name: str) -> int:
    value = text(request, name)
    try:
        return round(durations.seconds(value) * 1e9)
    except ValueError as failure:
        raise BadParameter(f"unable to parse param '{name}': {failure}") from failure
