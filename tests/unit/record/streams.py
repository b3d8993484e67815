"""Logs on disk for the tests, written through the keeper's own writer with times of the test's choosing."""

from collections.abc import Iterable
from pathlib import Path

from devctl.keeper.log import SegmentLog
from devctl.paths import StackPaths
from devctl.record import store
from devctl.record.store import Run


def make_run(folder: Path) -> Run:
    return store.create(StackPaths(folder))


def write(run: Run, instance: str, chunks: Iterable[tuple[int, bytes]], cap_bytes: int = 1 << 20) -> None:
    """Append chunks of bytes, whole lines or not, each with its arrival."""
    log = SegmentLog(str(run.logs / instance), cap_bytes)
    for time_ns, chunk in chunks:
        log.write(chunk, time_ns)
    log.close()
