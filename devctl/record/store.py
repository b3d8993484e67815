"""The folders of runs on disk: making, finding, measuring and deleting them, and their event logs.

It knows nothing of what events mean. Standard library only.
"""

import contextlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from devctl.clock import Clock, SystemClock
from devctl.disk import replacing
from devctl.paths import StackPaths

KEPT_RUNS = 10
_SYSTEM_CLOCK = SystemClock()
_MOST_UNWRITTEN = 10_000
_LAST_EVENT_BYTES = 1 << 12  # the event that ends a run has a hundred
EVENT_BYTES = 16 << 20
"""From this size on, the event log is begun anew; the one before it is kept beside it."""


class Run:
    """One life of a stack, as the folder that keeps what is known of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def id(self) -> str:
        return self.folder.name

    @property
    def spec_file(self) -> Path:
        return self.folder / "spec.json"

    @property
    def good_spec_file(self) -> Path:
        """The specification under which all was well before the one in force; missing where none was replaced."""
        return self.folder / "good.json"

    @property
    def events_file(self) -> Path:
        return self.folder / "events.jsonl"

    @property
    def earlier_events_file(self) -> Path:
        return self.folder / "events.1.jsonl"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def spans_file(self) -> Path:
        return self.folder / "record.db"

    @property
    def notices_file(self) -> Path:
        return self.folder / "notices.json"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Run) and self.folder == other.folder

    def __hash__(self) -> int:
        return hash(self.folder)

    def __repr__(self) -> str:
        return f"Run({str(self.folder)!r})"


def create(paths: StackPaths, clock: Clock = _SYSTEM_CLOCK) -> Run:
    """Make the folder of a new run (0700) and delete all but the last ten runs."""
    ignore_in_git(paths)
    paths.runs.mkdir(mode=0o700, exist_ok=True)
    run = _make(paths, clock)
    run.logs.mkdir(mode=0o700)
    for old in runs(paths)[KEPT_RUNS:]:
        delete(old)
    return run


def _make(paths: StackPaths, clock: Clock) -> Run:
    while True:
        seconds, rest = divmod(clock.now_ns(), 1_000_000_000)
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(seconds))
        run = Run(paths.runs / f"{moment}-{(rest << 16) // 1_000_000_000:04x}")  # ends in 1/65536 s: ids sort by time
        with contextlib.suppress(FileExistsError):
            run.folder.mkdir(mode=0o700)
            return run


def ignore_in_git(paths: StackPaths) -> None:
    """Make the state folder and that of volumes (0700), with a file of its own that keeps them out of git."""
    top = paths.folder / ".devctl"
    for folder in (top, paths.state, paths.volumes):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = top / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")


def runs(paths: StackPaths) -> list[Run]:
    """Return the runs on disk, newest first."""
    try:
        names = [entry.name for entry in os.scandir(paths.runs) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []
    return [Run(paths.runs / name) for name in sorted(names, reverse=True)]


def current(paths: StackPaths) -> Run | None:
    """Return the newest run, which is the running one while the stack runs."""
    past = runs(paths)
    return past[0] if past else None


def was_ended(run: Run) -> bool:
    """Tell whether the last event of a run is that it was taken down, without reading the others."""
    try:
        with open(run.events_file, "rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - _LAST_EVENT_BYTES))
            last = file.read().splitlines()[-1:]
    except OSError:
        return False
    return bool(last) and last[0].startswith(b'{"type":"run_ended"')


def size(run: Run) -> int:
    """Return the bytes that a run occupies."""
    total = 0
    for folder, _, names in os.walk(run.folder):
        for name in names:
            with contextlib.suppress(OSError):
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


def delete(run: Run) -> None:
    """Delete a run; what cannot be deleted stays without complaint, for the next time."""
    shutil.rmtree(run.folder, ignore_errors=True)


class EventLog:
    """Appends events to the event log of a run. A full disk raises nothing: what could not be written is kept
    in memory (counted in `unwritten`, the oldest go first past ten thousand) and tried again with the next.

    A log of `most_bytes` gives way to a new one that begins with `summary`, the event that says what all before
    it amounts to.
    """

    def __init__(self, run: Run, summary: Callable[[], dict[str, Any]], most_bytes: int = EVENT_BYTES) -> None:
        self._path = run.events_file
        self._earlier = run.earlier_events_file
        self._summary = summary
        self._most_bytes = most_bytes
        self._waiting: list[bytes] = []
        self.dropped = 0

    @property
    def unwritten(self) -> int:
        """How many events wait for room on the disk."""
        return len(self._waiting)

    def append(self, event: dict[str, Any]) -> None:
        """Write one event as a line, in one write."""
        self._waiting.append(_line(event))
        self.flush()

    def flush(self) -> None:
        """Try again to write what waits."""
        try:
            self._write()
        except OSError:
            surplus = len(self._waiting) - _MOST_UNWRITTEN
            if surplus > 0:
                del self._waiting[:surplus]
                self.dropped += surplus

    def _write(self) -> None:
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            end = os.fstat(file).st_size
            glue = b"" if end == 0 or os.pread(file, 1, end - 1) == b"\n" else b"\n"  # a line that a crash cut
            text = glue + b"".join(self._waiting)
            written = os.write(file, text)
            if written < len(text):
                os.ftruncate(file, end)
                return
            self._waiting.clear()
        finally:
            os.close(file)
        if end + written >= self._most_bytes:
            self._begin_anew()

    def _begin_anew(self) -> None:
        """Put a new log in the place of this one, which is never missing meanwhile."""
        with replacing(self._path) as fresh:
            fresh.write(_line(self._summary()))
            fresh.flush()  # a full disk shows before the earlier log goes
            self._earlier.unlink(missing_ok=True)
            os.link(self._path, self._earlier)


def _line(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":")).encode() + b"\n"


def events(run: Run, *, last_bytes: int = 0) -> Iterator[dict[str, Any]]:
    """Yield the events of a run, oldest first, those of the last bytes of its log (0: all); a line that was cut or
    garbled is passed over."""
    try:
        file = open(run.events_file, "rb")  # noqa: SIM115  closed below; only the opening may fail
    except OSError:
        return
    with file:
        if last_bytes and file.seek(0, os.SEEK_END) > last_bytes:
            file.seek(-last_bytes, os.SEEK_END)
            file.readline()  # which began before
        else:
            file.seek(0)
        for line in file:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict):
                    yield event
