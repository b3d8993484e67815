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
    ids = tuple(trace_id(one, "cannot parse traceID param: ") for one in request.query.get("traceID", []))
    found = Search(query, _tags(request), ids)
    if not ids and not query.service:
        raise BadParameter("parameter 'service' is required")
    if most and least and most < least:
        raise BadParameter("'maxDuration' should be greater than 'minDuration'")
    return found


def dependencies_range(request: Request, now_ns: int) -> tuple[int, int]:
    """Read the time range of a question about dependencies, in nanoseconds."""
    until = _time(request, "endTs", 1_000_000, now_ns)
    lookback = _integer(text(request, "lookback") or str(DEPENDENCY_LOOKBACK_MS), "lookback")
    return until - lookback * 1_000_000, until


def text(request: Request, name: str) -> str:
    """Give the first value of a parameter, empty when there is none."""
    return request.query.get(name, [""])[0]


def trace_id(given: str, prefix: str = "") -> str:
    """Give 32 hex digits of a trace id that may be shorter; raise BadParameter."""
    if len(given) > 32:
        raise BadParameter(f"{prefix}TraceID cannot be longer than 32 hex characters: {given}")
    if not given or any(character not in "0123456789abcdefABCDEF" for character in given):
        wrong = given[: max(len(given) - 16, 0)] or given
        wrong = given[-16:] if _is_hex(wrong) else wrong
        raise BadParameter(f'{prefix}strconv.ParseUint: parsing "{wrong}": invalid syntax')
    return given.lower().rjust(32, "0")


def _is_hex(given: str) -> bool:
    return given != "" and all(character in "0123456789abcdefABCDEF" for character in given)


def found(reader: SpanReader, wanted: Search) -> list[list[Span]]:
    """Give the newest traces that are as wanted."""
    ids = list(_with_tags(reader, wanted)) if wanted.tags else reader.find(wanted.spans)
    return [spans for spans in (reader.trace(id) for id in ids) if spans]


def _with_tags(reader: SpanReader, wanted: Search) -> Iterator[str]:
    given: set[str] = set()
    for span in reader.spans(replace(wanted.spans, signs=signs(wanted.tags))):
        if span.trace_id not in given and has_tags(span, wanted.tags):
            given.add(span.trace_id)
            yield span.trace_id
            if len(given) == wanted.spans.limit:
                return


def has_tags(span: Span, wanted: tuple[tuple[str, str], ...]) -> bool:
    """Tell whether span, process or events carry every (key, value)."""
    there = {(one["key"], model.as_text(one)) for one in [*model.tags(span), *model.process(span)["tags"]]}
    there |= {(one["key"], model.as_text(one)) for log in model.converted(span)["logs"] for one in log["fields"]}
    return there.issuperset(wanted)


def _tags(request: Request) -> tuple[tuple[str, str], ...]:
    wanted: dict[str, str] = {}
    for one in request.query.get("tag", []):
        key, colon, value = one.partition(":")
        if not colon:
            raise BadParameter(f"malformed 'tag' parameter, expecting key:value, received: {one}")
        wanted[key] = value
    for many in request.query.get("tags", []):
        wanted |= _json_tags(many)
    return tuple(wanted.items())


def _json_tags(given: str) -> dict[str, str]:
    try:
        value = json.loads(given)
    except ValueError as failure:
        raise BadParameter(f"malformed 'tags' parameter, cannot unmarshal JSON: {failure}") from failure
    if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
        raise BadParameter("malformed 'tags' parameter, cannot unmarshal JSON: an object of strings is expected")
    return value


def _limit(request: Request) -> int:
    given = text(request, "limit")
    if not given:
        return DEFAULT_LIMIT
    number = _go_integer(given, 32)
    return number if number > 0 else 1 << 31


def _time(request: Request, name: str, unit_ns: int, default: int) -> int:
    given = text(request, name)
    return _integer(given, name) * unit_ns if given else default


def _integer(given: str, name: str) -> int:
    try:
        return _go_integer(given, 64)
    except BadParameter as failure:
        raise BadParameter(f"unable to parse param '{name}': {failure}") from failure


def _go_integer(given: str, bits: int) -> int:
    digits = given[1:] if given[:1] in ("-", "+") else given
    if not (digits.isascii() and digits.isdecimal()):
        raise BadParameter(f'strconv.ParseInt: parsing "{given}": invalid syntax')
    number = int(given)
    if not -(1 << (bits - 1)) <= number < 1 << (bits - 1):
        raise BadParameter(f'strconv.ParseInt: parsing "{given}": value out of range')
    return number


def _duration(request: Request, name: str) -> int:
    given = text(request, name)
    try:
        return round(durations.seconds(given) * 1e9)
    except ValueError as failure:
        raise BadParameter(f"unable to parse param '{name}': {failure}") from failure
