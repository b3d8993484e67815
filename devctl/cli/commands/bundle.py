"""`devctl bundle`: a run in one file: packed, opened elsewhere, looked through for secrets."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Group, Options
from devctl.cli.line.params import Argument, Arguments, Text
from devctl.cli.shared import RUN
from devctl.errors import ExitCode, UsageError
from devctl.text import typed

FILE = Argument("FILE", complete="file", help="The bundle.")


class PackOptions(Options):
    """What `devctl bundle pack` takes."""

    file = FILE
    run_id = RUN


class OpenOptions(Options):
    """What `devctl bundle open` takes."""

    file = FILE
    command = Arguments("[COMMAND]...", help="A reading command to run on it, such as `traces --errors`.")
    into = Text("--into", metavar="FOLDER", complete="folder", help="Unpack there, instead of beside the bundle.")


class CheckOptions(Options):
    """What `devctl bundle check` takes."""

    file = FILE


def run_pack(context: Context, options: PackOptions) -> int:
    """Pack a run into a file."""
    from devctl.actions import bundle

    recorded = context.stack.run(options.run_id or "")
    bundle.pack(recorded, Path(options.file))
    context.terminal.say(f"Packed run {recorded.id} into {options.file}.")
    return ExitCode.OK


def run_open(context: Context, options: OpenOptions) -> int:
    """Unpack a bundle; with a command, run it on the unpacked run."""
    from devctl.record import bundle

    path = Path(options.file)
    if not path.name:
        raise UsageError("an empty name is no bundle", next="`devctl bundle open FILE` takes what `bundle pack` wrote.")
    folder = Path(options.into) if options.into else path.with_suffix("")
    with bundle.open_bundle(path) as archive:
        bundle.unpack(archive, folder)
    if options.command:
        context.terminal.flush()
        command = [sys.executable, "-m", "devctl", "--project-directory", str(folder), *options.command]
        os.execv(sys.executable, command)  # noqa: S606  this very program, with its own arguments
    context.terminal.write(str(folder))
    context.terminal.say(
        typed(f"Look into it with `devctl --project-directory {folder} status`, logs, traces, why, tui.")
    )
    return ExitCode.OK


def run_check(context: Context, options: CheckOptions) -> int:
    """Say whether a bundle holds what looks like a secret: exit code 1 when it does."""
    from devctl.record import bundle
    from devctl.text import clean

    with bundle.open_bundle(Path(options.file)) as archive:
        findings = list(bundle.findings(archive))
    for name, what, value in findings:
        context.terminal.write(f"{clean(name)}: {what}: {clean(value)}")
    if findings:
        return ExitCode.UNHEALTHY
    context.terminal.say("Nothing in it looks like a secret.")
    return ExitCode.OK


GROUP = Group(
    {
        "pack": (
            "Pack a run into one file.",
            Command(run_pack, PackOptions, examples={"devctl bundle pack run.zip": "the current or last run"}),
        ),
        "open": (
            "Unpack a bundle, so that every reading command shows it.",
            Command(
                run_open,
                OpenOptions,
                examples={
                    "devctl bundle open smoke.zip": "unpack it and print the folder",
                    "devctl bundle open smoke.zip traces --errors": "ask it something at once",
                },
                interspersed=False,
            ),
        ),
        "check": (
            "Look through a bundle for what looks like a secret.",
            Command(run_check, CheckOptions, examples={"devctl bundle check smoke.zip": "before it is shared"}),
        ),
    },
    about="A bundle holds the specification, states, logs, spans and why of one run; secrets are blotted out.",
)
