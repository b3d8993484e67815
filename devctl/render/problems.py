"""How a failure looks: what happened, where, what to do next; several manifest mistakes under each other."""

from __future__ import annotations

from devctl.errors import DevctlError
from devctl.render.terminal import Terminal
from devctl.text import clean, clean_lines, typed


def text(error: DevctlError, terminal: Terminal) -> str:
    """Return `error` as a person reads it, for stderr."""
    label = terminal.paint("error", "red", "bold", err=True)
    location = f"{clean(error.where)}: " if error.where else ""
    lines = [f"{label}: {location}{clean_lines(typed(error.what))}"]
    if error.next:
        lines += [f"  {line}" for line in clean_lines(typed(error.next)).split("\n")]
    return "\n".join(lines)


def warning(message: str, terminal: Terminal, where: str = "") -> str:
    """Return a warning as a person reads it, for stderr."""
    location = f"{clean(where)}: " if where else ""
    return f"{terminal.paint('warning', 'yellow', err=True)}: {location}{clean_lines(typed(message))}"
