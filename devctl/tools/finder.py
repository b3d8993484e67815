"""Finds, offers and fetches tools: asks the sources in the catalog's order. The package's front door.

`find` and `available` never touch the network.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from devctl.errors import EnvironmentProblem
from devctl.products import catalog
from devctl.products.catalog import Entry
from devctl.tools import offers
from devctl.tools.base import Available, Missing, Progress, Refused, Report, Silent, SourceFailed, Tool

LOCAL = ("path", "cache", "wheel")
"""Sources that look at this machine alone."""
ROOM = 4
"""An archive and what comes out of it take so many times its size."""


class Source(Protocol):
    """A module of this package; the local ones find, the others fetch."""

    def find(self, entry: Entry) -> Tool | None:
        """Return the tool where it is there."""
        ...

    def fetch(self, entry: Entry, report: Report, silent: Silent) -> Tool:
        """Bring it, or raise SourceFailed or Refused."""
        ...


def _source(name: str) -> Source:
    """Load a source when it is asked: `available` is part of every `up`, and most sources are heavy."""
    return cast(Source, importlib.import_module(f"devctl.tools.{name}"))


def find(name: str) -> Tool | None:
    """Return the tool that is on this machine, None when it must be fetched first."""
    entry = catalog.entry(name)
    for source in entry.sources:
        if source in LOCAL and (tool := _source(source).find(entry)):
            return tool
    return None


def available(name: str) -> Available | Missing:
    """Return the tool or which source could bring it (without asking the network), else why none can."""
    if tool := find(name):
        return Available(name, tool.source, tool.version, 0, tool)
    whole = _whole(catalog.entry(name))
    for source in whole.sources:
        if offer := offers.offer(whole, source):
            return Available(name, source, offer.version, offer.bytes)
    return Missing(name, _nothing(whole), whole.cure)


def _whole(entry: Entry) -> Entry:
    return catalog.entry(entry.part_of) if entry.part_of else entry


def _nothing(entry: Entry) -> str:
    wanted = f" ({entry.on_path.ranges[0]})" if entry.on_path else ""
    return f"{entry.summary}{wanted} is not on this machine, and no source has it for this platform"


def fetch(name: str, report: Report, silent: Silent | None = None) -> Tool:
    """Return the tool, bringing it from the first source that gives it.

    EnvironmentProblem when none does, or when what came was not the pinned file.
    """
    entry = catalog.entry(name)
    if tool := find(name):
        return tool
    whole = _whole(entry)
    from devctl.tools import cache

    with cache.lock(whole.name, lambda: report(Progress(name, "", "waiting for another devctl"))):
        if tool := find(name):  # another process brought it meanwhile
            return tool
        _from_sources(whole, report, silent or Silent())
    tool = find(name)
    if tool is None:
        raise EnvironmentProblem(f"the package of {whole.name} does not hold {name}", next=entry.cure)
    return tool


def _check_room(offer: Available) -> None:
    """Raise SourceFailed before a download that the disk has no room for."""
    import shutil

    from devctl.tools import cache

    needed = ROOM * offer.bytes
    free = shutil.disk_usage(cache.private(cache.base())).free
    if free < needed:
        raise SourceFailed(f"{needed / 1e6:.0f} MB of disk are needed in {cache.base()}, {free / 1e6:.0f} MB are free")


def _from_sources(entry: Entry, report: Report, silent: Silent) -> Tool:
    reasons = []
    for source in entry.sources:
        offer = offers.offer(entry, source)
        if offer is None:
            continue
        try:
            _check_room(offer)
            tool = _source(source).fetch(entry, report, silent)
        except SourceFailed as problem:
            reasons.append(f"{source}: {problem}")
        except Refused as problem:
            raise EnvironmentProblem(f"{entry.name} was refused: {problem}", next=entry.cure) from problem
        except OSError as problem:
            raise EnvironmentProblem(f"{entry.name} cannot be stored: {problem}") from problem
        else:
            return tool
    raise EnvironmentProblem(
        f"{entry.name} cannot be had here: {'; '.join(reasons) or _nothing(entry)}", next=entry.cure
    )
