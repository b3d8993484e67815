"""`devctl tools`: the native programs in the user's cache: list, install, free the disk."""

from __future__ import annotations

import dataclasses
import json

from devctl.cli import display, shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Group, Options
from devctl.cli.line.params import Arguments, Flag, RequiredArguments
from devctl.errors import UsageError
from devctl.text import clean, listing, size, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.render.table import Cell
    from devctl.tools.base import Available, Progress, Unavailable

TOOLS_HELP = "Programs, as `devctl tools list` names them."
HEADS = ("tool", "state", "version", "from", "size", "checksum", "path or remedy")


class ListOptions(Options):
    """What `devctl tools list` takes."""

    as_json = shared.JSON


class InstallOptions(Options):
    """What `devctl tools install` takes."""

    tools = RequiredArguments("TOOL...", complete="tool", help=TOOLS_HELP)
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
    """Bring the named programs into the cache, with progress."""
    from devctl.products import catalog, toolbox

    for name in options.tools:
        catalog.entry(name)
    progress = display.choose(context, as_json=options.as_json)

    def report(step: Progress) -> None:
        view = dataclasses.asdict(step)
        progress.item({"progress": {"service": "", **view}})  # type: ignore[typeddict-item]

    with progress:
        fetched = [toolbox.fetch(name, report) for name in options.tools]
    for tool in fetched:
        if options.as_json:
            context.terminal.write(json.dumps({"type": "tool", **dataclasses.asdict(tool)}))
        else:
            context.terminal.say(f"{tool.name} {clean(tool.version)} from {tool.source}: {clean(tool.path)}")
    return 0


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
                examples={"devctl tools install kafka java": "before going offline"},
                shape="JSON lines: `progress` as in `up --json`, then `{type: tool, name, path, version, source, "
                "checksum, bytes}` for each.",
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
