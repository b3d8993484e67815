"""Images of an engine: which there are, and pulling one, with its progress. Blocking, for threads."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from devctl.engine.stream import EngineRefused
from devctl.errors import EnvironmentProblem

if TYPE_CHECKING:
    from docker import APIClient

DOCKER_HUB = "docker.io"
_HUB_ADDRESSES = ("index.docker.io", "registry-1.docker.io")
_REFUSED = 500  # what the engine answers where a pull that had begun fails


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a pull is, over all its layers; `total` grows while layers are announced."""

    stage: str
    bytes: int = 0
    total: int = 0


def described(api: APIClient, image: str) -> dict[str, Any]:
    """Return what the engine says of an image, empty where it has none of the name."""
    from docker.errors import APIError, ImageNotFound

    try:
        description: dict[str, Any] = api.inspect_image(image)  # type: ignore[no-untyped-call]
    except ImageNotFound:
        return {}
    except APIError as error:
        if error.response is not None and error.response.status_code == HTTPStatus.BAD_REQUEST:
            return {}  # nothing is called so
        raise
    return description


def is_present(api: APIClient, image: str) -> bool:
    """Tell whether an image is on the engine's machine."""
    return bool(described(api, image))


def pull(api: APIClient, image: str, report: Callable[[Progress], None]) -> None:
    """Pull an image, all its layers at once; EngineRefused with the engine's reason."""
    layers: dict[str, tuple[int, int]] = {}
    for item in api.pull(repository_of(image), tag=tag_of(image), stream=True, decode=True):
        if error := item.get("error"):
            raise EngineRefused(_REFUSED, str(error))
        report(_progress(item, layers))


def _progress(item: dict[str, Any], layers: dict[str, tuple[int, int]]) -> Progress:
    """Return how far it is after an item; `layers` are the bytes of each so far."""
    detail = item.get("progressDetail") or {}
    if item.get("status") == "Downloading" and detail.get("total"):
        layers[item["id"]] = (detail.get("current", 0), detail["total"])
    elif item.get("id") in layers:  # downloaded, extracted
        total = layers[item["id"]][1]
        layers[item["id"]] = (total, total)
    stage = "download" if layers else "look up"
    return Progress(stage, sum(got for got, _ in layers.values()), sum(total for _, total in layers.values()))


def registry_of(image: str) -> str:
    """Return the registry that an image comes from."""
    first, slash, _ = image.partition("/")
    is_host = bool(slash) and ("." in first or ":" in first or first == "localhost")
    return DOCKER_HUB if not is_host or first in _HUB_ADDRESSES else first


def repository_of(image: str) -> str:
    """Return the name of an image without its tag."""
    if "@" in image:
        return image.partition("@")[0]
    head, colon, tail = image.rpartition(":")
    return head if colon and "/" not in tail else image


def tag_of(image: str) -> str:
    """Return the tag or the digest of an image, `latest` where it names none."""
    if "@" in image:
        return image.partition("@")[2]
    _, colon, tail = image.rpartition(":")
    return tail if colon and "/" not in tail else "latest"


_UNREACHABLE = re.compile(r"dial tcp|no such host|i/o timeout|connection refused|TLS handshake|context deadline|EOF")
_UNKNOWN = re.compile(r"manifest .*unknown|not found|does not exist|access denied|unauthorized|denied", re.I)


def explain(image: str, text: str) -> EnvironmentProblem:
    """Return what an engine's refusal to pull means for people."""
    registry = registry_of(image)
    explanations: list[tuple[Callable[[str], object], str, str]] = [
        (
            _UNREACHABLE.search,
            f"the registry {registry} does not answer",
            "Check the network, or load the image by hand.",
        ),
        (
            _UNKNOWN.search,
            f"the registry {registry} gives no image {image}",
            "Check its name, or log in: `docker login`.",
        ),
        (re.compile("no space left").search, "the engine's disk is full", "Free some: `docker system prune`."),
    ]
    for matches, what, remedy in explanations:
        if matches(text):
            return EnvironmentProblem(what, next=remedy)
    return EnvironmentProblem(f"the image {image} cannot be pulled: {text}", next=f"Try `docker pull {image}`.")
