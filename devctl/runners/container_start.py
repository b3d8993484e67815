"""What is asked of an engine about the containers of a stack, with the SDK's blocking client; for threads."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterable
from pathlib import Path
from signal import SIGTERM, Signals
from typing import TYPE_CHECKING, Any

from devctl.core.container import Mount
from devctl.core.launch import ContainerLaunch, Launch, container_name
from devctl.disk import replace_file
from devctl.engine import images
from devctl.errors import DevctlError, EnvironmentProblem
from devctl.paths import StackPaths
from devctl.runners import container_config
from devctl.runners.container_config import CONFIG, STACK
from devctl.runners.managed_container import Inspected

if TYPE_CHECKING:
    from docker import APIClient

_REMOVAL_TRIES, _REMOVAL_SECONDS = 200, 0.05  # ten seconds: an engine under load takes its time to unmount
_ANYBODY = 0o777  # of a volume: the user of an image writes there; nobody else gets past the 0700 folder above it


def start(api: APIClient, launch: Launch, container: ContainerLaunch, paths: StackPaths) -> Inspected:
    """Start the container of a launch, the same again where it is there and unchanged, else a new one."""
    _open_volumes(container.mounts, paths.volumes)
    config = container_config.config(launch, container, paths.key)
    name = container_name(container.stack, launch.instance)
    id = _existing(
        api, name, config["Labels"], container.image_id or images.described(api, container.image).get("Id", "")
    )
    if id is None:
        id = _create(api, name, config)
    with _explained(launch, container):
        api.start(id)
    return Inspected.of(api.inspect_container(id))


def one_off(api: APIClient, launch: Launch, container: ContainerLaunch, paths: StackPaths) -> dict[str, Any]:
    """Return the configuration of a one-off container, whose image and volumes are at hand then."""
    if not images.is_present(api, container.image):
        raise EnvironmentProblem(
            f"the image {container.image} is not on this machine",
            next=f"`devctl start {launch.service}` brings it, or `docker pull {container.image}`.",
        )
    _open_volumes(container.mounts, paths.volumes)
    return container_config.one_off(launch, container, paths.key)


def ensure_network(api: APIClient, key: str, stack: str) -> None:
    """Make the network of a stack unless it is there. One at a time: an engine makes two of one name."""
    from docker.errors import NotFound

    name = container_config.network_name(stack)
    try:
        api.inspect_network(name)
    except NotFound:
        labels = container_config.network_labels(key, stack)
        api.create_network(name, driver="bridge", labels=labels)


def listed(api: APIClient, key: str) -> list[Inspected]:
    """Return all containers of a stack, also those that have ended."""
    from docker.errors import NotFound

    described = []
    for each in api.containers(all=True, filters={"label": f"{STACK}={key}"}):
        with contextlib.suppress(NotFound):  # removed meanwhile
            described.append(Inspected.of(api.inspect_container(each["Id"])))
    return [inspected for inspected in described if inspected.instance]


def remove_all(api: APIClient, key: str) -> None:
    """Remove the containers and the network of a stack."""
    from docker.errors import APIError

    mine = {"label": f"{STACK}={key}"}
    for each in api.containers(all=True, filters=mine):
        with contextlib.suppress(APIError):  # removed meanwhile
            api.remove_container(each["Id"], force=True, v=True)
    for each in api.networks(filters=mine):
        with contextlib.suppress(APIError):  # somebody else's container is in it
            api.remove_network(each["Id"])


def stop_number(inspected: Inspected, number: int) -> int:
    """Return the signal that asks a container to stop: the image's own, unless another than SIGTERM is asked for."""
    named = inspected.stop_signal.removeprefix("SIG")
    if number != SIGTERM or not named:
        return number
    if named.isdigit():
        return int(named)
    return int(Signals[f"SIG{named}"]) if f"SIG{named}" in Signals.__members__ else number


def write_private(path: Path, text: str) -> None:
    """Write a file for this user alone."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    replace_file(path, text.encode(), 0o600)


def _open_volumes(mounts: Iterable[Mount], volumes: Path) -> None:
    for mount in mounts:
        path = Path(mount.source)
        if path.parent == volumes and path.is_dir() and path.stat().st_uid == os.getuid():
            path.chmod(_ANYBODY)


def _existing(api: APIClient, name: str, labels: dict[str, str], image_id: str) -> str | None:
    """Return the container of this name if it is the very one, of this image; remove an earlier one of ours."""
    from docker.errors import NotFound

    try:
        described = api.inspect_container(name)
    except NotFound:
        return None
    there: dict[str, str] = described["Config"].get("Labels") or {}
    if there.get(STACK) != labels[STACK]:
        raise EnvironmentProblem(
            f"a container that is not of this stack is called {name}",
            next=f"Remove it (`docker rm -f {name}`), or give this stack another name with `-p NAME`.",
        )
    if there.get(CONFIG) == labels[CONFIG] and image_id in ("", described["Image"]):
        return str(described["Id"])
    _remove(api, described["Id"])
    return None


def _remove(api: APIClient, id: str) -> None:
    """Remove a container and return when it is gone, also where somebody else is removing it already."""
    from docker.errors import APIError, NotFound

    with contextlib.suppress(NotFound):
        try:
            api.remove_container(id, force=True, v=True)
        except APIError as error:
            if "in progress" not in str(error.explanation):
                raise
            for _ in range(_REMOVAL_TRIES):
                api.inspect_container(id)
                time.sleep(_REMOVAL_SECONDS)


def _create(api: APIClient, name: str, config: dict[str, Any]) -> str:
    from docker.errors import ImageNotFound

    try:
        return str(api.create_container_from_config(config, name)["Id"])  # type: ignore[no-untyped-call]
    except ImageNotFound as error:
        image = config["Image"]
        raise EnvironmentProblem(
            f"the image {image} is not on this machine", next=f"Bring it with `docker pull {image}`."
        ) from error


@contextlib.contextmanager
def _explained(launch: Launch, container: ContainerLaunch) -> Any:
    """Say in a sentence why the engine could not start a container."""
    from docker.errors import APIError

    try:
        yield
    except APIError as error:
        text = str(error.explanation or error)
        raise _start_failure(text, launch, container) from error


def _start_failure(text: str, launch: Launch, container: ContainerLaunch) -> DevctlError:
    if "port is already allocated" in text or "address already in use" in text:
        taken = re.search(r"(?:0\.0\.0\.0|127\.0\.0\.1|\[::1?\]):(\d+)", text)
        shown = f"port {taken[1]}" if taken else "a port of it"
        return EnvironmentProblem(
            f"{shown} is held by another process", where=launch.instance,
            next="Stop what holds it, give the service another port, or run a copy with `--isolated`.",
        )  # fmt: skip
    if missing := re.search(r'exec: "([^"]+)": (.*?)(?:: unknown|$)', text):
        return DevctlError(
            f"the image {container.image} has no program {missing[1]!r} that can be run", where=launch.instance,
            next="Check `command` and `entrypoint`: they are the image's words.",
        )  # fmt: skip
    reason = text.removeprefix("OCI runtime create failed: ").strip()
    return DevctlError(f"the container engine cannot start it: {reason}", where=launch.instance)
