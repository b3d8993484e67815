"""Finds, offers and fetches the tools of a catalog: asks the sources in each entry's order. The package's front door.

`find` and `available` never touch the network.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from devctl.errors import EnvironmentProblem
from devctl.tools import offers
from devctl.tools.base import Available, Progress, Refused, Report, SourceFailed, Tool, Unavailable, UnreachableHosts
from devctl.tools.entry import Catalog, Entry

LOCAL = ("path", "cache", "wheel")
"""Sources that look at this machine alone."""
DISK_FACTOR = 4
"""An archive and what comes out of it take so many times its size: the parts of a release grow two- to threefold."""


class Source(Protocol):
    """A module of this package; the local ones find, the others fetch."""

    def find(self, entry: Entry) -> Tool | None:
        """Return the tool where it is there."""
        ...

    def fetch(self, entry: Entry, report: Report, unreachable: UnreachableHosts) -> Tool:
        """Bring it, or raise SourceFailed or Refused."""
        ...


def _source(name: str) -> Source:
    """Load a source when it is asked: `available` is part of every `up`, and most sources are heavy."""
    return cast(Source, importlib.import_module(f"devctl.tools.{name}"))


class Toolbox:
    """The tools of one catalog on this machine."""

    def __init__(self, catalog: Catalog) -> None:
        self.catalog = catalog

    def find(self, name: str) -> Tool | None:
        """Return the tool that is on this machine, None when it must be fetched first."""
        entry = self.catalog.entry(name)
        for source in entry.sources:
            if source in LOCAL and (tool := self._look(source, entry)):
                return tool
        return None

    def _look(self, source: str, entry: Entry) -> Tool | None:
        if source == "cache" and entry.part_of:
            from devctl.tools import cache

            return cache.find_part(entry, self.catalog.entry(entry.part_of))
        return _source(source).find(entry)

    def available(self, name: str) -> Available | Unavailable:
        """Return the tool or which source could bring it (without asking the network), else why none can."""
        if tool := self.find(name):
            return Available(name, tool.source, tool.version, 0, tool)
        whole = self.catalog.whole(self.catalog.entry(name))
        for source in whole.sources:
            if offer := offers.offer(whole, source):
                return Available(name, source, offer.version, offer.bytes)
        return Unavailable(name, _no_source(whole), whole.remedy)

    def fetch(self, name: str, report: Report, unreachable: UnreachableHosts | None = None) -> Tool:
        """Return the tool, bringing it from the first source that gives it.

        EnvironmentProblem when none does, or when what came was not the pinned file.
        """
        if tool := self.find(name):
            return tool
        entry = self.catalog.entry(name)
        whole = self.catalog.whole(entry)
        from devctl.tools import cache

        with cache.lock(whole.name, lambda: report(Progress(name, "", "waiting for another devctl"))):
            if tool := self.find(name):  # another process brought it meanwhile
                return tool
            _from_sources(whole, report, unreachable or UnreachableHosts())
        tool = self.find(name)
        if tool is None:
            raise EnvironmentProblem(f"the package of {whole.name} does not hold {name}", next=entry.remedy)
        return tool


def _no_source(entry: Entry) -> str:
    version = f" ({entry.on_path.ranges[0]})" if entry.on_path else ""
    return f"{entry.summary}{version} is not on this machine, and no source has it for this platform"


def _check_disk(offer: Available) -> None:
    """Raise SourceFailed before a download that the disk has no room for."""
    import shutil

    from devctl.tools import cache

    needed = DISK_FACTOR * offer.bytes
    free = shutil.disk_usage(cache.private(cache.base())).free
    if free < needed:
        raise SourceFailed(f"{needed / 1e6:.0f} MB of disk are needed in {cache.base()}, {free / 1e6:.0f} MB are free")


def _from_sources(entry: Entry, report: Report, unreachable: UnreachableHosts) -> Tool:
    reasons = []
    for source in entry.sources:
        offer = offers.offer(entry, source)
        if offer is None:
            continue
        try:
            _check_disk(offer)
            tool = _source(source).fetch(entry, report, unreachable)
        except SourceFailed as problem:
            reasons.append(f"{source}: {problem}")
        except Refused as problem:
            raise EnvironmentProblem(f"{entry.name} was refused: {problem}", next=entry.remedy) from problem
        except OSError as problem:
            raise EnvironmentProblem(f"{entry.name} cannot be stored: {problem}") from problem
        else:
            return tool
    raise EnvironmentProblem(
        f"{entry.name} cannot be had here: {'; '.join(reasons) or _no_source(entry)}", next=entry.remedy
    )
