"""Native programs: found on this machine, or fetched, verified, unpacked and cached. One module per source.

`find`, `available` and `fetch` are the door; the sources are loaded only when one of them is called.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from devctl.tools.base import Available, Missing, Progress, Refused, Report, Silent, SourceFailed, Tool

if TYPE_CHECKING:
    from devctl.tools.finder import available, fetch, find

__all__ = [
    "Available",
    "Missing",
    "Progress",
    "Refused",
    "Report",
    "Silent",
    "SourceFailed",
    "Tool",
    "available",
    "fetch",
    "find",
]


def __getattr__(name: str) -> object:
    if name in ("available", "fetch", "find"):
        from devctl.tools import finder

        return getattr(finder, name)
    raise AttributeError(name)
