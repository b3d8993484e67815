"""What can be told of a stack that does not run: answers from its record; starts nothing."""

from __future__ import annotations

from devctl.errors import DevctlError
from devctl.paths import StackPaths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from devctl.record.store import Run
    from devctl.session.protocol import SnapshotView, StatusView


class RecordedSession:
    """The reading half of a session, for a stack that is down."""

    is_live = False

    def __init__(self, paths: StackPaths, run: Run | None = None) -> None:
        self._paths = paths
        self._run = run

    def status(self) -> StatusView:
        """Return how the last run ended; all stopped and nothing else when there was none."""
        from devctl.views import offline

        return offline.status(self._paths) or _never_run(self._paths)

    def snapshot(self) -> SnapshotView:
        """Return the last run as it was before it was taken down; an empty stack when there was none."""
        from devctl.views import offline

        return offline.snapshot_view(self._paths, self._run)

    def spec(self) -> NoReturn:
        """Refuse: addresses and programs are only known while the stack runs."""
        raise DevctlError("nothing runs here", where=str(self._paths.folder), next="Start it with `devctl up -d`.")

    def close(self) -> None:
        """Nothing is held."""


def _never_run(paths: StackPaths) -> StatusView:
    name = paths.project or paths.folder.name
    return {
        "stack": name,
        "run": "",
        "status": "stopped",
        "folder": str(paths.folder),
        "supervisor": {"pid": 0},
        "keeper": {"pid": 0},
        "services": [],
    }
