"""What a service says of its container, as the specification carries it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from devctl.core.container import Container, Mount
from devctl.manifest.model import Service
from devctl.manifest.shapes.scalars import PublishedPort


def container_of(service: Service, volumes: Path) -> Container:
    """Return what the service says of its container; the folders of named volumes lie in `volumes`."""
    return Container(
        entrypoint=service.entrypoint if service.has("entrypoint") else None,
        targets={name: inside for name, number in service.ports.items() if (inside := target_of(number))},
        mounts=tuple(_mount(text, volumes) for text in service.volumes),
        pull_policy=service.pull_policy,
        user=service.user,
        read_only=service.read_only,
        tmpfs=service.tmpfs,
        cap_add=service.cap_add,
        cap_drop=service.cap_drop,
        ulimits={
            name: (limit.soft, limit.soft if limit.hard is None else limit.hard)
            for name, limit in service.ulimits.items()
        },
        extra_hosts=tuple(host.replace("=", ":", 1) for host in service.extra_hosts),
        init=service.init,
        tty=service.tty,
        stdin_open=service.stdin_open,
        shm_bytes=service.shm_size or 0,
        memory_bytes=service.mem_limit or 0,
        cpus=service.cpus or 0.0,
    )


def target_of(number: int) -> int:
    """Return the port inside a container that one of the manifest is published from, 0 where any will do."""
    return number.target if isinstance(number, PublishedPort) else number


def volume_names(service: Service) -> Iterator[str]:
    """Yield the named volumes that the service mounts."""
    for text in service.volumes:
        source = text.partition(":")[0]
        if not source.startswith("/"):
            yield source


def _mount(text: str, volumes: Path) -> Mount:
    source, target, *options = text.split(":")
    path = source if source.startswith("/") else str(volumes / source)
    return Mount(path, target, read_only="ro" in ",".join(options).split(","))
