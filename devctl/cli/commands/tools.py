"""`devctl tools`: the native programs in the user's cache: what is here, what can be had, bring it, free the disk."""

from __future__ import annotations

import dataclasses
import json

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Argument, Command, Group, Option
from devctl.errors import UsageError
from devctl.text import clean, listing, size, typed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.render.table import Cell
    from devctl.tools.base import Available, Missing, Progress

NAMES = Argument(
    "tools", many=True, metavar="TOOL...", complete="tool", help="Programs, as `devctl tools list` names them."
)


def list_(context: Context, *, as_json: bool) -> int:
    """Say for each program whether it is here, from where, which version, or what would bring it."""
    from devctl import tools
    from devctl.products import catalog

    found = [tools.available(name) for name in catalog.NAMES]
    if as_json:
        for one in found:
            context.terminal.write(json.dumps(_plain(one)))
        return 0
    from devctl.render import table

    heads = ("tool", "state", "version", "from", "size", "checksum", "path or cure")
    context.terminal.write("\n".join(table.lines(heads, [_row(one) for one in found], context.terminal, right="size")))
    return 0


def _plain(one: Available | Missing) -> dict[str, object]:
    from devctl.tools.base import Missing

    if isinstance(one, Missing):
        return {"name": one.name, "state": "missing", "reason": one.reason, "cure": one.cure}
    if one.tool:
        return {**dataclasses.asdict(one.tool), "state": "here"}
    return {"name": one.name, "state": "available", "source": one.source, "version": one.version, "bytes": one.bytes}


def _row(one: Available | Missing) -> list[Cell]:
    from devctl.tools.base import Missing

    if isinstance(one, Missing):
        return [
            one.name,
            ("missing", "red"),
            "",
            "",
            "",
            "",
            clean(f"{one.reason}: {one.cure}" if one.cure else one.reason),
        ]
    if (tool := one.tool) is None:
        todo = typed(f"`devctl tools install {one.name}`")
        return [one.name, ("available", "yellow"), clean(one.version), one.source, _size(one.bytes), "", todo]
    checksum = tool.checksum[:12]
    return [
        one.name,
        ("here", "green"),
        clean(tool.version),
        tool.source,
        _size(tool.bytes),
        checksum,
        clean(tool.path),
    ]


def _size(total: int) -> str:
    return size(total) if total else ""


def install(context: Context, *, tools: list[str], as_json: bool) -> int:
    """Bring the named programs into the cache, with progress."""
    from devctl.products import catalog
    from devctl.tools.finder import fetch

    for name in tools:
        catalog.entry(name)
    with shared.progress(context, as_json=as_json) as progress:

        def report(step: Progress) -> None:
            view = dataclasses.asdict(step)
            progress.item({"progress": {"service": "", **view}})  # type: ignore[typeddict-item]

        fetched = [fetch(name, report) for name in tools]
    for tool in fetched:
        if as_json:
            context.terminal.write(json.dumps({"type": "tool", **dataclasses.asdict(tool)}))
        else:
            context.terminal.say(f"{tool.name} {clean(tool.version)} from {tool.source}: {clean(tool.path)}")
    return 0


def remove(context: Context, *, tools: list[str], all: bool) -> int:
    """Delete the named programs from the cache; what is on the PATH or in a Python package stays."""
    from devctl.products import catalog
    from devctl.tools import cache

    names = list(catalog.NAMES) if all else tools
    if not names:
        raise UsageError("which tool?", next="Name some, or say --all. `devctl tools list` shows what is there.")
    for name in names:
        catalog.entry(name)
    present = [name for name in names if cache.every(name)]
    freed = sum(cache.remove(name) for name in present)
    said = f"Removed {listing(present)}: {size(freed)} freed." if present else "Nothing of it is in the cache."
    context.terminal.say(said)
    return 0


GROUP = Group(
    {
        "list": (
            "List the programs: here, available or missing.",
            Command(
                list_,
                shared.JSON,
                examples={"devctl tools list": "what this machine has and can have"},
                shape="JSON lines by `state`. here: `{name, path, version, source, checksum, bytes}`; available (to "
                "download): `{name, source, version, bytes}`; missing: `{name, reason, cure}`.",
            ),
        ),
        "install": (
            "Bring programs into the cache.",
            Command(
                install,
                NAMES,
                shared.JSON,
                about="Every download is verified by its checksum before it is unpacked; nothing is installed "
                "system-wide.",
                examples={"devctl tools install kafka java": "before a train ride"},
                shape="JSON lines: `progress` as in `up --json`, then `{type: tool, name, path, version, source, "
                "checksum, bytes}` for each.",
            ),
        ),
        "remove": (
            "Delete programs from the cache.",
            Command(
                remove,
                Argument("tools", many=True, required=False, metavar="[TOOL]...", complete="tool", help=NAMES.help),
                Option("--all", flag=True, help="All of them."),
                examples={"devctl tools remove grafana": "one", "devctl tools remove --all": "free the disk"},
            ),
        ),
    },
    about="They are shared by all stacks of the user.",
)
