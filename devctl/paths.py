"""Where things lie on disk: the stack's folder, its state, its lock, its socket, the user's tool cache.

Only names are made here; whoever writes makes the folder (0700). Standard library only, so that
`devctl status` may import it.
"""

import os
import sys
from pathlib import Path
from typing import NamedTuple

try:  # as `random` of the standard library does: hashlib loads OpenSSL, 3 ms for every command
    from _sha2 import sha256 as _sha256  # type: ignore[import-not-found, unused-ignore]  # since 3.12
except ImportError:
    try:
        from _sha256 import sha256 as _sha256  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        from hashlib import sha256 as _sha256

MANIFEST_NAMES = ("stack.yaml", "stack.yml")
STATE_FOLDER = ".devctl"
LONGEST_SOCKET_PATH = 103  # sun_path holds 104 bytes on macOS (108 on Linux), one of them the NUL


class StackPaths(NamedTuple):
    """Every path of one stack: known by its folder (real path) and its project name (empty = the default).

    `runtime_folder` is where its supervisor said that its sockets are; without it, where this environment puts them.
    A named tuple, since dataclasses would cost every command 10 ms.
    """

    folder: Path
    project: str = ""
    runtime_folder: Path | None = None

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
        digest: str = _sha256(f"{self.folder}\0{self.project}".encode()).hexdigest()
        return digest[:12]

    @property
    def runtime(self) -> Path:
        """The 0700 folder of sockets and FIFOs; short, since a socket's path is limited to 104 bytes."""
        return self.runtime_folder or runtime_base() / self.key

    @property
    def socket(self) -> Path:
        return self.runtime / "session.sock"

    @property
    def lock(self) -> Path:
        """The lock of the supervisor; beside the manifest, so that it is the same whatever the environment is."""
        return self.state / "supervisor.lock"

    @property
    def levels_above_lock(self) -> int:
        """How many folders lie between the lock and the stack's folder."""
        return 3 if self.project else 1


def runtime_base() -> Path:
    """Return the private folder above all runtime folders of this user."""
    xdg = os.environ.get("XDG_RUNTIME_DIR", "")
    if xdg.startswith("/") and os.access(xdg, os.W_OK):
        return Path(xdg) / "devctl"
    return Path(_temporary_folder()) / f"devctl-{os.getuid()}"


def _temporary_folder() -> str:
    """Return what `tempfile.gettempdir` does, without its 5 ms and without a file to try it with."""
    wishes = [os.environ.get(name, "") for name in ("TMPDIR", "TEMP", "TMP")]
    for folder in (*wishes, "/tmp", "/var/tmp", "/usr/tmp"):  # noqa: S108  a private folder is made in it
        if folder and os.path.isdir(folder) and os.access(folder, os.W_OK | os.X_OK):  # noqa: PTH112
            return os.path.abspath(folder)  # noqa: PTH100
    return str(Path.cwd())


def user_state_folder() -> Path | None:
    """Return the folder of what devctl remembers of this user; None for a user without a home."""
    xdg = os.environ.get("XDG_STATE_HOME", "")
    if xdg.startswith("/"):
        return Path(xdg) / "devctl"
    home = os.path.expanduser("~")  # noqa: PTH111  Path.home() raises where there is none
    if not home.startswith("/"):
        return None
    return Path(home, "Library/Application Support" if sys.platform == "darwin" else ".local/state", "devctl")


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


def _has_state(state: Path) -> bool:
    return any((state / name).is_dir() for name in ("runs", "projects"))


def find_folder(start: Path) -> Path | None:
    """Return the nearest folder from `start` upwards that holds a manifest or a stack's state, else None."""
    for folder in (start.resolve(), *start.resolve().parents):
        if any((folder / name).is_file() for name in MANIFEST_NAMES) or _has_state(folder / STATE_FOLDER):
            return folder
    return None
