"""What a service says of its container beside its image: mounts, rights, limits. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of this machine inside the container."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Build:
    """How an image is built, in Compose's words, and what it is called then. `context` is an absolute path,
    `dockerfile` is seen from it."""

    image: str
    context: str
    dockerfile: str = "Dockerfile"
    target: str = ""
    args: dict[str, str] = field(default_factory=dict)
    network: str = ""


@dataclass(frozen=True, slots=True)
class Container:
    """How a container runs, in Compose's words; what is not said is the image's or the engine's own.

    `targets` are the ports inside it, by name; one that is not there is the same inside as outside.
    """

    entrypoint: tuple[str, ...] | None = None
    targets: dict[str, int] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    pull_policy: str = "missing"
    user: str = ""
    read_only: bool = False
    tmpfs: tuple[str, ...] = ()
    cap_add: tuple[str, ...] = ()
    cap_drop: tuple[str, ...] = ()
    ulimits: dict[str, tuple[int, ...]] = field(default_factory=dict)  # name → soft, hard
    extra_hosts: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    init: bool = False
    tty: bool = False
    stdin_open: bool = False
    shm_bytes: int = 0
    memory_bytes: int = 0
    cpus: float = 0.0
