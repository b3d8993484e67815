"""The native programs of all products on this machine: found, offered, fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING

from devctl.products import catalog

if TYPE_CHECKING:
    from devctl.tools.base import Available, Report, Tool, Unavailable
    from devctl.tools.finder import Toolbox


def toolbox() -> Toolbox:
    """Return the tools of the catalog."""
    from devctl.tools.finder import Toolbox

    return Toolbox(catalog.catalog())


def find(name: str) -> Tool | None:
    """Return the program that is on this machine, None when it must be fetched first."""
    return toolbox().find(name)


def available(name: str) -> Available | Unavailable:
    """Return the program or what could bring it, without the network; else why nothing can."""
    return toolbox().available(name)


def fetch(name: str, report: Report) -> Tool:
    """Return the program, bringing it at need; EnvironmentProblem when no source gives it."""
    return toolbox().fetch(name, report)
