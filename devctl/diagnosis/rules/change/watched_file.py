"""A service that fails since a file of it changed and it was restarted for that."""

from __future__ import annotations

import os
from collections.abc import Iterator

from devctl.core import events as happened
from devctl.diagnosis.evidence import Cause, Confidence, Evidence, EvidenceKind
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.rules.base import Rule
from devctl.text import duration

_RECENT_SECONDS = 900.0
"""A change that is older has been worked with since."""


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield which file it was; weak until something else says that the service suffers."""
    since = facts.now_ns - int(_RECENT_SECONDS * 1e9)
    changes = [
        e for e in facts.events if isinstance(e, happened.FilesChanged) and e.service == name and e.at_ns > since
    ]
    if not changes:
        return
    last = changes[-1]
    path = os.path.relpath(last.path, facts.spec.folder) if os.path.isabs(last.path) else last.path  # noqa: PTH117
    ago = duration((facts.now_ns - last.at_ns) / 1e9)
    pointer = {"type": "files_changed", "file": last.path}
    yield Cause(
        name,
        "file-changed",
        f"{name} fails since {path} changed {ago} ago and it was restarted for that",
        f"Look at that change (`git diff {path}`); {name} is restarted when the file is saved again.",
        (Evidence(EvidenceKind.CHANGE, name, f"{path} changed {ago} ago", last.at_ns, pointer),),
        Confidence.LIKELY,
        is_weak=True,
        since_ns=last.at_ns,
        rank=39,
    )


RULE = Rule(
    "file-changed",
    "the watched file that caused the last restart",
    "order fails since services/order/app.py changed 12 s ago and it was restarted for that",
    "Look at that change (`git diff`).",
    examine,
)
