"""The terminal UI as linear text, one event a line: for screen readers, and where no screen can be drawn."""

from __future__ import annotations

import math
import queue
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from devctl.text import typed
from devctl.tui.cells import safe
from devctl.tui.model import Happening, Model, describe

if TYPE_CHECKING:
    from devctl.session.protocol import Item
    from devctl.tui.stack import Stack

WHY_PAUSE_SECONDS = 1.0
"""Changes that follow each other are explained once, so long after the last one."""
MOST_SECONDS = 5.0
"""What there is now is said by then, also of a stack that never rests or that is lost again and again."""
LOOK_SECONDS = 0.2
"""So soon an end is noticed while nothing happens."""
_LINKS = {"lost": "The supervisor does not answer; services run on.", "gone": "Nothing runs here."}


def lines(model: Model, item: Item, clock: Callable[[int], str]) -> Iterator[str]:
    """Yield what a person should hear of an item, in whole sentences; `model` has not taken it in yet."""
    if "status" in item and not model.services:
        view = item["status"]
        yield f"{safe(view['stack'])} is {view['status']}."
        for service in view["services"]:
            yield _sentence(service)
    for service in item.get("services", ()):
        earlier = model.services.get(service["name"])
        if earlier is None or (earlier["status"], earlier["reason"]) != (service["status"], service["reason"]):
            yield _sentence(service)
    if "event" in item and model.services and (happening := describe(item["event"])) and _is_news(happening):
        yield f"{clock(happening.time_ns)} {happening.text}."
    if "notice" in item:
        yield safe(item["notice"])


def _sentence(service: Any) -> str:
    text = f"{safe(service['name'])} is {service['status']}"
    if service["reason"]:
        text += f": {safe(service['reason'])}"
    elif service["waits_for"]:
        text += f": waits for {safe(', '.join(service['waits_for']))}"
    elif service["page"]:
        text += f" at {safe(service['page'])}"
    return text + "."


def _is_news(happening: Happening) -> bool:
    return happening.style in ("bad", "warn")


def run(
    stack: Stack,
    write: Callable[[str], None],
    stop: Callable[[], bool],
    *,
    once: bool = False,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Write what happens until `stop`, or (`once`) what there is now; `clock` in seconds."""
    model = Model(stack=stack.name)
    items: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stack.watch(items.put, items.put)
    explain_at, explained = math.inf, ""  # there is nothing to explain before something was told
    latest = clock() + MOST_SECONDS if once else math.inf
    try:
        while not stop():
            if (item := _next(items)) is not None:
                _write_item(model, item, write)
                explain_at = clock() + WHY_PAUSE_SECONDS
            if clock() >= min(explain_at, latest):
                explain_at = math.inf
                explained = _explain(stack, model, explained, write)
                if once:
                    return
    finally:
        stack.close()


def _next(items: queue.SimpleQueue[Any]) -> Any:
    try:
        return items.get(timeout=LOOK_SECONDS)
    except queue.Empty:
        return None


def _write_item(model: Model, item: Any, write: Callable[[str], None]) -> None:
    """Write what a person should hear of an item of the stack, or of the link to it where that is a word."""
    if isinstance(item, str):
        if item in _LINKS:
            write(_LINKS[item])
        return
    for line in lines(model, item, _clock):
        write(line)
    model.apply(item)


def _explain(stack: Stack, model: Model, explained: str, write: Callable[[str], None]) -> str:
    from devctl.errors import DevctlError

    try:
        model.whys = stack.control.why()
    except (DevctlError, OSError):
        return explained
    sentence, step = model.first_cause()
    if sentence and sentence != explained:
        write(f"Why: {safe(sentence)}. {safe(typed(step))}")
    return sentence


def _clock(time_ns: int) -> str:
    return time.strftime("%H:%M:%S", time.localtime(time_ns // 1_000_000_000))
