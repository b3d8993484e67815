"""What a foreground `up` does once the stack is up: follow its logs, say what happens, know when it is gone."""

from __future__ import annotations

import sys
import threading

from devctl.cli.commands.logs import Output, show
from devctl.cli.context import Context
from devctl.record import logs
from devctl.record.query import make_filter
from devctl.render import logs as looks
from devctl.render import progress, status

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Spec
    from devctl.record.batch import Batch


def logs_until_gone(context: Context, spec: Spec, services: list[str], since_ns: int | None) -> None:
    """Follow the logs of `services` (none: all) from `since_ns` on, bought-in products from `warning` up; return
    when the stack is gone."""
    watcher = Watcher(context, progress.Plain(context.terminal))
    terminal = context.terminal
    look = looks.Look(colour=terminal.colour(), pretty=True, width=max((len(name) for name in spec.active), default=0))
    render = looks.for_people(look)
    severe = make_filter(logs.Query(level="warning"))
    assert severe is not None
    bought = {name for name, service in spec.services.items() if service.uses or name == "hub"}

    def shown(batch: Batch) -> bytes:
        wanted = severe(batch) if batch.label.service in bought and batch.label.service not in services else batch
        return render(wanted) if wanted else b""

    watcher.start()
    if terminal.can_ask:
        threading.Thread(target=_answer_enter, args=(context,), name="enter", daemon=True).start()
    query = logs.Query(services=tuple(services), since_ns=since_ns)
    try:
        show(Output(terminal), shown, context.run(), query, stop=watcher.gone.is_set)
    finally:
        watcher.hush()


def until_gone(context: Context, display: progress.Progress) -> None:
    """Show the stack's items until it is gone."""
    watcher = Watcher(context, display)
    watcher.start()
    watcher.gone.wait()


class Watcher:
    """Listens to the stack in a thread of its own, over deaths of the supervisor, until the stack is gone."""

    def __init__(self, context: Context, display: progress.Progress) -> None:
        self.gone = threading.Event()
        self._context = context
        self._display = display
        self._thread = threading.Thread(target=self._listen, name="watcher", daemon=True)

    def start(self) -> None:
        """Begin to listen."""
        self._thread.start()

    def hush(self) -> None:
        """Show nothing from here on."""
        self._display = progress.Quiet()

    def _listen(self) -> None:
        try:
            while client := self._context.client():  # a supervisor that died is started again by this
                for item in client.watch():
                    self._display.item(item)
                client.close()
        finally:
            self.gone.set()


def _answer_enter(context: Context) -> None:
    """Show the addresses again whenever the person presses Enter."""
    while sys.stdin.readline():
        session = context.session()
        context.terminal.say("\n".join(status.addresses(session.status(), context.terminal)))
        session.close()
