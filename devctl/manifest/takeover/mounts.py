"""Compose's `volumes` of a service in their short form; what that cannot say is noted."""

from __future__ import annotations

from devctl.manifest.nodes import Mapping, Node, Scalar
from devctl.manifest.takeover.project import ComposeProject

MOUNT_OPTIONS = ("ro", "rw")


def mount(project: ComposeProject, name: str, item: Node) -> str | None:
    """Return one entry of `volumes` in its short form, None where it is lost."""
    path = f"services.{name}.volumes"
    if isinstance(item, Mapping):
        return _long_form(project, path, item)
    if not isinstance(item, Scalar):
        project.notes.lost(item.location, path, "it is no text and no mapping")
        return None
    source, colon, rest = item.text.partition(":")
    if not colon:
        project.notes.lost(item.location, f"{path}: {item.text}", "a volume without a name: write NAME:/path")
        return None
    target, _, options = rest.partition(":")
    return _short_form(project, path, item, (source, target), options.split(",") if options else [])


def _long_form(project: ComposeProject, path: str, item: Mapping) -> str | None:
    texts = {key: value.text for key, value in item.items.items() if isinstance(value, Scalar)}
    target, source = texts.get("target", ""), texts.get("source", "")
    for key in item.items:
        if key not in ("type", "source", "target", "read_only") and not key.startswith("x-"):
            project.notes.dropped(item, key, f"{path}.{key}", {})
    if texts.get("type", "volume") not in ("volume", "bind") or not source or not target:
        kind = texts.get("type", "volume")
        project.notes.lost(item.location, f"{path}: {target}", f"write NAME:/path or ./path:/path, not a {kind}")
        return None
    return _short_form(project, path, item, (source, target), ["ro"] if texts.get("read_only") == "true" else [])


def _short_form(
    project: ComposeProject, path: str, item: Node, ends: tuple[str, str], options: list[str]
) -> str | None:
    """Return the short form of a mount from one end to the other, None where its source cannot be reached."""
    source, target = ends
    if source.startswith((".", "/", "~", "$")):
        at = Scalar(item.file, item.line, item.column, source, plain=True)
        inside = project.path(at, path)
        if inside is None:
            return None
        source = inside if inside.startswith((".", "$")) else f"./{inside}"
    for option in options:
        if option not in MOUNT_OPTIONS:
            project.notes.lost(item.location, f"{path}: the option {option}", "only ro and rw are known here")
    kept = [option for option in options if option in MOUNT_OPTIONS]
    return ":".join([source, target, *kept])
