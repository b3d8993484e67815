"""`devctl ls`: every stack of this user that runs, wherever its folder is."""

from __future__ import annotations

import json

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.errors import ExitCode
from devctl.text import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from devctl.actions.running import RunningStack
    from devctl.render import table

HEADS = ("service", "status", "variant", "address")


class LsOptions(Options):
    """What `devctl ls` takes."""

    as_json = shared.JSON


def run(context: Context, options: LsOptions) -> int:
    """List the stacks by their folders."""
    from devctl.actions.running import running_stacks

    terminal, count = context.terminal, 0
    for stack in running_stacks(context.stack):
        if options.as_json:
            terminal.write(json.dumps(_view(stack)))
        else:
            terminal.write("\n".join([""] * bool(count) + _lines(context, stack)))
        count += 1
    if not count and not options.as_json:
        terminal.say("No stack of yours runs.")
    return ExitCode.OK


def _view(stack: RunningStack) -> dict[str, Any]:
    status = stack.status
    services = status["services"] if status else []
    return {
        "stack": status["stack"] if status else stack.paths.project or stack.paths.folder.name,
        "project": stack.paths.project,
        "folder": str(stack.paths.folder),
        "status": status["status"] if status else "unknown",
        "problem": stack.problem,
        "run": status["run"] if status else "",
        "supervisor": {"pid": status["supervisor"]["pid"] if status else 0},
        "services": [{"name": s["name"], "status": s["status"], "ports": s["ports"]} for s in services],
    }


def _lines(context: Context, stack: RunningStack) -> list[str]:
    """Return a stack for people: where it is, how it is, and where its services are reached."""
    from devctl.render import status, table

    terminal, paths = context.terminal, stack.paths
    project = f" (-p {paths.project})" if paths.project else ""
    folder = clean(f"{paths.folder}{project}{'' if paths.folder.exists() else ', which was deleted'}")
    if stack.status is None:
        return [f"{folder}: {terminal.paint(clean(stack.problem), 'red')}"]
    rows: list[list[table.Cell]] = [
        [clean(s["name"]), (s["status"], status.style(s)), s["variant"], (clean(status.address(s)), "cyan")]
        for s in stack.status["services"]
    ]
    return [f"{status.heading(stack.status, terminal)}", f"in {folder}", *table.lines(HEADS, rows, terminal)]


COMMAND = Command(
    run,
    LsOptions,
    about="Lists what runs in all folders, also copies (`-p`, `--isolated`) and stacks whose folder was renamed or "
    "deleted: `devctl --project-directory FOLDER down` stops one from anywhere.",
    examples={
        "devctl ls": "what runs on this machine, and where",
        "devctl ls --json | jq -r .folder": "the folders alone",
    },
    shape="JSON lines, one stack each: `stack`, `project`, `folder`, `status` (`unknown` where its supervisor does not "
    "answer: `problem` says why), `problem`, `run`, `supervisor.pid`, `services` (`name`, `status`, `ports`: name → "
    "`host:port`).",
)
