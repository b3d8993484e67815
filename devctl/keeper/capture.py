"""One instance as the keeper holds it: its process, its FIFO, its log, and how it ended."""

import contextlib
import os
import time

from devctl.keeper import spawn, system
from devctl.keeper.log import SegmentLog

_CHATTY_NS = 3_000_000  # output again within this time: worth a wider pipe and a short nap
# What waits in a pipe is stamped late, and what others write meanwhile is stamped before it. Twelve writers at full
# speed were half as far out of order with these as with pipes of 1 MiB and turns of 4 MiB, at nine tenths of the lines.
_WIDE_PIPE = 128 << 10
_SHARE = 64 << 10  # bytes moved before others get their turn


class Capture:
    """The FIFO of one instance and the log that it flows into. `writer` is the pid of one that runs already."""

    def __init__(self, fifo: str, log_folder: str, log_bytes: int, writer: int = 0) -> None:
        self.fifo = fifo
        self.log = SegmentLog(log_folder, log_bytes)
        try:
            self.pipe = spawn.fifo_of(writer, fifo) if writer else spawn.make_fifo(fifo)
        except OSError:
            self.log.close()
            raise
        self._moved_at = 0
        self._is_wide = False

    def serves(self, log_folder: str) -> bool:
        """Tell whether the next start of the instance can go on with this capture."""
        try:
            named, ours = os.stat(self.fifo), os.fstat(self.pipe)
        except OSError:
            return False
        return self.log.folder == log_folder and (named.st_ino, named.st_dev) == (ours.st_ino, ours.st_dev)

    def move(self) -> bool:
        """Move what came into the log; True when the instance is chatty."""
        self.log.take(self.pipe, _SHARE)
        now = time.monotonic_ns()
        is_chatty = now - self._moved_at < _CHATTY_NS
        self._moved_at = now
        if is_chatty and not self._is_wide:
            self._is_wide = True
            system.widen_pipe(self.pipe, _WIDE_PIPE)
        return is_chatty

    def drain(self) -> None:
        """Move what lies in the pipe now, however much others go on writing."""
        if waiting := system.waiting_bytes(self.pipe):
            self.log.take(self.pipe, waiting)

    def finish(self) -> None:
        """Move the last output and close a last line without line end."""
        self.drain()
        self.log.end_line()

    def close(self) -> None:
        """Finish and remove the FIFO."""
        self.finish()
        os.close(self.pipe)
        self.log.close()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.fifo)


class Instance:
    """One started instance, `id` is SERVICE.N. `code` counts once `ended_ns` is set; None: nobody can know it."""

    def __init__(self, id: str, tag: str, pid: int, ticks: int, started_ns: int, capture: Capture) -> None:
        self.id = id
        self.tag = tag
        self.pid = pid
        self.ticks = ticks
        self.started_ns = started_ns
        self.capture = capture
        self.process: int | None = None  # a pidfd, for one that an earlier keeper started
        self.is_polled = False  # the same where there are no pidfds
        self.ended_ns = 0
        self.code: int | None = None
        self.is_notified = False

    def end(self, code: int | None) -> None:
        """Record the end, after the last output."""
        self.capture.finish()
        self.code, self.ended_ns = code, time.time_ns()

    def describe(self) -> dict[str, object]:
        """Return what clients are sent of this instance."""
        return {
            "instance": self.id,
            "tag": self.tag,
            "pid": self.pid,
            "ticks": self.ticks,
            "started_ns": self.started_ns,
            "ended_ns": self.ended_ns,
            "code": self.code,
            "told": self.is_notified,
        }
