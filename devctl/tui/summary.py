"""The lines around the panes: the stack in one line, what is wrong, the keys that are valid. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from devctl.text import count, typed
from devctl.tui import keys
from devctl.tui.cells import Cell, Cells, columns, cut, per_second, safe
from devctl.tui.model import Model
from devctl.tui.theme import SHAPES, STATUS_STYLES

_LINKS = {"lost": "supervisor does not answer", "gone": "not running", "connecting": "connecting …",
          "past": "past run, read only", "replay": "recording"}  # fmt: skip


def header(model: Model, view: str, room: int) -> tuple[Cells, Cells]:
    """Return the stack in one line: `shop ● 11/12 healthy ▲2 alerts 42 req/s 0.4 % err`, and the views."""
    good, total = model.healthy
    word = model.status or "…"
    style = STATUS_STYLES.get(word, "warn")
    left: list[Cell] = [(f" {safe(model.stack or 'devctl', 40)} ", "title bar")]
    if model.link in _LINKS:
        left.append((f"{_LINKS[model.link]} ", "warn" if model.link in ("lost", "gone") else "busy"))
    if model.services and model.link != "gone":
        text = f"{SHAPES.get(word, '○')} {good}/{total} healthy " if word != "stopped" else f"{SHAPES[word]} stopped "
        left.append((text, style))
    if model.firing:
        left.append((f"▲{count(model.firing, 'alert')} ", "bad"))
    rate, share = model.traffic()
    if rate:
        left.append((f"{per_second(rate)} req/s ", ""))
        left.append((f"{share * 100:.1f} % err ", "bad" if share else "dim"))
    return tuple(left), _tabs(view, room - columns(left) - 1)


def _tabs(view: str, room: int) -> Cells:
    """Return all views where there is room for them, else the one that is shown."""
    tabs = _all_tabs(view)
    if columns(tabs) <= room:
        return tabs
    return ((f"{keys.VIEWS.index(view) + 1} {view} ", "accent"),) if view in keys.VIEWS else ()


def _all_tabs(view: str) -> Cells:
    tabs: list[Cell] = []
    for number, name in enumerate(keys.VIEWS, start=1):
        is_here = name == view
        tabs += [
            (f"{number} ", "key" if is_here else "dim"),
            (name, "title bar under" if is_here else "dim"),
            ("  ", ""),
        ]
    return tuple(tabs)


def what_is_wrong(model: Model, room: int, command: str) -> Cells:
    """Return the first sentence of `why`; empty when all is well."""
    sentence, step = model.first_cause()
    if not sentence:
        return ()
    head = cut(safe(sentence, 2000), max(room - 12, 10))
    left = room - len(head) - 16
    more: Cells = ((f"  {cut(typed(safe(step, 2000), command), left)}", "dim"),) if step and left > 12 else ()
    return ((" why ", "alarm"), (f" {head}", "bad"), *more)


def footer(valid: Iterable[str], room: int) -> tuple[Cells, list[tuple[int, int, str]]]:
    """Return the keys that are valid now, as many as fit, and which columns mean which action."""
    cells: list[Cell] = []
    spans: list[tuple[int, int, str]] = []
    at = 0
    for action in keys.footer(valid, room):
        key, label = f" {action.shown_key}", f" {action.short} "
        cells += [(key, "key"), (label, "bar")]
        spans.append((at, at + len(key) + len(label), action.name))
        at += len(key) + len(label)
    return tuple(cells), spans


def goodbye(model: Model, command: str) -> list[str]:
    """Return the three lines that are left on the terminal: state, addresses, how to come back. `command` is devctl
    with what says which stack is meant."""
    good, total = model.healthy
    if model.link == "gone" or not model.services:
        state = f"{model.stack or 'the stack'} does not run"
    else:
        state = f"{model.stack} is {model.status}: {good} of {count(total, 'service')} healthy"
        if (sentence := model.first_cause()[0]) and model.status != "healthy":
            state += f"; {safe(sentence, 300)}"
    pages = [f"{view['name']} {view['page']}" for view in model.services.values() if view["page"] and view["instances"]]
    addresses = ", ".join(pages[:6]) or "no page is up"
    return [safe(state), safe(addresses), typed(f"`{command} tui` comes back here, `{command} down` stops it.")]
