"""Where rendered log lines go: gathered, and written to stdout in large pieces."""

from __future__ import annotations

import json

from devctl.cli.ctrl_c import INTERRUPTS
from devctl.render.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.queries.traces import Trace
    from devctl.record.batch import Batch
    from devctl.render.logs import Render

PIECE_BYTES = 1 << 18  # a call for each small batch would cost more than the bytes do
FULL_BAR_NS = 1_000_000_000  # what a full bar beside a trace means


class LogOutput:
    """A sink of `follow.stream_logs`: renders lines and traces, and takes Ctrl-C whenever there is a pause."""

    def __init__(self, terminal: Terminal, render: Render, *, as_json: bool = False) -> None:
        self._terminal = terminal
        self._render = render
        self._as_json = as_json
        self._pending: list[bytes] = []
        self._size = 0

    def batch(self, batch: Batch) -> None:
        """Add the next lines."""
        self._add(self._render(batch))

    def trace(self, trace: Trace) -> None:
        """Add a trace that ended here."""
        self._add(self._draw(trace).encode(errors="replace") + b"\n")

    def pause(self) -> None:
        """Write what was gathered."""
        self._flush()
        INTERRUPTS.look()

    def _draw(self, trace: Trace) -> str:
        if self._as_json:
            from devctl.queries import traces

            return json.dumps(traces.summary(trace))
        from devctl.render.traces import listing

        return listing([trace], self._terminal, longest_ns=FULL_BAR_NS, has_head=False)[0]

    def _add(self, content: bytes) -> None:
        self._pending.append(content)
        self._size += len(content)
        if self._size >= PIECE_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._pending:
            self._terminal.write_bytes(b"".join(self._pending))
            self._pending.clear()
            self._size = 0
