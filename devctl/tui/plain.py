"""The terminal UI as linear text, one event a line: for screen readers, and where no screen can be drawn."""

from __future__ import annotations

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


def run(stack: Stack, write: Callable[[str], None], stop: Callable[[], bool], *, once: bool = False) -> None:
    """Write what happens until `stop`, or (`once`) what there is now."""
    model = Model(stack=stack.name)
    items: queue.SimpleQueue[Any] = queue.SimpleQueue()
    stack.watch(items.put, items.put)
    explain_at = time.monotonic()
    explained = ""
    try:
        while not stop():
            try:
                item = items.get(timeout=0.2)
            except queue.Empty:
                item = None
            if isinstance(item, str):
                explain_at = time.monotonic() + WHY_PAUSE_SECONDS
                if item in ("lost", "gone"):
                    write(
                        "The supervisor does not answer; services run on." if item == "lost" else "Nothing runs here."
                    )
            elif item is not None:
                for line in lines(model, item, _clock):
                    write(line)
                model.apply(item)
                explain_at = time.monotonic() + WHY_PAUSE_SECONDS
            elif explain_at and time.monotonic() >= explain_at:
                explain_at = 0.0
                explained = _explain(stack, model, explained, write)
                if once:
                    return
    finally:
        stack.close()


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
