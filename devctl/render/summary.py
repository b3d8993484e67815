"""The end of a start: where everything is, what could not be had and its remedy, and what took the time."""

from __future__ import annotations

from devctl.render import status
from devctl.render.terminal import Terminal
from devctl.text import clean, duration, listing

MEANINGFUL_SECONDS = 0.1  # of a shorter chain the ratio says nothing
_STEPS = {"fetch": "fetching ", "stop": "stopping "}
TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.protocol import PathView, ServiceView, Settled, StatusView


def results(view: StatusView, terminal: Terminal) -> list[str]:
    """Return the addresses, for stdout."""
    return status.addresses(view, terminal)


def messages(view: StatusView, settled: Settled, terminal: Terminal) -> list[str]:
    """Return what else there is to say, for stderr."""
    lines = status.missing(view, terminal)
    if settled["going_on"]:
        lines.append(f"Still being fetched in the background: {listing(map(clean, settled['going_on']))}.")
    if settled["healthy"] and settled["critical_path"]:
        lines.append(critical_path(settled, is_whole=not any(map(_held_up, view["services"]))))
    elif settled["healthy"]:
        lines.append("Nothing had to be started: everything runs as stack.yaml says.")
    return lines


def _held_up(service: ServiceView) -> bool:
    """Tell whether a service was waited for that did not become good: no chain has that time in it."""
    return service["status"] in ("failed", "unhealthy", "starting", "pending", "blocked")


def critical_path(settled: Settled, *, is_whole: bool) -> str:
    """Return the longest chain of the start with its total, and, where the chain is all that was waited for, the
    whole start's ratio to it."""
    chain = settled["critical_path"]
    total = sum(link["seconds"] for link in chain)
    links = " → ".join(f"{_step(link)} {duration(link['seconds'])}" for link in chain)
    is_meaningful = is_whole and MEANINGFUL_SECONDS <= total <= settled["seconds"]
    ratio = f", {settled['seconds'] / total:.2f} × the longest chain" if is_meaningful else ""
    whole = f" = {duration(total)}" if len(chain) > 1 else ""
    return f"Started in {duration(settled['seconds'])}{ratio}: {links}{whole}."


def _step(link: PathView) -> str:
    return _STEPS.get(link["step"], "") + clean(link["service"])
