"""The progress of a start or stop, fed by the session's items: plain lines, JSON lines, or nothing.

All are displays as `actions.display` defines them. `live` draws the same items in place on a terminal. None of them
decides anything.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from devctl.core.status import GOOD
from devctl.render import problems
from devctl.render.terminal import Terminal
from devctl.text import clean, duration, listing, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from devctl.session.protocol import AcceptedView, Item, ProgressView, ServiceView, Settled
    from devctl.tools.base import Available

LONGEST_STAGE = 100
"""Letters of a build's step, which may be a whole script."""


class Quiet:
    """Shows nothing but warnings."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def item(self, item: Item) -> None:
        pass

    def settled(self, settled: Settled) -> None:
        pass

    def downloads(self, programs: Sequence[Available]) -> None:
        pass

    def warning(self, text: str) -> None:
        """Show what is worth a look in the manifest."""
        self._terminal.say(problems.warning(text, self._terminal))


class Json(Quiet):
    """One JSON object a line on stdout, each with its `type`: accepted, service, progress, notice, settled."""

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


class ForPeople(Quiet):
    """What plain lines and rows in place share: what is said once, on stderr."""

    def downloads(self, programs: Sequence[Available]) -> None:
        """Say which programs will be downloaded, from where, and how large they are."""
        whole = sum(program.bytes for program in programs)
        total = f", {size(whole)} in all" if whole and len(programs) > 1 else ""
        self._terminal.say(f"To download: {listing(map(_program, programs))}{total}.")

    def accepted(self, accepted: AcceptedView) -> None:
        """Say what joining a running stack does to it."""
        for step in () if accepted["began"] else accepted["steps"]:
            if step["action"] in ("restart", "stop"):
                self._terminal.say(clean(step["text"]))


def _program(program: Available) -> str:
    about = f", {size(program.bytes)}" if program.bytes else ""
    return f"{clean(program.name)} (from {clean(program.source)}{about})"


class Plain(ForPeople):
    """One line on stderr for each change of a service's status and each stage of a download."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__(terminal)
        self._shown: dict[str, str] = {}
        self._blocked: set[str] = set()

    def item(self, item: Item) -> None:
        if "accepted" in item:
            self.accepted(item["accepted"])
        if "notice" in item:
            self._terminal.say(clean(item["notice"]))
        if "progress" in item:
            self._stage(item["progress"])
        for view in item.get("services", ()):
            self._change(view)

    def _change(self, view: ServiceView) -> None:
        text = describe(view)
        if view["status"] != "blocked":
            self._blocked.discard(view["name"])
        elif view["name"] in self._blocked:  # what is left to wait for is no news
            return
        else:
            self._blocked.add(view["name"])
        if self._shown.get(view["name"]) != text and view["status"] != "pending":
            self._shown[view["name"]] = text
            self._terminal.say(f"{clean(view['name']):<14} {text}")

    def _stage(self, progress: ProgressView) -> None:
        text = stage(progress)
        if self._shown.get(f"tool {progress['tool']}") != text:
            self._shown[f"tool {progress['tool']}"] = text
            self._terminal.say(f"{clean(progress['service'] or progress['tool']):<14} {text}")


def describe(view: ServiceView) -> str:
    """Return a service's status in a few words: what it waits for, how long it took, why it failed."""
    status = view["status"]
    if status == "blocked" and view["waits_for"]:
        return f"waits for {listing(map(clean, view['waits_for']))}"
    if status in GOOD:
        took = f" after {duration(view['started_seconds'])}" if view["started_seconds"] is not None else ""
        variant = f" ({view['variant']})" if view["uses"] else ""
        return f"{status}{took}{variant}"
    return f"{status}: {clean(view['reason'])}" if view["reason"] else status


def stage(progress: ProgressView) -> str:
    """Return a download's stage in a few words, without figures that change all the time."""
    if progress["source"] == "build":
        text = clean(progress["stage"])
        return text if len(text) <= LONGEST_STAGE else f"{text[: LONGEST_STAGE - 1]}…"
    whole = f" ({size(progress['total'])})" if progress["total"] else ""
    source = f" from {clean(progress['source'])}" if progress["source"] else ""
    return f"{clean(progress['stage'] or 'downloading')} {clean(progress['tool'])}{source}{whole}"
