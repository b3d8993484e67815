"""The end of a start: where everything is, what could not be had and its remedy, and what took the time."""

from __future__ import annotations

from devctl.render import status
from devctl.render.terminal import Terminal
from devctl.text import clean, duration, listing

MEANINGFUL_SECONDS = 0.1  # of a shorter chain the ratio says nothing
_STEPS = {"fetch": "fetching ", "stop": "stopping "}
TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.protocol import PathView, Settled, StatusView


def results(view: StatusView, terminal: Terminal) -> list[str]:
    """Return the addresses, for stdout."""
    return status.addresses(view, terminal)


def messages(view: StatusView, settled: Settled, terminal: Terminal) -> list[str]:
    """Return what else there is to say, for stderr."""
    lines = status.missing(view, terminal)
    if settled["going_on"]:
        lines.append(f"Still being fetched in the background: {listing(map(clean, settled['going_on']))}.")
    if path := critical_path(settled):
        lines.append(path)
    elif settled["healthy"]:
        lines.append("Nothing had to be started: everything runs as stack.yaml says.")
    return lines


def critical_path(settled: Settled) -> str:
    """Return the longest chain of the start with its total, and the whole start's ratio to it; empty for none."""
    chain = settled["critical_path"]
    if not chain:
        return ""
    total = sum(link["seconds"] for link in chain)
    links = " → ".join(f"{_step(link)} {duration(link['seconds'])}" for link in chain)
    ratio = f", {settled['seconds'] / total:.2f} × the longest chain" if total >= MEANINGFUL_SECONDS else ""
    whole = f" = {duration(total)}" if len(chain) > 1 else ""
    return f"Started in {duration(settled['seconds'])}{ratio}: {links}{whole}."


def _step(link: PathView) -> str:
    return _STEPS.get(link["step"], "") + clean(link["service"])
