"""`devctl attach`: the output of one instance as it comes, and its input where it has a terminal."""

from __future__ import annotations

from devctl.actions import follow, names
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.log_output import LogOutput
from devctl.errors import DevctlError, ExitCode
from devctl.record import logs
from devctl.render import logs as rendered

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from devctl.session.protocol import MembersView


class AttachOptions(Options):
    """What `devctl attach` takes."""

    service = shared.ONE_SERVICE


def run(context: Context, options: AttachOptions) -> int:
    """Connect to one instance until it ends, or until it is left."""
    client = context.stack.running()
    names.check_instances(client, [options.service])
    members = client.processes([options.service])
    client.close()
    if not members:
        raise DevctlError(f"nothing of {options.service} runs", next="`devctl status` shows what does.")
    if members[0]["container"]:
        return _attach_container(context, members[0])
    instance = members[0]["instance"]
    context.terminal.say(f"The output of {instance}, which takes no input, until it ends; Ctrl-C leaves it.")
    _follow_process(context, members[0])
    context.terminal.say(f"{instance} has ended.")
    return ExitCode.OK


def _attach_container(context: Context, view: MembersView) -> int:
    from devctl.engine import terminal
    from devctl.engine.base import Address

    context.terminal.say(f"Attached to {view['instance']}; Ctrl-P, Ctrl-Q leaves it where it takes input, else Ctrl-C.")
    context.terminal.flush()
    has_ended = terminal.attach(Address(view["engine"], "the container engine"), view["container"])
    context.terminal.say(f"{view['instance']} has ended." if has_ended else f"Left {view['instance']}, which goes on.")
    return ExitCode.OK


def _follow_process(context: Context, view: MembersView) -> None:
    """Show what the process writes from here on."""
    import time

    style = rendered.LogStyle(colour=context.terminal.colour(), prefix=False, pretty=False, times=False, width=0)
    query = logs.Query(services=(view["instance"],), since_ns=time.time_ns())
    output = LogOutput(context.terminal, rendered.for_people(style))
    follow.stream_logs(context.stack.run(), query, output, stop=_end_check(view))


def _end_check(view: MembersView) -> Callable[[], bool]:
    """Return what tells that the processes have ended, one call late, so that the last lines are read before."""
    from devctl.machine.process import is_alive

    was_gone = False

    def has_ended() -> bool:
        nonlocal was_gone
        earlier, was_gone = was_gone, not any(map(is_alive, view["pids"]))
        return earlier and was_gone

    return has_ended


COMMAND = Command(
    run,
    AttachOptions,
    about="Of a container that has `stdin_open` and `tty`, what is typed goes there, every key as it is pressed. A "
    "process takes no input: its output is shown as it comes. The instance goes on when it is left.",
    examples={"devctl attach shell": "a container with a terminal", "devctl attach api.2": "one instance"},
)
