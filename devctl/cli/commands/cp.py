"""`devctl cp`: files and folders between here and a service."""

from __future__ import annotations

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Argument, Flag
from devctl.errors import UsageError


class CpOptions(Options):
    """What `devctl cp` takes."""

    source = Argument("SOURCE", complete="file", help="What to copy: PATH, or SERVICE:PATH.")
    target = Argument("TARGET", complete="file", help="Where to: PATH, or SERVICE:PATH.")
    follow_link = Flag("--follow-link", "-L", help="Copy what a link at SOURCE points to, not the link.")
    as_json = shared.JSON


def run(context: Context, options: CpOptions) -> int:
    """Copy from or to one service."""
    from devctl.actions import copying

    source, target = copying.parse_end(options.source), copying.parse_end(options.target)
    if bool(source.service) == bool(target.service):
        raise UsageError(
            "one of the two is in a service, the other here", next="Write SERVICE:PATH for the one in a service."
        )
    session = context.stack.running()
    copied = copying.copy(session, context.stack.paths.folder, source, target, follow_link=options.follow_link)
    if options.as_json:
        import json

        context.terminal.write(json.dumps({"source": options.source, "targets": list(copied)}))
    else:
        for path in copied:
            context.terminal.say(f"Copied {options.source} to {path}.")
    return 0


COMMAND = Command(
    run,
    CpOptions,
    about="As with Docker: a file replaces a file or goes into a folder; a folder goes into a folder that is there, or "
    "becomes TARGET; `FOLDER/.` copies what is in it. SERVICE may be one instance (SERVICE.N); a copy to a service "
    "goes to each of its instances, a copy from it comes from the first. Paths of a container begin at its root, paths "
    "of a process at its working folder. A container may have ended.",
    examples={
        "devctl cp db:/var/log/postgres.log .": "out of a container",
        "devctl cp fixtures/. api:data": "what is in a folder, to every instance",
        "devctl cp api.2:dump.json /tmp/": "from one instance",
    },
    shape="One object: `source`, `targets` (what was written).",
)
