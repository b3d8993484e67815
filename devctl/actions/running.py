"""Every stack of this user that runs, wherever it is: those of the user's index that still answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from devctl.actions.access import StackAccess
from devctl.errors import DevctlError
from devctl.paths import StackPaths
from devctl.record import running

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.session.protocol import StatusView


class RunningStack(NamedTuple):
    """One stack. `status` is None where its supervisor cannot be asked; `problem` then says why."""

    paths: StackPaths
    status: StatusView | None
    problem: str = ""


def running_stacks(here: StackAccess) -> Iterator[RunningStack]:
    """Yield each stack by its folder; one that is gone, as after a reboot, is struck from the index."""
    for paths in running.entries():
        try:
            client = here.elsewhere(paths).client()
            if client is None:
                running.unregister(paths)
                continue
            with client:
                yield RunningStack(paths, client.status())
        except DevctlError as error:
            yield RunningStack(paths, None, "; ".join(filter(None, (error.what, error.next))))
