"""`devctl tools`: the native programs in the user's cache: list, install, free the disk."""

from __future__ import annotations

import dataclasses
import json

from devctl.cli import display, shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Group, Options
from devctl.cli.line.params import Arguments, Flag
from devctl.errors import DevctlError, UsageError
from devctl.text import clean, listing, size, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.render.table import Cell
    from devctl.tools.base import Available, Progress, Report, Tool, Unavailable

TOOLS_HELP = "Programs, as `devctl tools list` names them."
HEADS = ("tool", "state", "version", "from", "size", "checksum", "path or remedy")


class ListOptions(Options):
    """What `devctl tools list` takes."""

    as_json = shared.JSON


class InstallOptions(Options):
    """What `devctl tools install` takes."""

    tools = Arguments("[TOOL]...", complete="tool", help=f"{TOOLS_HELP} Without any, all that the stack here needs.")
    profiles = shared.PROFILE
    as_json = shared.JSON


class RemoveOptions(Options):
    """What `devctl tools remove` takes."""

    tools = Arguments("[TOOL]...", complete="tool", help=TOOLS_HELP)
    all = Flag("--all", help="All of them.")


def list_tools(context: Context, options: ListOptions) -> int:
    """Say for each program whether it is here, from where, which version, or what would bring it."""
    from devctl.products import catalog, toolbox

    answers = [toolbox.available(name) for name in catalog.names()]
    if options.as_json:
        for answer in answers:
            context.terminal.write(json.dumps(_plain(answer)))
        return 0
    from devctl.render import table

    rows = [_row(answer) for answer in answers]
    context.terminal.write("\n".join(table.lines(HEADS, rows, context.terminal, right="size")))
    return 0


def _plain(answer: Available | Unavailable) -> dict[str, object]:
    from devctl.tools.base import Unavailable

    if isinstance(answer, Unavailable):
        return {"name": answer.name, "state": "missing", "reason": answer.reason, "cure": answer.remedy}
    if answer.tool:
        return {**dataclasses.asdict(answer.tool), "state": "here"}
    download = {"source": answer.source, "version": answer.version, "bytes": answer.bytes}
    return {"name": answer.name, "state": "available", **download}


def _row(answer: Available | Unavailable) -> list[Cell]:
    from devctl.tools.base import Unavailable

    if isinstance(answer, Unavailable):
        remedy = clean(f"{answer.reason}: {answer.remedy}" if answer.remedy else answer.reason)
        return [answer.name, ("missing", "red"), "", "", "", "", remedy]
    if (tool := answer.tool) is None:
        todo = typed(f"`devctl tools install {answer.name}`")
        state = ("available", "yellow")
        return [answer.name, state, clean(answer.version), answer.source, _size(answer.bytes), "", todo]
    version, path = clean(tool.version), clean(tool.path)
    return [answer.name, ("here", "green"), version, tool.source, _size(tool.bytes), tool.checksum[:12], path]


def _size(total: int) -> str:
    return size(total) if total else ""


def install(context: Context, options: InstallOptions) -> int:
    """Bring the named programs (or all that the stack here needs) into the cache; one that fails stops no other."""
    names = options.tools or _needed(context, options.profiles)
    if not names:
        context.terminal.say("Nothing here needs a native program.")
        return 0
    progress = display.choose(context, as_json=options.as_json)

    def report(step: Progress) -> None:
        view = dataclasses.asdict(step)
        progress.item({"progress": {"service": "", **view}})  # type: ignore[typeddict-item]

    with progress:
        outcomes = {name: _fetch(name, report) for name in dict.fromkeys(names)}
    for name, outcome in outcomes.items():
        _tell(context, name, outcome, as_json=options.as_json)
    return max((each.exit_code for each in outcomes.values() if isinstance(each, DevctlError)), default=0)


def _needed(context: Context, profiles: list[str]) -> list[str]:
    """Return the programs that the services of the manifest here run."""
    from devctl.actions import downloads

    return downloads.needed(context.load(profiles=profiles))


def _fetch(name: str, report: Report) -> Tool | DevctlError:
    from devctl.products import catalog, toolbox

    try:
        catalog.entry(name)
        return toolbox.fetch(name, report)
    except DevctlError as error:
        return error


def _tell(context: Context, name: str, outcome: Tool | DevctlError, *, as_json: bool) -> None:
    """Say what came of one program."""
    terminal = context.terminal
    if isinstance(outcome, DevctlError):
        from devctl.render import problems

        if as_json:
            failure = {"type": "failure", "name": name, "reason": outcome.what, "cure": outcome.next}
            terminal.write(json.dumps(failure))
        terminal.say(problems.text(outcome, terminal))
    elif as_json:
        terminal.write(json.dumps({"type": "tool", **dataclasses.asdict(outcome)}))
    else:
        terminal.say(f"{outcome.name} {clean(outcome.version)} from {outcome.source}: {clean(outcome.path)}")


def remove(context: Context, options: RemoveOptions) -> int:
    """Delete the named programs from the cache; what is on the PATH or in a Python package stays."""
    from devctl.products import catalog
    from devctl.tools import cache

    names = list(catalog.names()) if options.all else options.tools
    if not names:
        raise UsageError("which tool?", next="Name some, or say --all. `devctl tools list` shows what is there.")
    for name in names:
        catalog.entry(name)
    present = [name for name in names if cache.every(name)]
    freed = sum(cache.remove(name) for name in present)
    none = "None of them is in the cache."
    context.terminal.say(f"Removed {listing(present)}: {size(freed)} freed." if present else none)
    return 0


GROUP = Group(
    {
        "list": (
            "List the programs: here, available or missing.",
            Command(
                list_tools,
                ListOptions,
                examples={"devctl tools list": "what this machine has and can have"},
                shape="JSON lines by `state`. here: `{name, path, version, source, checksum, bytes}`; available (to "
                "download): `{name, source, version, bytes}`; missing: `{name, reason, cure}`.",
            ),
        ),
        "install": (
            "Bring programs into the cache.",
            Command(
                install,
                InstallOptions,
                about="Every download is verified by its checksum before it is unpacked; nothing is installed "
                "system-wide.",
                examples={
                    "devctl tools install": "what the stack here needs, before going offline",
                    "devctl tools install kafka java": "only these",
                },
                shape="JSON lines: `progress` as in `up --json`, then `{type: tool, name, path, version, source, "
                "checksum, bytes}` for each, or `{type: failure, name, reason, cure}`.",
            ),
        ),
        "remove": (
            "Delete programs from the cache.",
            Command(
                remove,
                RemoveOptions,
                examples={"devctl tools remove grafana": "one", "devctl tools remove --all": "free the disk"},
            ),
        ),
    },
    about="They are shared by all stacks of the user.",
)
