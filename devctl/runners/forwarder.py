"""The one container of a stack that answers to the others for its processes, under their names.

It holds a program of a few kilobytes (`forward/forward.c`, built with the release: nothing is pulled, nothing runs
that is not in the source) and passes connections to the relay's Unix sockets, so that processes go on listening on
loopback alone and no firewall is in the way.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devctl.core.launch import ContainerLaunch
from devctl.errors import EnvironmentProblem
from devctl.paths import StackPaths
from devctl.runners import container_config
from devctl.runners.container_config import COMPOSE, CONFIG, STACK

if TYPE_CHECKING:
    from docker import APIClient

_FOLDER = Path(__file__).parent / "forward"
_REPOSITORY = "devctl/forward"
_SOCKETS = "/sockets"
_PROCESSORS = {"amd64": "amd64", "x86_64": "amd64", "arm64": "arm64", "aarch64": "arm64"}


def ensure(api: APIClient, container: ContainerLaunch, paths: StackPaths, *, is_rootless: bool) -> None:
    """Have the forwarder of a stack run for the names and numbers of `container`; made anew where those changed."""
    from docker.errors import NotFound

    config = _config(api, container, paths.key, is_rootless=is_rootless)
    name = f"{container.stack}-devctl-1"
    with contextlib.suppress(NotFound):
        described = api.inspect_container(name)
        labels = described["Config"].get("Labels") or {}
        if labels.get(CONFIG) == config["Labels"][CONFIG] and described["State"]["Running"]:
            return
        api.remove_container(described["Id"], force=True)
    Path(container.network_folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    id = api.create_container_from_config(config, name)["Id"]  # type: ignore[no-untyped-call]
    api.start(id)


def _config(api: APIClient, container: ContainerLaunch, key: str, *, is_rootless: bool) -> dict[str, Any]:
    numbers = sorted({str(number) for numbers in container.forwards.values() for number in numbers})
    network = container_config.network_name(container.stack)
    config: dict[str, Any] = {
        "Image": _image(api),
        "Cmd": ["/forward", _SOCKETS, *numbers],
        "User": "0:0" if is_rootless else f"{os.getuid()}:{os.getgid()}",  # who the sockets belong to
        "HostConfig": {
            "NetworkMode": network,
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges:true"],
            "RestartPolicy": {"Name": "always"},  # it is not supervised, and must be back after a restart of the engine
            "Mounts": [{"Type": "bind", "Source": container.network_folder, "Target": _SOCKETS, "ReadOnly": True}],
        },
        "NetworkingConfig": {"EndpointsConfig": {network: {"Aliases": sorted(container.forwards)}}},
    }
    digest = hashlib.sha256(repr(config).encode()).hexdigest()
    labels = {STACK: key, CONFIG: digest, f"{COMPOSE}.project": container.stack, f"{COMPOSE}.service": "devctl"}
    return {**config, "Labels": labels}


def _image(api: APIClient) -> str:
    """Return the image of the forwarder, made from the program that came with devctl where it is not there."""
    from docker.errors import ImageNotFound

    program = _program(str(api.version()["Arch"]))
    image = f"{_REPOSITORY}:{hashlib.sha256(program).hexdigest()[:12]}"
    try:
        api.inspect_image(image)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        repository, _, tag = image.partition(":")
        api.import_image_from_data(_archive(program), repository=repository, tag=tag)
    return image


def _program(processor: str) -> bytes:
    name = _PROCESSORS.get(processor)
    if name is None:
        raise EnvironmentProblem(
            f"containers on {processor} cannot reach processes of the stack",
            next="Run everything as containers, or everything as processes.",
        )
    return (_FOLDER / f"forward-{name}").read_bytes()


def _archive(program: bytes) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        item = tarfile.TarInfo("forward")
        item.mode, item.size = 0o755, len(program)
        tar.addfile(item, io.BytesIO(program))
        folder = tarfile.TarInfo(_SOCKETS.strip("/"))
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        tar.addfile(folder)
    return file.getvalue()
