"""Which views there are; each is imported when it is first shown."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devctl.tui.app import DevctlApp
    from devctl.tui.screens.view import View

_CLASSES = {
    "overview": ("overview", "Overview"), "logs": ("logs", "Logs"), "traces": ("traces", "Traces"),
    "journey": ("journey", "JourneyView"), "map": ("map", "Map"), "metrics": ("metrics", "MetricsView"),
    "events": ("events", "Events"), "runs": ("runs", "Runs"), "details": ("details", "Details"),
    "why": ("why", "Why"), "trace": ("trace", "TraceView"),
}  # fmt: skip


def make(name: str, app: DevctlApp) -> View:
    """Return a new view of that name for an app."""
    module, kind = _CLASSES[name]
    view: View = getattr(import_module(f"devctl.tui.screens.{module}"), kind)()
    view.devctl = app
    return view
