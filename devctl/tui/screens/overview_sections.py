"""What stands below the services in the overview: what a start waits for, faults, alerts, the last events. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from devctl.text import duration
from devctl.tui.cells import Cell, cut, safe
from devctl.tui.starting import critical_path
from devctl.tui.theme import SHAPES, STATUS_STYLES
from devctl.tui.widgets.rows import Row

if TYPE_CHECKING:
    from devctl.tui.model import Model


def path_rows(model: Model, now_ns: int) -> list[Row]:
    """Return the critical path of a start that goes on."""
    if model.status != "starting" or model.link in ("past", "gone"):
        return []
    path = critical_path(model.services, now_ns)
    if not path:
        return []
    cells: list[Cell] = []
    for number, link in enumerate(path):
        style = STATUS_STYLES.get(link.status, "")
        took = "waits" if link.seconds is None else duration(link.seconds)
        cells += [(" → " if number else "  ", "dim"), (f"{SHAPES.get(link.status, '?')} ", style),
                  (safe(link.service), "strong"), (f" {took}", "dim")]  # fmt: skip
    return [*_heading("path", "Critical path until now"), Row(("path",), tuple(cells))]


def fault_rows(model: Model) -> list[Row]:
    """Return the faults on the wire."""
    rows: list[Row] = []
    for name, view in model.services.items():
        for fault in view["faults"]:
            left = fault["seconds_left"]
            until = "until it is removed" if left is None else f"{duration(left)} left"
            cells = ((f"  ≈ {safe(fault['name'])}", "warn"), (f"  {safe(name)}", "strong"),
                     (f"  {safe(fault['text'])}", ""), (f"  {until}", "dim"))  # fmt: skip
            rows.append(Row(("fault", fault["name"]), cells, {"service": name, **fault}))
    return [*_heading("faults", "Faults on the wire"), *rows] if rows else []


def _heading(name: str, text: str) -> list[Row]:
    return [Row(("gap", name), (), is_head=True), Row(("title", name), ((text, "title"),), is_head=True)]


def alert_rows(model: Model) -> list[Row]:
    """Return what fires or is about to."""
    if not model.alerts:
        return []
    rows = _heading("alerts", "Alerts")
    for alert in model.alerts:
        style = "bad" if alert.state == "firing" else "warn"
        labels = ", ".join(f"{key}={value}" for key, value in sorted(alert.labels.items()))
        cells = ((f"▲ {safe(alert.state):<8}", style), (f" {safe(alert.name)}", "strong"), (f"  {safe(labels)}", "dim"),
                 (f"  {safe(alert.summary)}", ""))  # fmt: skip
        rows.append(Row(("alert", alert.name, labels), cells, alert))
    return rows


def event_rows(model: Model, room: int, clock: Callable[[int], str]) -> list[Row]:
    """Return the last events, the newest first."""
    happenings = list(model.happenings)[-room:]
    if not happenings:
        return []
    rows = _heading("events", "Last events")
    for number, happening in enumerate(reversed(happenings)):
        cells = ((f"{clock(happening.time_ns)}  ", "dim"), (cut(happening.text, 200), happening.style))
        rows.append(Row(("event", happening.time_ns, number, happening.text), cells, happening))
    return rows
