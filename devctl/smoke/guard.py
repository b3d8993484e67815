"""Nothing is left of a smoke run that was killed: a guard takes its stack down, and the next run looks for the rest."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

from devctl.errors import DevctlError, UsageError
from devctl.keeper.start import lock_file

if TYPE_CHECKING:
    from devctl.actions.access import StackAccess
    from devctl.paths import StackPaths

DONE = b"done\n"
SCRIPT = 'read -r word; [ "$word" = done ] || exec "$@"'
MARKER = "smoke.json"
LOCK = "smoke.lock"
DOWN_SECONDS = 60.0


class RunLock:
    """Held by the smoke run that starts and ends a stack: another would take it down beneath its checks."""

    def __init__(self, paths: StackPaths) -> None:
        from devctl.record.store import ignore_in_git

        ignore_in_git(paths)
        self._file = paths.state / LOCK
        descriptor = lock_file(os.fspath(self._file))
        if descriptor is None:
            raise UsageError(
                "another `devctl smoke` proves this stack", where=str(paths.folder),
                next="Wait for its end, or prove a copy of another name: `devctl -p NAME smoke --isolated`.",
            )  # fmt: skip
        self._descriptor = descriptor

    def release(self) -> None:
        """Let the next one begin."""
        with contextlib.suppress(OSError):
            self._file.unlink()
        os.close(self._descriptor)


class Guard:
    """A shell that waits for the end of this process and, unless told that all is done, runs `devctl down`.

    A shell, since an interpreter would cost ten times its memory for the whole run.
    """

    def __init__(self, access: StackAccess, *, volumes: bool) -> None:
        self._paths = access.paths
        arguments = [*selection_arguments(access), "down", *(["--volumes", "--yes"] if volumes else [])]
        command = ["/bin/sh", "-c", SCRIPT, "sh", sys.executable, "-m", "devctl", *arguments]
        self._mark("")
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True, cwd=access.paths.folder,
        )  # fmt: skip

    def began(self, run_id: str) -> None:
        """Remember which run is this one's."""
        self._mark(run_id)

    def _mark(self, run_id: str) -> None:
        from devctl.record.store import ignore_in_git

        ignore_in_git(self._paths)
        file = self._paths.state / MARKER
        file.write_text(json.dumps({"pid": os.getpid(), "run": run_id}))
        file.chmod(0o600)

    def dismiss(self) -> None:
        """End the guard: the stack is down, or shall stay."""
        with contextlib.suppress(BrokenPipeError):
            self._process.communicate(DONE)
        (self._paths.state / MARKER).unlink(missing_ok=True)


def selection_arguments(access: StackAccess) -> list[str]:
    """Return the global arguments that lead a further command to the same stack."""
    selection = access.selection
    arguments = ["--project-directory", str(access.paths.folder)]
    for file in selection.files:
        arguments += ["-f", os.path.abspath(file)]  # noqa: PTH100  links stay as they are
    return [*arguments, *(["-p", selection.project_name] if selection.project_name else [])]


def clear_remains(access: StackAccess) -> bool:
    """Take down what a smoke run that was killed has left; return whether there was anything. The run lock is held:
    whoever left a marker is gone."""
    marker = access.paths.state / MARKER
    left = _read(access.paths)
    if left is None:
        return False
    was_running = False
    deadline = time.monotonic() + DOWN_SECONDS
    while time.monotonic() < deadline and (client := access.client()) is not None:
        with contextlib.suppress(DevctlError, OSError):
            if left.get("run") and client.hello()["run"] != left["run"]:
                break  # somebody else's, begun since
            was_running = True
            client.down()
        client.close()
        time.sleep(0.1)
    marker.unlink(missing_ok=True)
    return was_running


def _read(paths: StackPaths) -> dict[str, object] | None:
    try:
        left = json.loads((paths.state / MARKER).read_text())
    except (OSError, ValueError):
        return None
    return left if isinstance(left, dict) else None
