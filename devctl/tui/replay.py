"""A recorded stream of events as a stack that stands still in time: for bug reports, tests, and the picture in README.

The file holds JSON, one object a line. The first says `{"replay": 1, "stack": …, "start_ns": …, "spec": {…}}`; each
other one has `at` (seconds after the start) and one of `item` (as the session streams it), `log` (`instance`,
`text`), `spans` (OTLP JSON) or `why` (as `devctl why --json` prints it).
"""

from __future__ import annotations

import base64
import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from devctl.errors import UsageError
from devctl.tui.stack import NoBroker, NoControl, NoMetrics, RunInfo, Sink, refuse
from devctl.tui.telemetry import RunTelemetry

if TYPE_CHECKING:
    from devctl.diagnosis.views import WhyView
    from devctl.session.protocol import Item
    from devctl.tui.stack import Broker, Control, Metrics, Stack, Telemetry

VERSION = 1
LOG_CAP_BYTES = 1 << 30
LONGEST_PAUSE = 2.0
"""Pauses of the recording are shortened to so many seconds: nobody waits for nothing to happen."""


class Replay:
    """Plays frames. The clock stands at the frame that was played last; `play` goes through the rest at once."""

    def __init__(self, frames: Iterable[Mapping[str, Any]], folder: Path | None = None) -> None:
        head, *self._frames = frames
        if head.get("replay") != VERSION:
            raise UsageError("this file holds no recording of the terminal UI that this devctl can play")
        self.name = str(head.get("stack", "stack"))
        self.link = "replay"
        self.folder = str(head.get("folder", ""))
        self._start_ns = int(head["start_ns"])
        self._now_ns = self._start_ns
        self._own_folder = None if folder else tempfile.mkdtemp(prefix="devctl-replay-")
        self._run = self._make_run(folder or Path(str(self._own_folder)), head)
        self.run_id = self._run.id
        self._whys: list[WhyView] = []
        self._sink: Sink | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.telemetry: Telemetry = RunTelemetry(self._run, self.now_ns, whole=False)
        self.control: Control = NoControl(lambda: self._whys, "this is a recording: nothing can be done to it")
        self.metrics: Metrics = NoMetrics()
        self.broker: Broker = NoBroker()

    def _make_run(self, folder: Path, head: Mapping[str, Any]) -> Any:
        from devctl.paths import StackPaths
        from devctl.record import store

        run = store.create(StackPaths(folder))
        run.spec_file.write_text(json.dumps(head.get("spec", {})))
        return run

    def watch(self, sink: Sink, on_link: Callable[[str], None]) -> None:
        """Play the frames into `sink`, at the pace of the recording."""
        self._sink = sink
        on_link(self.link)
        self._thread = threading.Thread(target=self._play_slowly, name="replay", daemon=True)
        self._thread.start()

    def _play_slowly(self) -> None:
        while self._frames and not self._stop.is_set():
            pause = self._frames[0].get("at", 0.0) - (self._now_ns - self._start_ns) / 1e9
            if pause > 0 and self._stop.wait(min(pause, LONGEST_PAUSE)):
                return
            self.step()

    def play(self) -> None:
        """Play all frames that are left, now."""
        while self._frames:
            self.step()

    def step(self) -> None:
        """Play the next frame."""
        frame = self._frames.pop(0)
        self._now_ns = max(self._now_ns, self._start_ns + int(frame.get("at", 0.0) * 1e9))
        if "log" in frame:
            self._log(frame["log"])
        if "spans" in frame:
            self._spans(frame["spans"])
        if "why" in frame:
            self._whys = list(frame["why"])
        if "item" in frame and self._sink:
            self._sink(cast("Item", frame["item"]))

    def feed(self, item: Item) -> None:
        """Hand one more item to whoever watches."""
        if self._sink:
            self._sink(item)

    def _log(self, log: Mapping[str, str]) -> None:
        from devctl.keeper.log import SegmentLog

        writer = SegmentLog(str(self._run.logs / log["instance"]), LOG_CAP_BYTES)
        writer.write(log["text"].encode("utf-8", "surrogateescape") + b"\n", self._now_ns)
        writer.close()

    def _spans(self, document: Mapping[str, Any]) -> None:
        from google.protobuf.json_format import ParseDict
        from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

        from devctl.record.span_writer import SpanWriter

        data = ParseDict(_with_base64_ids(document), TracesData())
        writer = SpanWriter(self._run.spans_file)
        writer.begin()
        writer.add(data.resource_spans)
        writer.commit()
        writer.close()

    def sample(self) -> Item | None:
        """Return nothing: the recording brings its figures."""
        return None

    def now_ns(self) -> int:
        """Return the time of the frame that was played last."""
        return self._now_ns

    def runs(self) -> list[RunInfo]:
        """Return the one run of the recording."""
        return [RunInfo(self.run_id, self._start_ns / 1e9, 0, is_current=True)]

    def open_run(self, run: RunInfo) -> Stack:
        """Refuse: a recording holds no other run."""
        raise refuse("a recording holds one run")

    def close(self) -> None:
        """Stop playing and delete what was unpacked."""
        self._stop.set()
        if self._thread:
            self._thread.join()
        if self._own_folder:
            shutil.rmtree(self._own_folder, ignore_errors=True)


def read(path: Path) -> Replay:
    """Return the recording in a file."""
    try:
        frames = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise UsageError(f"cannot read the recording: {error}", where=str(path)) from None
    if not frames or not all(isinstance(frame, dict) for frame in frames):
        raise UsageError("this file holds no recording", where=str(path))
    return Replay(frames)


_IDS = frozenset({"traceId", "spanId", "parentSpanId"})


def _with_base64_ids(value: Any) -> Any:
    """Return OTLP JSON, whose ids are hexadecimal, as protobuf's own JSON has them."""
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in _IDS else _with_base64_ids(item)
            for key, item in value.items()
        }
    return [_with_base64_ids(item) for item in value] if isinstance(value, list) else value
