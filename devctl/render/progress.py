"""The progress of a start or stop, fed by the session's items: plain lines, JSON lines, or nothing.

`live` draws the same items in place on a terminal. None of them decides anything.
"""

from __future__ import annotations

import json
from types import TracebackType
from typing import Protocol

from devctl.render.terminal import Terminal
from devctl.text import clean, duration, listing, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.protocol import Item, ProgressView, ServiceView, Settled


class Progress(Protocol):
    """A display of items; used as a context manager around the call that sends them."""

    def __enter__(self) -> Progress: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def item(self, item: Item) -> None:
        """Show what one item says."""
        ...

    def settled(self, settled: Settled) -> None:
        """Show the end."""
        ...


class Quiet:
    """Shows nothing."""

    def __enter__(self) -> Quiet:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def item(self, item: Item) -> None:
        pass

    def settled(self, settled: Settled) -> None:
        pass


class Json(Quiet):
    """One JSON object a line on stdout, each with its `type`: accepted, service, progress, notice, settled."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def item(self, item: Item) -> None:
        for view in item.get("services", ()):
            self._line("service", view)
        for kind in ("accepted", "progress"):
            if kind in item:
                self._line(kind, item[kind])
        if "notice" in item:
            self._line("notice", {"text": item["notice"]})

    def settled(self, settled: Settled) -> None:
        self._line("settled", settled)

    def _line(self, kind: str, content: object) -> None:
        assert isinstance(content, dict)
        self._terminal.write(json.dumps({"type": kind, **content}))
        self._terminal.flush()


class Plain(Quiet):
    """One line on stderr for each change of a service's status and each stage of a download."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._said: dict[str, str] = {}
        self._blocked: set[str] = set()

    def item(self, item: Item) -> None:
        if "notice" in item:
            self._terminal.say(clean(item["notice"]))
        if "progress" in item:
            self._stage(item["progress"])
        for view in item.get("services", ()):
            self._change(view)

    def _change(self, view: ServiceView) -> None:
        told = describe(view)
        if view["status"] != "blocked":
            self._blocked.discard(view["name"])
        elif view["name"] in self._blocked:  # what is left to wait for is no news
            return
        else:
            self._blocked.add(view["name"])
        if self._said.get(view["name"]) != told and view["status"] != "pending":
            self._said[view["name"]] = told
            self._terminal.say(f"{clean(view['name']):<14} {told}")

    def _stage(self, progress: ProgressView) -> None:
        told = stage(progress)
        if self._said.get(f"tool {progress['tool']}") != told:
            self._said[f"tool {progress['tool']}"] = told
            self._terminal.say(f"{clean(progress['service'] or progress['tool']):<14} {told}")


def describe(view: ServiceView) -> str:
    """Return a service's status in a few words: what it waits for, how long it took, why it failed."""
    status = view["status"]
    if status == "blocked" and view["waits_for"]:
        return f"waits for {listing(map(clean, view['waits_for']))}"
    if status in ("healthy", "running", "completed"):
        took = f" after {duration(view['started_seconds'])}" if view["started_seconds"] is not None else ""
        stand_in = f" ({view['variant']})" if view["uses"] else ""
        return f"{status}{took}{stand_in}"
    return f"{status}: {clean(view['reason'])}" if view["reason"] else status


def stage(progress: ProgressView) -> str:
    """Return a download's stage in a few words, without figures that change all the time."""
    whole = f" ({size(progress['total'])})" if progress["total"] else ""
    source = f" from {clean(progress['source'])}" if progress["source"] else ""
    return f"{clean(progress['stage'] or 'downloading')} {clean(progress['tool'])}{source}{whole}"
