"""What runs where: which words of a service belong to its image, and how it runs on this machine, if it does.

With `image` or `build`, `command`, `entrypoint`, `working_dir` and `healthcheck.test` are words of the image: they are
never run on this machine. Only `native` says what may run here beside the image.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from devctl.core.checks import Check
from devctl.core.spec import MissingVariant, Port
from devctl.engine.base import Engine, NoEngine
from devctl.manifest.healthchecks import check_of
from devctl.manifest.model import Manifest, Service
from devctl.manifest.nodes import Mapping, Node, Scalar, Sequence
from devctl.manifest.problems import Problems
from devctl.manifest.shapes.scalars import PublishedPort

WAYS = ("command", "uses", "image", "build", "native")
LEFT_EMPTY = ("command", "build", "native")
"""Ways that are as good as not written when nothing stands after them."""
OF_A_RECIPE = ("command", "entrypoint", "native")
OF_A_CONTAINER = {
    "pull_policy": "",
    "user": "a process runs as you",
    "read_only": "a process may write where you may",
    "tmpfs": "a process has the folders of this machine",
    "cap_add": "devctl gives no process more rights than you have",
    "cap_drop": "a process has the rights that you have",
    "extra_hosts": "a process has the names of this machine",
    "init": "devctl reaps every process itself",
    "tty": "output goes to the log; there is no terminal",
    "stdin_open": "output goes to the log; there is no terminal",
    "shm_size": "a process has the memory of this machine",
    "mem_limit": "devctl sets no limits on processes",
    "cpus": "devctl sets no limits on processes",
    "ulimits": "a process has the limits that you have",
}
"""Keys that only a container can have, each with why a process cannot."""
IMAGE_ONLY = "its command is the image's and never runs on this machine"
SAY_NATIVE = "say how it runs on this machine: native: {command: [...]}"
PYTHON = re.compile(r"(?<!\$)(?:\$\$)*\$\{python\}")


def has_image(service: Service) -> bool:
    """Tell whether the service names an image or how to build one."""
    return _is_written(service, "image") or _is_written(service, "build")


def host_command(service: Service) -> tuple[str, ...]:
    """Return the command that may run on this machine, empty where the service has none."""
    if service.native is not None:
        return service.native.command
    return () if has_image(service) else service.command


def host_check(service: Service, ports: tuple[Port, ...]) -> Check | None:
    """Return the check of the service as it runs on this machine; a command of the image is none."""
    shared = None if _tests_image(service) else check_of(service.healthcheck, None, ports)
    return check_of(service.native.healthcheck, shared, ports) if service.native else shared


def missing_container(service: Service, run_as: str, engine: Engine | NoEngine) -> MissingVariant | None:
    """Return why a service with an image does not run as a container, and what would help; None where it can."""
    if run_as in ("process", "native"):
        return MissingVariant(run_as, IMAGE_ONLY, SAY_NATIVE)
    if not isinstance(engine, NoEngine):
        return None
    here = "Without run_as: container its `native` section runs here" if service.native else f"Or {SAY_NATIVE}"
    return MissingVariant("container", engine.reason, f"{engine.remedy} {here}")


def no_engine(engine: Engine | NoEngine) -> MissingVariant | None:
    """Return why no container can run here at all; None where an engine answers."""
    return MissingVariant("container", engine.reason, engine.remedy) if isinstance(engine, NoEngine) else None


def check_ways(manifest: Manifest, problems: Problems) -> None:
    """Note services that say no way to run, or ways that do not fit together."""
    for name, service in manifest.services.items():
        path = f"services.{name}"
        if service.has("command") and not has_image(service):
            _check_command(path, service, problems)
        elif not any(_is_written(service, way) for way in WAYS):
            problems.add(manifest.services.locations[name], f"{path} does not say what to run", allowed=WAYS)
        _check_recipe(path, service, problems)
        _check_run_as(path, service, problems)
        if not service.has("uses"):
            _check_host_words(path, service, problems)
            _check_image_words(name, service, problems)


def _check_command(path: str, service: Service, problems: Problems) -> None:
    """Note a command of this machine with nothing in it; one that could not be read is noted already."""
    if not _is_written(service, "command"):
        problems.add(service.at("command"), f"{path}.command must be a text or a list, not empty")
    elif not vars(service).get("command", "unread"):
        problems.add(service.at("command"), f"{path}.command is empty")


def _is_written(service: Service, way: str) -> bool:
    node = service.nodes.get(way)
    return node is not None and not (way in LEFT_EMPTY and isinstance(node, Scalar) and node.is_null)


def _check_recipe(path: str, service: Service, problems: Problems) -> None:
    if not service.has("uses"):
        if service.has("with"):
            problems.add(service.at("with"), f"{path}.with are settings of a recipe", hint="it goes with uses")
        return
    for key in OF_A_RECIPE:
        if _is_written(service, key):
            problems.add(service.at(key), f"{path} has both uses and {key}", hint="a recipe brings the command")


def _check_run_as(path: str, service: Service, problems: Problems) -> None:
    """Note a `run_as` that the service says no way for."""
    at, run_as, image = service.at("run_as"), service.run_as, has_image(service)
    if service.has("uses") or (run_as in ("process", "native") and _is_written(service, "native")):
        return
    if image and run_as in ("process", "native"):
        problems.add(at, f"{path}.run_as: {run_as} needs a `native` section, since {IMAGE_ONLY}", hint=SAY_NATIVE)
    elif run_as in ("native", "embedded"):
        problems.add(at, f"{path}.run_as: {run_as} needs uses", hint="container" if image else "process")
    elif run_as == "process" and not _is_written(service, "command"):
        problems.add(at, f"{path}.run_as: process needs a command")
    elif run_as == "container" and not image:
        problems.add(at, f"{path}.run_as: container needs image or build")


def _check_host_words(path: str, service: Service, problems: Problems) -> None:
    """Note what only an image could have, where the service has none."""
    if has_image(service):
        return
    for name, number in service.ports.items():
        if isinstance(number, PublishedPort):
            at, message = service.ports.locations[name], f"{path}.ports.{name}: HOST:CONTAINER goes with image or build"
            problems.add(at, message, hint="a process listens on the port itself")
    for key, reason in OF_A_CONTAINER.items():
        if service.has(key):
            problems.add(service.at(key), f"{path}.{key} goes with image or build", hint=reason)
    for hook in (*service.post_start, *service.pre_stop):
        if hook.has("user"):
            at, reason = hook.at("user"), "devctl gives no process another user than you"
            problems.add(at, f"{path}: the user of a hook goes with image or build", hint=reason)
    if service.has("entrypoint"):
        hint = "write the whole command line under `command`"
        problems.add(service.at("entrypoint"), f"{path}.entrypoint goes with image or build", hint=hint)
    if _is_written(service, "command") and _is_written(service, "native"):
        hint = "keep one of them; command is the image's where there is one"
        problems.add(service.at("command"), f"{path} has both command and native, and no image", hint=hint)


def _check_image_words(name: str, service: Service, problems: Problems) -> None:
    """Note what an image cannot have, and warn of what does not hold for the service on this machine."""
    if not has_image(service):
        return
    path = f"services.{name}"
    for key, node in _image_words(service):
        if any(PYTHON.search(scalar.text) for scalar in _scalars(node)):
            message = f"{path}.{key} runs inside the image, where ${{python}} of this machine is not"
            problems.add(node.location, message, hint=SAY_NATIVE)
    check = service.native and service.native.healthcheck
    if service.native and not check and _tests_image(service) and service.healthcheck:
        message = f"{path}.healthcheck.test runs inside the image: on this machine {name} counts as good when it runs"
        problems.warn(service.healthcheck.at("test"), message, hint="native: {healthcheck: …} checks it here")


def _image_words(service: Service) -> Iterator[tuple[str, Node]]:
    for key in ("entrypoint", "command"):
        if key in service.nodes:
            yield key, service.nodes[key]
    if service.healthcheck and service.healthcheck.has("test"):
        yield "healthcheck.test", service.healthcheck.nodes["test"]


def _scalars(node: Node) -> Iterator[Scalar]:
    if isinstance(node, Scalar):
        yield node
    for item in node.items if isinstance(node, Sequence) else node.items.values() if isinstance(node, Mapping) else ():
        yield from _scalars(item)


def _tests_image(service: Service) -> bool:
    """Tell whether the service's check is a command of its image."""
    check = service.healthcheck
    return has_image(service) and check is not None and bool(check.test) and check.test != ("NONE",)
