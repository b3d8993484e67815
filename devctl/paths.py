"""Where things lie on disk: the stack's folder, its state, its socket, the user's tool cache.

Only names are made here; whoever writes makes the folder (0700). Standard library only, so that
`devctl status` may import it.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

MANIFEST_NAMES = ("stack.yaml", "stack.yml")
STATE_FOLDER = ".devctl"
LONGEST_SOCKET_PATH = 103  # sun_path holds 104 bytes on macOS (108 on Linux), one of them the NUL


class StackPaths(NamedTuple):
    """Every path of one stack: known by its folder (real path) and its project name (empty = the default).

    A named tuple, since dataclasses would cost every command 10 ms.
    """

    folder: Path
    project: str = ""

    @property
    def state(self) -> Path:
        """Runs and volumes; ignored by git through a file of its own."""
        base = self.folder / STATE_FOLDER
        return base / "projects" / self.project if self.project else base

    @property
    def runs(self) -> Path:
        return self.state / "runs"

    @property
    def volumes(self) -> Path:
        return self.state / "volumes"

    @property
    def key(self) -> str:
        """A short name for this stack, the same for every command that finds it."""
        return hashlib.sha256(f"{self.folder}\0{self.project}".encode()).hexdigest()[:12]

    @property
    def runtime(self) -> Path:
        """The 0700 folder of sockets, lock and FIFOs; short, since a socket's path is limited to 104 bytes."""
        return runtime_base() / self.key

    @property
    def socket(self) -> Path:
        return self.runtime / "session.sock"

    @property
    def lock(self) -> Path:
        return self.runtime / "supervisor.lock"


def runtime_base() -> Path:
    """Return the private folder above all runtime folders of this user."""
    xdg = os.environ.get("XDG_RUNTIME_DIR", "")
    if xdg.startswith("/") and os.access(xdg, os.W_OK):
        return Path(xdg) / "devctl"
    import tempfile

    return Path(tempfile.gettempdir()) / f"devctl-{os.getuid()}"


def cache_folder() -> Path:
    """Return the user's cache folder, shared by all stacks of the user."""
    if override := os.environ.get("DEVCTL_CACHE"):
        return Path(override)
    import platformdirs

    return Path(platformdirs.user_cache_dir("devctl"))


def working_folder() -> Path:
    """Return the folder that this process works in, by the name that it had where it was deleted meanwhile."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path(_former_name())


def _former_name() -> str:
    try:
        return str(Path("/proc/self/cwd").readlink()).removesuffix(" (deleted)")
    except OSError:
        name = os.environ.get("PWD", "")
        return name if name.startswith("/") else "/"


def reachable(path: str) -> str:
    """Return `path` so that it can be resolved: a relative one is made absolute where the working folder is gone."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return os.path.normpath(Path(_former_name(), path))
    return path


def find_folder(start: Path) -> Path | None:
    """Return the nearest folder from `start` upwards that holds a manifest or a stack's state, else None."""
    for folder in (start.resolve(), *start.resolve().parents):
        if any((folder / name).is_file() for name in MANIFEST_NAMES) or (folder / STATE_FOLDER / "runs").is_dir():
            return folder
    return None
