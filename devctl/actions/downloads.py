"""What a start will download, said before it begins: which programs, from where, how large."""

from __future__ import annotations

from devctl.render.terminal import Terminal
from devctl.text import clean, listing, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Spec
    from devctl.tools.base import Available


def announce(terminal: Terminal, spec: Spec) -> None:
    """Say which native programs will be downloaded for the services that will start."""
    wanted = needed(spec)
    if not wanted:
        return
    missing = [found for name in wanted if (found := _to_fetch(name))]
    if missing:
        whole = sum(found.bytes for found in missing)
        total = f", {size(whole)} in all" if whole and len(missing) > 1 else ""
        terminal.say(f"To download: {listing(map(_named, missing))}{total}.")


def needed(spec: Spec) -> list[str]:
    """Return the programs of the first variant of every active service, each once."""
    names = [tool for name in spec.active for tool in _first_tools(spec, name)]
    return list(dict.fromkeys(names))


def _first_tools(spec: Spec, name: str) -> tuple[str, ...]:
    variants = spec.services[name].variants
    return variants[0].tools if variants else ()


def _to_fetch(name: str) -> Available | None:
    from devctl import tools
    from devctl.tools.base import Available

    found = tools.available(name)
    return found if isinstance(found, Available) and found.tool is None else None


def _named(found: Available) -> str:
    about = f", {size(found.bytes)}" if found.bytes else ""
    return f"{clean(found.name)} (from {clean(found.source)}{about})"
