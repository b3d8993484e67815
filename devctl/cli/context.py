"""What every command is handed: the stack that is meant, and the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from devctl.actions.access import StackAccess
from devctl.render.terminal import Terminal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.core.spec import Spec


class Context:
    """The surroundings of one call of a command."""

    def __init__(self, stack: StackAccess, terminal: Terminal) -> None:
        self.stack = stack
        self.terminal = terminal

    def load(self, *, names: Sequence[str] = (), run_as: str = "", profiles: Sequence[str] = ()) -> Spec:
        """Read and check the manifest, show its warnings, and return the specification."""
        loaded = self.stack.load(names=names, run_as=run_as, profiles=profiles)
        self.warn(map(str, loaded.warnings))
        return loaded.spec

    def warn(self, warnings: Iterable[str]) -> None:
        """Show what is worth a look in the manifest."""
        from devctl.render import problems

        for warning in warnings:
            self.terminal.say(problems.warning(warning, self.terminal))
