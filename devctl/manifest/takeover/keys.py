"""Keys of a Compose service that are converted by themselves: each function writes what a stack.yaml says instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from devctl.manifest.model import SIGNALS, Service
from devctl.manifest.nodes import Mapping, Node, Removal, Scalar, Sequence
from devctl.manifest.shapes.objects import Object
from devctl.manifest.takeover.mounts import mount
from devctl.manifest.takeover.ports import PortReader, named
from devctl.manifest.takeover.project import ComposeProject, is_null
from devctl.manifest.yaml_text import Unquoted, plain

KeyConversion = Callable[[ComposeProject, str, Node, dict[str, Any]], None]
"""Writes what becomes of a key of the named service."""


def _image(project: ComposeProject, _name: str, node: Node, written: dict[str, Any]) -> None:
    if isinstance(node, Scalar) and not node.is_null:
        written["image"] = project.text(node)


def _build(project: ComposeProject, name: str, node: Node, written: dict[str, Any]) -> None:
    if is_null(node):
        return
    build = project.value(Object(Service).fields["build"][1], node, f"services.{name}.build")
    context_lost = isinstance(build, dict) and "context" in build and build["context"] is None
    if build is not None and not context_lost:
        written["build"] = build


def _ports(project: ComposeProject, name: str, node: Node, written: dict[str, Any]) -> None:
    if ports := named(PortReader(name, project.notes, project.resolved).read(node)):
        written["ports"] = ports


def _environment(project: ComposeProject, name: str, node: Node, written: dict[str, Any]) -> None:
    if isinstance(node, Mapping):
        kept = {key: value for key, value in node.items.items() if not isinstance(value, Removal)}
        written["environment"] = {key: project.text(value) for key, value in kept.items()}
    elif isinstance(node, Sequence):
        written["environment"] = [project.text(item) for item in node.items]
    elif not is_null(node):
        project.notes.lost(node.location, f"services.{name}.environment", "it is no mapping and no list")


def _env_file(project: ComposeProject, name: str, node: Node, written: dict[str, Any]) -> None:
    entries = project.value(Object(Service).fields["env_file"][1], node, f"services.{name}.env_file")
    kept: list[dict[str, Any]] = []
    for entry in entries if isinstance(entries, list) else []:
        long = entry if isinstance(entry, dict) else {"path": entry}
        if long.get("path") is not None:
            is_there = (project.folder / str(long["path"])).is_file()
            kept.append(long if is_there or "required" in long else {**long, "required": Unquoted("false")})
    if kept:
        written["env_file"] = kept


def _volumes(project: ComposeProject, name: str, node: Node, written: dict[str, Any]) -> None:
    mounts = [mount(project, name, item) for item in node.items] if isinstance(node, Sequence) else []
    if not isinstance(node, Sequence) and not is_null(node):
        project.notes.lost(node.location, f"services.{name}.volumes", "it is no list")
    if kept := [mount for mount in mounts if mount]:
        written["volumes"] = kept


def _scale(_project: ComposeProject, _name: str, node: Node, written: dict[str, Any]) -> None:
    written["deploy"] = {**written.get("deploy", {}), "replicas": plain(node)}


def _deploy(project: ComposeProject, name: str, node: Node, written: dict[str, Any]) -> None:
    if isinstance(node, Mapping) and isinstance(resources := node.items.get("resources"), Mapping):
        _limits(project, f"services.{name}.deploy.resources", resources, written)
        node = _without(node, "resources")
    deploy = project.value(Object(Service).fields["deploy"][1], node, f"services.{name}.deploy")
    if isinstance(deploy, dict) and deploy:
        written["deploy"] = {**deploy, **written.get("deploy", {})}


def _limits(project: ComposeProject, path: str, resources: Mapping, written: dict[str, Any]) -> None:
    """Keep the limits that Compose also has beside `deploy`; what else is said of resources is lost."""
    for key, value in resources.items.items():
        if key.startswith("x-"):
            continue
        if key != "limits" or not isinstance(value, Mapping):
            project.notes.dropped(resources, key, f"{path}.{key}", {"reservations": "nothing is set aside here"})
            continue
        for limit, amount in value.items.items():
            if limit in LIMITS:
                written.setdefault(LIMITS[limit], project.text(amount))
            elif not limit.startswith("x-"):
                project.notes.dropped(value, limit, f"{path}.limits.{limit}", {})


def _without(node: Mapping, key: str) -> Mapping:
    rest = Mapping(node.file, node.line, node.column)
    rest.items = {name: value for name, value in node.items.items() if name != key}
    rest.keys = {name: value for name, value in node.keys.items() if name != key}
    return rest


def _extra_hosts(project: ComposeProject, name: str, node: Node, written: dict[str, Any]) -> None:
    hosts: list[Any] = []
    if isinstance(node, Sequence):
        hosts = [project.text(item) for item in node.items]
    elif isinstance(node, Mapping):
        for host, value in node.items.items():
            addresses = value.items if isinstance(value, Sequence) else [value]
            hosts += [f"{host}:{a.text}" for a in addresses if isinstance(a, Scalar) and not a.is_null]
    elif not is_null(node):
        project.notes.lost(node.location, f"services.{name}.extra_hosts", "it is no mapping and no list")
    if hosts:
        written["extra_hosts"] = hosts


def _stop_signal(project: ComposeProject, name: str, node: Node, written: dict[str, Any]) -> None:
    text = node.text if isinstance(node, Scalar) else ""
    signal = text if text.startswith(("SIG", "$")) else f"SIG{text}"
    if signal in SIGNALS or "$" in signal:
        written["stop_signal"] = signal
    else:
        project.notes.lost(node.location, f"services.{name}.stop_signal: {text}", f"one of {', '.join(SIGNALS)}")


CONVERSIONS: dict[str, KeyConversion] = {
    "image": _image, "build": _build, "ports": _ports, "environment": _environment, "env_file": _env_file,
    "volumes": _volumes, "scale": _scale, "deploy": _deploy, "stop_signal": _stop_signal, "extra_hosts": _extra_hosts,
}  # fmt: skip
LIMITS = {"cpus": "cpus", "memory": "mem_limit"}
"""Keys of `deploy.resources.limits` by what they are called beside `deploy`."""
