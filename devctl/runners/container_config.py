"""What an engine is told of one container: a launch as the JSON of its API. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from devctl.core.launch import HOST, ContainerLaunch, Launch

STACK, INSTANCE, RUN, CONFIG, LOG_BYTES = (
    "devctl.stack", "devctl.instance", "devctl.run", "devctl.config", "devctl.log-bytes"
)  # fmt: skip
"""Labels: whose a container is, what it is of, and of which configuration."""

COMPOSE = "com.docker.compose"
_LOG_FILE_BYTES, _LOG_FILES = "64m", "3"  # the engine's own copy of the output; the record has it within moments


def network_name(stack: str) -> str:
    """Return what the network of a stack is called, as Compose calls it."""
    return f"{stack}_default"


def network_labels(key: str, stack: str) -> dict[str, str]:
    """Return the labels of the network of a stack."""
    return {STACK: key, f"{COMPOSE}.project": stack, f"{COMPOSE}.network": "default"}


def config(launch: Launch, container: ContainerLaunch, key: str) -> dict[str, Any]:
    """Return the configuration of a container; `key` is that of its stack."""
    made = _config(launch, container)
    digest = hashlib.sha256(json.dumps([made, launch.run], sort_keys=True).encode()).hexdigest()
    return {**made, "Labels": {**container.labels, **_labels(launch, container, key, digest)}}


def one_off(launch: Launch, container: ContainerLaunch, key: str) -> dict[str, Any]:
    """Return the configuration of a container that is none of the instances: nobody supervises it."""
    made = config(launch, container, key)
    labels = {name: value for name, value in made["Labels"].items() if name != INSTANCE}
    return {**made, "Labels": labels | {f"{COMPOSE}.oneoff": "True"}}


def _config(launch: Launch, container: ContainerLaunch) -> dict[str, Any]:
    options = container.options
    ports = {f"{inside}/tcp": [{"HostIp": HOST, "HostPort": str(number)}] for inside, number in container.published}
    made: dict[str, Any] = {
        "Image": container.image,
        "Env": [f"{name}={value}" for name, value in launch.environment.items()],
        "ExposedPorts": {inside: {} for inside in ports},
        "HostConfig": _host_config(container, ports),
        "NetworkingConfig": {"EndpointsConfig": {network_name(container.stack): {"Aliases": list(container.aliases)}}},
        "Tty": options.tty,
        "OpenStdin": options.stdin_open,
    }
    optional = {
        "Cmd": list(launch.argv) if launch.argv else None,
        "Entrypoint": list(options.entrypoint) if options.entrypoint is not None else None,
        "WorkingDir": launch.working_dir or None,
        "User": options.user or None,
        "StopSignal": launch.stop_signal if launch.stop_signal != "SIGTERM" else None,  # else the image's own
        "Healthcheck": {"Test": ["NONE"]} if container.is_checked else None,  # devctl asks itself
    }
    return made | {name: value for name, value in optional.items() if value is not None}


def _host_config(container: ContainerLaunch, ports: Mapping[str, Any]) -> dict[str, Any]:
    options = container.options
    made: dict[str, Any] = {
        "NetworkMode": network_name(container.stack),
        "PortBindings": dict(ports),
        "RestartPolicy": {"Name": "no"},  # the supervisor restarts; two who do would fight
        "SecurityOpt": ["no-new-privileges:true"],
        "LogConfig": {"Type": "json-file", "Config": {"max-size": _LOG_FILE_BYTES, "max-file": _LOG_FILES}},
        "Mounts": [
            {"Type": "bind", "Source": mount.source, "Target": mount.target, "ReadOnly": mount.read_only}
            for mount in container.mounts
        ],
    }
    optional: dict[str, Any] = {
        "ReadonlyRootfs": options.read_only,
        "Tmpfs": dict(path.partition(":")[::2] for path in options.tmpfs),
        "CapAdd": list(options.cap_add),
        "CapDrop": list(options.cap_drop),
        "Init": options.init,
        "ExtraHosts": list(options.extra_hosts),
        "ShmSize": options.shm_bytes,
        "Memory": options.memory_bytes,
        "NanoCpus": round(options.cpus * 1e9),
        "Ulimits": [
            {"Name": name, "Soft": soft, "Hard": hard} for name, (soft, hard) in sorted(options.ulimits.items())
        ],
    }
    return made | {name: value for name, value in optional.items() if value}


def _labels(launch: Launch, container: ContainerLaunch, key: str, digest: str) -> dict[str, str]:
    return {
        STACK: key,
        INSTANCE: launch.instance,
        RUN: launch.run,
        CONFIG: digest,
        LOG_BYTES: str(launch.log_bytes),
        f"{COMPOSE}.project": container.stack,
        f"{COMPOSE}.service": launch.service,
        f"{COMPOSE}.container-number": launch.instance.rpartition(".")[2],
        f"{COMPOSE}.oneoff": "False",
        f"{COMPOSE}.config-hash": digest,
        f"{COMPOSE}.project.working_dir": container.folder,
        f"{COMPOSE}.project.config_files": ",".join(container.manifests),
    }
