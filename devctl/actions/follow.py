"""Following a stack: its items until it is gone, and its log lines with finished traces in between."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from devctl.record import logs
from devctl.record.query import make_filter
from devctl.session.locate import is_running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from devctl.actions.access import StackAccess
    from devctl.actions.display import Display
    from devctl.actions.interleaved import InterleavedTraces
    from devctl.core.spec import Spec
    from devctl.paths import StackPaths
    from devctl.queries.traces import Trace
    from devctl.record.batch import Batch
    from devctl.record.store import Run

    class LogSink(Protocol):
        """Where lines and traces go, in the order of their time."""

        def batch(self, batch: Batch) -> None:
            """Add the next lines."""
            ...

        def trace(self, trace: Trace) -> None:
            """Add a trace that ended here."""
            ...

        def pause(self) -> None:
            """Show what was taken: nothing more is there at the moment."""
            ...


class StackWatcher:
    """Shows the stack's items in a thread of its own, over deaths of the supervisor, until the stack is gone."""

    def __init__(self, stack: StackAccess, display: Display) -> None:
        import threading  # here, since `devctl logs` needs the rest of this module and no thread

        self.gone = threading.Event()
        self._stack = stack
        self._display: Display | None = display
        self._thread = threading.Thread(target=self._listen, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def hush(self) -> None:
        """Show nothing from here on."""
        self._display = None

    def _listen(self) -> None:
        try:
            while client := self._stack.client():  # a supervisor that died is started again by this
                for item in client.watch():
                    if display := self._display:
                        display.item(item)
                client.close()
        finally:
            self.gone.set()


def until_gone(stack: StackAccess, display: Display) -> None:
    """Show the stack's items until it is gone."""
    watcher = StackWatcher(stack, display)
    watcher.start()
    watcher.gone.wait()


def gone_check(paths: StackPaths) -> Callable[[], bool]:
    """Return what tells that the stack is gone, one call late, so that its last lines are read before."""
    was_gone = False

    def is_gone() -> bool:
        nonlocal was_gone
        earlier, was_gone = was_gone, not is_running(paths)
        return earlier and was_gone

    return is_gone


def foreground_filter(spec: Spec, services: Sequence[str]) -> Callable[[Batch], Batch | None]:
    """Return what keeps the lines that a foreground `up` shows: of third-party products from `warning` up, unless
    they are among the `services` that were named."""
    from devctl.core.spec import RESERVED  # here, since `devctl logs` needs the rest of this module and no spec

    severe = make_filter(logs.Query(level="warning"))
    assert severe is not None
    third_party = {name for name, service in spec.services.items() if service.uses or name in RESERVED} - set(services)
    return lambda batch: severe(batch) if batch.label.service in third_party else batch


def stream_logs(
    run: Run,
    query: logs.Query,
    sink: LogSink,
    *,
    stop: Callable[[], bool] | None = None,
    traces: InterleavedTraces | None = None,
) -> None:
    """Hand over the lines that are there, with `traces` in between; with `stop` go on until it says so."""

    def should_stop() -> bool:
        assert stop is not None
        _hand_over(sink, traces.newly_finished() if traces else ())
        sink.pause()
        return stop()

    batches = logs.follow_batches(run, query, should_stop) if stop else logs.read_batches(run, query)
    has_begun = query.tail is None
    for batch in batches:
        if traces and not has_begun:
            traces.begin_at(batch.times[0])
        has_begun = True
        if rest := _interleave(sink, batch, traces) if traces else batch:
            sink.batch(rest)
    _hand_over(sink, traces.newly_finished() if traces else ())
    sink.pause()


def _interleave(sink: LogSink, batch: Batch, traces: InterleavedTraces) -> Batch | None:
    """Hand over the stored traces that ended within `batch`, with the lines before them; return the lines after."""
    rest: Batch | None = batch
    while rest and traces.next_ns <= rest.times[-1]:
        end_ns = traces.next_ns
        if before := rest.within(None, end_ns):
            sink.batch(before)
        _hand_over(sink, traces.until(end_ns))
        rest = rest.within(end_ns, None)
    return rest


def _hand_over(sink: LogSink, traces: Sequence[Trace]) -> None:
    for trace in traces:
        sink.trace(trace)
