"""The calls of the session about single instances, as the client sends them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from devctl.session.protocol import MembersView, OneOffView, OnItem

if TYPE_CHECKING:
    from typing import Protocol

    class Asks(Protocol):
        """Whoever sends a call and returns its result."""

        def _ask(self, call: str, on_item: OnItem | None = None, **arguments: object) -> Any: ...


class InstanceRequests:
    """Part of `session.client.Client`: names are those of services, or of instances (SERVICE.N)."""

    def kill(self: Asks, names: Sequence[str], *, signal: str = "SIGKILL") -> list[str]:
        """Send a signal to every process of `names`; return the instances that got it."""
        return cast(list[str], self._ask("kill", names=list(names), signal=signal))

    def pause(self: Asks, names: Sequence[str]) -> list[str]:
        """Hold every process of `names`; return the instances that were not held before."""
        return cast(list[str], self._ask("pause", names=list(names)))

    def unpause(self: Asks, names: Sequence[str]) -> list[str]:
        """Let paused instances of `names` go on; return those that were paused."""
        return cast(list[str], self._ask("unpause", names=list(names)))

    def processes(self: Asks, names: Sequence[str] = ()) -> list[MembersView]:
        """Return which processes every instance of `names` (none: of all) has now."""
        return cast(list[MembersView], self._ask("processes", names=list(names)))

    def one_off(self: Asks, service: str) -> OneOffView:
        """Prepare one more run of a service beside its instances, and return how it is run."""
        return cast(OneOffView, self._ask("one_off", service=service))
