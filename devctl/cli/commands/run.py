"""`devctl run`: a service once more, beside its instances, with another command."""

from __future__ import annotations

from devctl.actions import names
from devctl.cli import display
from devctl.cli.commands.exec_ import become
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Argument, Arguments, Flag, Text, TextList
from devctl.errors import DevctlError, UsageError
from devctl.text import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.client import Client
    from devctl.session.protocol import OneOffView


class RunOptions(Options):
    """What `devctl run` takes."""

    service = Argument("SERVICE", complete="service", help="The service to run once more.")
    argv = Arguments("[COMMAND]...", help="The command and its arguments, instead of the service's own.")
    environment = TextList("--env", "-e", metavar="NAME=VALUE", help="A variable to set; NAME alone takes ours.")
    working_dir = Text("--workdir", "-w", metavar="FOLDER", help="Where to run it.")
    user = Text("--user", "-u", metavar="USER", help="As whom; of a container only.")
    entrypoint = Text("--entrypoint", metavar="PROGRAM", help="Instead of the image's; of a container only.")
    no_deps = Flag("--no-deps", help="Do not start what it depends on.")
    remove = Flag("--rm", help="Remove the container when it has ended.")


def run(context: Context, options: RunOptions) -> int:
    """Start what the service depends on, then become its command, or run its container."""
    client = context.stack.running()
    names.check_services([options.service], client.snapshot()["spec"]["services"])
    if not options.no_deps:
        _start_needed(context, client, options.service)
    view = client.one_off(options.service)
    client.close()
    argv = options.argv[1:] if options.argv and options.argv[0] == "--" else options.argv
    extra = _variables(context, options)
    context.terminal.flush()
    if view["container"]:
        return _run_container(view, argv, extra, options)
    if refused := [flag for flag, value in (("--user", options.user), ("--entrypoint", options.entrypoint)) if value]:
        raise UsageError(f"{options.service} runs as a process: {listing(refused)} can be had of containers only")
    folder = options.working_dir or view["working_dir"] or str(context.stack.paths.folder)
    view["environment"] |= extra
    return become(argv or view["argv"], view, folder)


def _start_needed(context: Context, client: Client, service: str) -> None:
    """Bring up what the service depends on; DevctlError when that does not become good."""
    declared = client.snapshot()["spec"]["services"][service]
    statuses = {view["name"]: view["status"] for view in client.status()["services"]}
    needed = [d["service"] for d in declared["depends_on"] if d["required"]]
    missing = [name for name in needed if statuses.get(name) not in ("healthy", "running", "completed")]
    if not missing:
        return
    progress = display.choose(context, as_json=False)
    with progress:
        settled = client.start(missing, on_item=progress.item)
    if not settled["healthy"]:
        raise DevctlError(
            f"{service} depends on {listing(settled['failed'])}, which cannot be started",
            next=f"See `devctl why {settled['failed'][0]}`, or leave it with --no-deps.",
        )


def _variables(context: Context, options: RunOptions) -> dict[str, str]:
    extra = {}
    for text in options.environment:
        name, equals, value = text.partition("=")
        if not name:
            raise UsageError(f"--env takes NAME=VALUE, not {text!r}")
        if equals:
            extra[name] = value
        elif name in context.stack.environ:
            extra[name] = context.stack.environ[name]
    return extra


def _run_container(view: OneOffView, argv: list[str], extra: dict[str, str], options: RunOptions) -> int:
    from devctl.engine import terminal
    from devctl.engine.base import Address

    config = dict(view["config"])
    config["Env"] = [*config.get("Env", ()), *(f"{name}={value}" for name, value in extra.items())]
    chosen = {
        "Cmd": argv or None,
        "WorkingDir": options.working_dir,
        "User": options.user,
        "Entrypoint": [options.entrypoint] if options.entrypoint else None,
    }
    config |= {name: value for name, value in chosen.items() if value}
    return terminal.run(
        Address(view["engine"], "the container engine"), view["container"], config, remove=options.remove
    )


COMMAND = Command(
    run,
    RunOptions,
    interspersed=False,
    about="A one-off run has the environment, network and volumes of the service, ports of its own that nobody is told "
    "of, and no health check; it is no instance: nothing restarts it, and its output goes here. "
    "What the service depends on is started first. A process replaces devctl, as with `exec`; a container gets a "
    "terminal where there is one here, and stays until `down` unless --rm is given. Ctrl-C goes to it, a second one "
    "kills it. The exit code is its own.",
    examples={
        "devctl run order -- python -m services.order.migrate": "a task in the service's surroundings",
        "devctl run --rm -e LEVEL=debug api": "the service's own command, once, with another variable",
        "devctl run --rm --no-deps db -- psql --version": "without what it depends on",
    },
)
