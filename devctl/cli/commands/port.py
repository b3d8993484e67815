"""`devctl port`: where a port of a service is reached."""

from __future__ import annotations

from devctl.actions import names
from devctl.actions.ports import reached_ports
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import OptionalArgument
from devctl.errors import DevctlError, UsageError
from devctl.text import clean, listing


class PortOptions(Options):
    """What `devctl port` takes."""

    service = shared.ONE_SERVICE
    port = OptionalArgument("[PORT]", help="Its name, or its number inside the service; all ports without it.")
    as_json = shared.JSON


def run(context: Context, options: PortOptions) -> int:
    """Print the address of one port, or of all."""
    session = context.stack.session()
    names.check_instances(session, [options.service])
    ports = reached_ports(session, options.service)
    if not ports:
        raise DevctlError(f"{options.service} has no port", next="`devctl status` shows what has.")
    chosen = [p for p in ports if not options.port or options.port in (p.name, str(p.inside), str(p.number))]
    if not chosen:
        there_are = listing([f"{p.name} ({p.inside})" if p.inside else p.name for p in ports])
        raise UsageError(f"{options.service} has no port {options.port!r}", next=f"It has {there_are}.")
    if options.as_json:
        import json

        context.terminal.write(json.dumps({port.name: port.address for port in chosen}))
    elif options.port:
        context.terminal.write(chosen[0].address)
    else:
        for port in chosen:
            inside = f"{port.inside}/tcp" if port.inside else ""
            context.terminal.write(f"{clean(port.name)}  {inside + ' -> ' if inside else ''}{port.address}")
    return 0


COMMAND = Command(
    run,
    PortOptions,
    about="Of a service behind the relay it is the relay's address; of one instance (SERVICE.N) its own.",
    examples={
        "devctl port gateway http": "one address, for scripts",
        "devctl port postgres 5432": "by the number inside the container",
        "devctl port api.2": "all ports of one instance",
    },
    shape="One object: name of the port → `host:port`.",
)
