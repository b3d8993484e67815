"""How one instance is run, every word filled in: from the running stack, else from the newest run's record."""

from __future__ import annotations

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.errors import EnvironmentProblem, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.actions.recorded import Recorded
    from devctl.session.client import Client
    from devctl.session.protocol import LaunchView


def find(context: Context, name: str) -> LaunchView:
    """Return the launch of instance `name` (SERVICE.N), or of the first instance of service `name`."""
    session = context.session()
    launches = session.spec()["launches"]
    for launch in launches:
        if name in (launch["instance"], launch["instance"].rpartition(".")[0]):
            return launch
    _check_available(session, name)
    service, _, number = name.rpartition(".")
    names = [launch["instance"].rpartition(".")[0] for launch in launches]
    shared.known([service if service in names and number.isdigit() else name], names)
    raise UsageError(f"no instance {name!r}", next="`devctl status` lists them.")


def _check_available(session: Client | Recorded, name: str) -> None:
    """Raise EnvironmentProblem for a service that cannot be had here: it has no instance to act in."""
    for view in session.status()["services"]:
        if view["status"] == "unavailable" and view["name"] in (name, name.rpartition(".")[0]):
            raise EnvironmentProblem(f"{view['name']} is unavailable: {view['reason']}", next=view["cure"])
