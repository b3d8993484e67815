"""The engine's classic builder: sends it the context, follows its steps, and reads what went wrong."""

from __future__ import annotations

import contextlib
import re
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from devctl.engine.builder import LAST_LINES, Failure, How, Report
from devctl.engine.context import BuildContext
from devctl.engine.images import Progress

if TYPE_CHECKING:
    from docker import APIClient

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # which the builder puts around what came on stderr
_TALK = (" ---> ", "Removing intermediate container ", "Successfully ")
_STEP = re.compile(r"Step (\d+)/(\d+) : (.*)")


def build(api: APIClient, context: BuildContext, how: How, report: Report) -> Failure | None:
    """Build by the engine itself; return what went wrong."""
    from docker.errors import APIError

    lines, current = deque[str](maxlen=LAST_LINES), (0, "")
    try:
        for item in _answers(api, context, how):
            if error := item.get("error"):
                number, step = current
                return Failure(str(error), step, _line_of(context, number, step), tuple(lines))
            for line in str(item.get("stream", "")).splitlines():
                if match := _STEP.fullmatch(line):
                    current = (int(match[1]), match[3])
                    lines.clear()
                    report(Progress(f"step {match[1]}/{match[2]}: {match[3]}"))
                elif text := _output(line):
                    lines.append(text)
    except APIError as error:
        return Failure(str(error.explanation or error))
    return None


def _answers(api: APIClient, context: BuildContext, how: How) -> Iterator[Mapping[str, Any]]:
    order = context.build
    with contextlib.closing(context.archive()) as archive:
        yield from api.build(
            fileobj=archive, custom_context=True, dockerfile=context.name_inside, tag=order.image, decode=True,
            buildargs=dict(order.args), target=order.target or None, network_mode=order.network or None,
            labels=dict(how.labels), nocache=how.force, rm=True, forcerm=True, timeout=None, use_config_proxy=True,
        )  # fmt: skip


def _output(line: str) -> str:
    """Return what a step wrote, empty for what the builder says itself."""
    text = _COLOUR.sub("", line).rstrip()
    return "" if text.startswith(_TALK) else text


def _line_of(context: BuildContext, number: int, step: str) -> int:
    """Return the line of the step `number`, counted as the classic builder does."""
    keyword = step.partition(" ")[0].upper()
    if 0 < number <= len(context.steps) and context.steps[number - 1].keyword == keyword:
        return context.steps[number - 1].line
    return next((each.line for each in context.steps if f"{each.keyword} {each.rest}" == step), 0)
