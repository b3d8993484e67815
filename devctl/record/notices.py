"""What a running hub has to tell people, in a small file of the run: who sends to the wrong port. Light to import.

A notice holds for as long as what it is about goes on; the hub writes it again meanwhile.
"""

import json
import time
from collections.abc import Iterable
from dataclasses import asdict

from devctl.disk import replacing
from devctl.record.store import Run
from devctl.values import dataclass

FRESH_SECONDS = 120.0  # longer than exporters wait between two batches (an SDK's metrics: 60 s)


@dataclass(frozen=True, slots=True)
class Notice:
    """What happens, what to do about it, and when it was last seen (seconds since the epoch)."""

    text: str
    remedy: str
    seen: float

    def __str__(self) -> str:
        return f"{self.text}: {self.remedy}"


def write(run: Run, notices: Iterable[Notice]) -> None:
    """Put these notices in the place of those that were there."""
    with replacing(run.notices_file) as file:
        file.write(json.dumps([asdict(notice) for notice in notices]).encode())


def read(run: Run, now: float | None = None) -> list[Notice]:
    """Return the notices that still hold; none of a file that cannot be read."""
    try:
        entries = json.loads(run.notices_file.read_bytes())
        notices = [Notice(str(e["text"]), str(e["remedy"]), float(e["seen"])) for e in entries]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    since = (time.time() if now is None else now) - FRESH_SECONDS
    return [notice for notice in notices if notice.seen >= since]
