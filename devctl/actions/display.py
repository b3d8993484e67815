"""What an action needs of a front end while it goes on: somewhere to show items, warnings and downloads."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType
    from typing import Protocol

    from devctl.session.protocol import Item, Settled
    from devctl.tools.base import Available

    class Display(Protocol):
        """Shows what happens; it is entered around the call that sends the items, and decides nothing.

        All methods are called by the thread that runs the action, `item` also by the one of a watcher.
        """

        def __enter__(self) -> object: ...

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None: ...

        def item(self, item: Item) -> None:
            """Show what one item says."""
            ...

        def settled(self, settled: Settled) -> None:
            """Show the end."""
            ...

        def warning(self, text: str) -> None:
            """Show what is worth a look in the manifest."""
            ...

        def downloads(self, programs: Sequence[Available]) -> None:
            """Show what will be downloaded before services can start."""
            ...

    class Interrupts(Protocol):
        """How a person's wish to end is kept waiting around what must not be cut in two."""

        def __enter__(self) -> None: ...

        def __exit__(
            self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
        ) -> None: ...

        def look(self) -> None:
            """Raise KeyboardInterrupt when there was such a wish."""
            ...


class NoInterrupts:
    """For a front end whose user ends an action in another way."""

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def look(self) -> None:
        """Return: there is never one."""
