"""`devctl top`: the processes of every instance, with what each costs."""

from __future__ import annotations

from devctl.actions import names
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.errors import DevctlError
from devctl.text import clean, duration, size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.top import RunningProcess
    from devctl.render.table import Cell

HEADS = ("instance", "pid", "parent", "user", "cpu", "memory", "age", "command")


class TopOptions(Options):
    """What `devctl top` takes."""

    services = shared.INSTANCES
    as_json = shared.JSON


def run(context: Context, options: TopOptions) -> int:
    """List the processes once."""
    from devctl.actions.top import processes_of

    client = context.stack.running()
    names.check_instances(client, options.services)
    processes = processes_of(client.processes(options.services))
    if not processes:
        raise DevctlError("no process of it runs", next="`devctl status` shows what does.")
    if options.as_json:
        import json

        context.terminal.write(json.dumps([process._asdict() for process in processes], indent=2))
        return 0
    from devctl.render import table

    rows = [_row(process) for process in processes]
    context.terminal.write("\n".join(table.lines(HEADS, rows, context.terminal, right="pid parent cpu")))
    return 0


def _row(process: RunningProcess) -> list[Cell]:
    return [
        clean(process.instance), str(process.pid), str(process.ppid), clean(process.user),
        f"{process.cpu_percent:.1f} %", size(process.memory_bytes), duration(process.seconds), clean(process.command),
    ]  # fmt: skip


COMMAND = Command(
    run,
    TopOptions,
    about="CPU is of one core, over the life of the process. The processes of a container have the numbers that the "
    "machine of its engine gives them. Passwords and tokens in command lines are masked.",
    examples={"devctl top": "everything that runs", "devctl top order api.2": "one service, one instance"},
    shape="A list of objects: `instance`, `pid`, `ppid`, `user`, `cpu_percent`, `memory_bytes`, `seconds`, `command`.",
)
