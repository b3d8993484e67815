"""Alerts on a terminal: what fires, what that means, where to read on and which command to type next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from devctl.render.traces import short

if TYPE_CHECKING:
    from devctl.queries.prometheus import Alert
    from devctl.render.terminal import Terminal

_STYLES = {"critical": "red", "warning": "yellow"}
_LONGEST_TEXT = 500


def listing(alerts: Sequence[Alert], terminal: Terminal) -> list[str]:
    """Return a paragraph for each alert, with an empty line between two."""
    lines: list[str] = []
    for alert in alerts:
        lines += ["", *_paragraph(alert, terminal)] if lines else _paragraph(alert, terminal)
    return lines


def _paragraph(alert: Alert, terminal: Terminal) -> list[str]:
    style = _STYLES.get(alert.severity, "") if alert.state == "firing" else "dim"
    labels = " ".join(f"{key}={value}" for key, value in sorted(alert.labels.items()))
    since = f"since {alert.since[:19]}Z" if alert.since else ""
    head = [
        terminal.paint(short(alert.state), style),
        short(alert.severity),
        terminal.paint(short(alert.name), "bold"),
        short(labels, _LONGEST_TEXT),
        terminal.paint(short(since), "dim"),
    ]
    return ["  ".join(filter(None, head)), *_meaning(alert), *_pointers(alert, terminal)]


def _meaning(alert: Alert) -> Iterator[str]:
    yield from (f"  {short(text, _LONGEST_TEXT)}" for text in (alert.summary, alert.description) if text)


def _pointers(alert: Alert, terminal: Terminal) -> Iterator[str]:
    for name, text in (("runbook", alert.runbook), ("next", alert.next)):
        if text:
            yield f"  {terminal.paint(f'{name:<7}', 'dim')}  {short(text, _LONGEST_TEXT)}"
