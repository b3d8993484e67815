"""Compose files as a stack.yaml: what both have is taken over, recipes stand for images that devctl knows, and
everything that is lost on the way is noted with its place."""

from __future__ import annotations

import re
from collections.abc import Callable
from collections.abc import Mapping as Table
from collections.abc import Sequence as Many
from pathlib import Path
from typing import Any

from devctl.core.spec import RESERVED
from devctl.manifest.model import NAME, Manifest, Service
from devctl.manifest.nodes import Mapping, Node, Removal, Scalar, Sequence
from devctl.manifest.shapes.base import Shape
from devctl.manifest.shapes.objects import Object
from devctl.manifest.takeover import keys, recipes, repair
from devctl.manifest.takeover.addresses import point_out
from devctl.manifest.takeover.project import ComposeProject
from devctl.manifest.where import OF_A_CONTAINER
from devctl.manifest.yaml_text import plain
from devctl.products.base import Product

RUNNABLE = ("image", "build")


class ComposeFiles:
    """Takes the Compose files of one project over. `folder` is where the stack.yaml will lie."""

    def __init__(self, files: Many[Path], folder: Path, environ: Table[str, str]) -> None:
        self.project = ComposeProject(files, folder, environ)
        self.notes = self.project.notes
        self._services = Mapping("", 0, 0)
        self._products: dict[str, Product] = {}
        self._extra: dict[str, dict[str, Any]] = {}  # jobs that a service brings along

    def stack(self) -> dict[str, Any]:
        """Return the manifest as plain data that loads; ManifestError when a file cannot be read at all."""
        root = self.project.root()
        services = root.items.get("services")
        self._services = services if isinstance(services, Mapping) else Mapping("", root.line, root.column)
        stack: dict[str, Any] = {}
        if isinstance(name := root.items.get("name"), Scalar) and not name.is_null:
            stack["name"] = name.text
            self.notes.sources["name",] = name.location
        for key in root.items:
            if key not in ("name", "services", "volumes") and not key.startswith("x-"):
                self.notes.dropped(root, key, key, Manifest.FOREIGN)
        self._find_products()
        stack["services"] = self._all()
        self._volumes_of(root, stack)
        renamed = (name for name in self._services.items if self._name(name) != name)
        point_out(self._services, {*self._products, *renamed}, self.notes)
        self._leave_out(stack)
        repair.made_to_load(stack, self.project.folder, self.project.environ, self.notes)
        return stack

    # Names

    def _name(self, name: str) -> str:
        """Return how a service is called in a stack.yaml."""
        renamed = re.sub(r"[^A-Za-z0-9_-]", "-", name).lstrip("-_")[:63] or "service"
        return f"{renamed}-service" if renamed in RESERVED else renamed

    def _note_name(self, name: str) -> None:
        if (renamed := self._name(name)) != name:
            location = self._services.keys[name].location
            self.notes.add(location, f"services.{name} is called {renamed} now", "a name has letters, digits, - and _")

    # Services

    def _find_products(self) -> None:
        for name, node in self._services.items.items():
            if isinstance(node, Mapping) and (product := recipes.product_of(node)):
                self._products[name] = product

    def _all(self) -> dict[str, Any]:
        services: dict[str, Any] = {}
        for name, node in self._services.items.items():
            self._note_name(name)
            self.notes.sources["services", self._name(name)] = self._services.keys[name].location
            if not isinstance(node, Mapping):
                if not isinstance(node, Removal):
                    self.notes.lost(node.location, f"services.{name}", "it is no mapping")
                continue
            services[self._name(name)] = self._service(name, node)
        return {**services, **self._extra}

    def _service(self, name: str, node: Mapping) -> dict[str, Any]:
        product = self._products.get(name)
        written: dict[str, Any] = {"uses": product.name} if product else {}
        for key, value in node.items.items():
            if isinstance(value, Removal) or key.startswith("x-"):
                continue
            self.notes.sources["services", self._name(name), key] = value.location
            if product and key in recipes.BROUGHT:
                recipes.take_over(product, key, value, name, written, self.notes)
            elif key in keys.CONVERSIONS:
                keys.CONVERSIONS[key](self.project, name, value, written)
            elif key in OF_THE_WHOLE:
                OF_THE_WHOLE[key](self, name, value, written)
            else:
                self._other(name, node, key, written)
        return written

    def _other(self, name: str, node: Mapping, key: str, written: dict[str, Any]) -> None:
        """Take over a key that means the same here, or note that it is lost."""
        field = SHARED.get(key)
        if field is None:
            self.notes.dropped(node, key, f"services.{name}.{key}", Service.FOREIGN)
            self._add_dependency(node.items[key], written)
            return
        value = self.project.value(field, node.items[key], f"services.{name}.{key}")
        if value is not None:
            _merge(written, key, value)

    def _add_dependency(self, value: Node, written: dict[str, Any]) -> None:
        """Let a service start after one whose network or processes it shares."""
        if isinstance(value, Scalar) and value.text.startswith("service:"):
            self._depend(value.text.removeprefix("service:"), written)

    def _depend(self, target: str, written: dict[str, Any], condition: str = "service_started") -> None:
        if target in self._services.items:
            entry = {self._name(target): {"condition": condition}}
            written["depends_on"] = {**entry, **written.get("depends_on", {})}

    # Keys that mean something else here

    def _depends_on(self, name: str, node: Node, written: dict[str, Any]) -> None:
        entries: dict[str, Any] = {}
        if isinstance(node, Sequence):
            entries = {item.text: {} for item in node.items if isinstance(item, Scalar)}
        elif isinstance(node, Mapping):
            shape = Object(Service).fields["depends_on"][1]
            entries = self.project.value(shape, node, f"services.{name}.depends_on")
        for target, entry in entries.items():
            if target in self._services.items:
                written.setdefault("depends_on", {})[self._name(target)] = entry or {"condition": "service_started"}
            else:
                self.notes.lost(node.location, f"services.{name}.depends_on.{target}", "there is no such service")

    def _links(self, name: str, node: Node, written: dict[str, Any]) -> None:
        """Keep the order that links imply; the names that they give are lost."""
        for item in node.items if isinstance(node, Sequence) else []:
            if isinstance(item, Scalar):
                target, _, alias = item.text.partition(":")
                self._depend(target, written)
                shown = f" as {alias}" if alias else ""
                reason = "its order is kept in depends_on; write ${services.NAME.PORT} for the address"
                self.notes.lost(item.location, f"services.{name}.links: {target}{shown}", reason)

    def _volumes_from(self, name: str, node: Node, written: dict[str, Any]) -> None:
        self.notes.lost(node.location, f"services.{name}.volumes_from", "name the volumes of each service")
        for item in node.items if isinstance(node, Sequence) else []:
            if isinstance(item, Scalar):
                self._depend(item.text.partition(":")[0], written)

    def _profiles(self, name: str, node: Node, written: dict[str, Any]) -> None:
        profiles = []
        for item in node.items if isinstance(node, Sequence) else []:
            text = item.text if isinstance(item, Scalar) else ""
            renamed = text if re.fullmatch(NAME, text) else self._name(text)
            if renamed != text:
                self.notes.add(item.location, f"services.{name}.profiles: {text} is called {renamed} now")
            profiles.append(renamed)
        if profiles:
            written["profiles"] = profiles

    def _develop(self, name: str, node: Node, written: dict[str, Any]) -> None:
        """Keep the folders of `develop.watch`: their change restarts the service, whatever the action was."""
        path = f"services.{name}.develop"
        watch = node.items.get("watch") if isinstance(node, Mapping) else None
        if isinstance(node, Mapping):
            for key in node.items:
                if key != "watch" and not key.startswith("x-"):
                    self.notes.dropped(node, key, f"{path}.{key}", {})
        for item in watch.items if isinstance(watch, Sequence) else []:
            if isinstance(item, Mapping):
                self._watch(f"{path}.watch", item, written)

    def _watch(self, path: str, item: Mapping, written: dict[str, Any]) -> None:
        folder = item.items.get("path")
        kept = self.project.path(folder, path) if folder is not None else None
        for key in item.items:
            if key not in ("path", "ignore") and not key.startswith("x-"):
                self.notes.dropped(item, key, f"{path}.{key}", {"action": "a change restarts the service"})
        if kept is not None:
            ignore = item.items.get("ignore")
            long = {"path": kept, "ignore": plain(ignore)} if isinstance(ignore, Sequence) else kept
            written.setdefault("watch", []).append(long)

    def _pre_start(self, name: str, node: Node, written: dict[str, Any]) -> None:
        """Make a job of each command that runs before the service."""
        hooks = node.items if isinstance(node, Sequence) else []
        service = self._services.items[name]
        for number, hook in enumerate(hooks, start=1):
            command = hook.items.get("command") if isinstance(hook, Mapping) else None
            if not isinstance(hook, Mapping) or command is None or not isinstance(service, Mapping):
                self.notes.lost(node.location, f"services.{name}.pre_start[{number - 1}]", "it has no command")
                continue
            job = self._hook(name, f"{name}.pre_start[{number - 1}]", service, hook)
            job["restart"] = "no"
            job_name = f"{self._name(name)}-pre-start-{number}"
            self.notes.sources["services", job_name] = hook.location
            self.notes.add(hook.location, f"services.{name}.pre_start[{number - 1}] is the job {job_name} now")
            self._extra[job_name] = job
            written.setdefault("depends_on", {})[job_name] = {"condition": "service_completed_successfully"}

    def _hook(self, name: str, label: str, service: Mapping, hook: Mapping) -> dict[str, Any]:
        """Return the job of a hook, which has everything of its service's container that it does not say itself."""
        job: dict[str, Any] = {}
        for key in INHERITED:
            if key in service.items and (key not in hook.items or key in COLLECTIONS):
                self._of_container(name, service, key, job)
        for key in hook.items:
            if key in INHERITED or key == "command":
                inherited = job.pop(key, None)
                self._of_container(label, hook, key, job)
                if inherited is not None:
                    job[key] = completed(inherited, job.get(key))
            elif not key.startswith("x-"):
                self.notes.dropped(hook, key, f"services.{label}.{key}", Service.FOREIGN)
        return job

    def _of_container(self, name: str, node: Mapping, key: str, written: dict[str, Any]) -> None:
        if key in keys.CONVERSIONS:
            keys.CONVERSIONS[key](self.project, name, node.items[key], written)
        else:
            self._other(name, node, key, written)

    # What is left

    def _volumes_of(self, root: Mapping, stack: dict[str, Any]) -> None:
        volumes = root.items.get("volumes")
        if not isinstance(volumes, Mapping) or not volumes.items:
            return
        stack["volumes"] = {self._name(key): {} for key in volumes.items}
        for name, node in volumes.items.items():
            for key in node.items if isinstance(node, Mapping) else ():
                assert isinstance(node, Mapping)
                if not key.startswith("x-"):
                    reason = (
                        "a volume is a folder of this stack" if key in VOLUME_KEYS else "stack.yaml has no such key"
                    )
                    self.notes.lost(node.keys[key].location, f"volumes.{name}.{key}", reason)

    def _leave_out(self, stack: dict[str, Any]) -> None:
        """Leave out what says nothing that can run here: only an image or a recipe does."""
        for name, service in list(stack["services"].items()):
            if not any(key in service for key in ("uses", *RUNNABLE)):
                repair.without(
                    stack, name, "it has no image that can be run, and its command is an image's", self.notes
                )


COLLECTIONS = ("environment", "env_file", "volumes", "extra_hosts", "tmpfs", "cap_add", "cap_drop", "ulimits")
INHERITED = (*RUNNABLE, "entrypoint", "working_dir", *dict.fromkeys((*COLLECTIONS, *OF_A_CONTAINER)))
"""What a hook has of its service: it completes collections and replaces everything else."""
VOLUME_KEYS = ("external", "driver", "driver_opts", "name", "labels")
SHARED: dict[str, Shape] = {
    key: Object(Service).fields[key][1]
    for key in (
        "command", "entrypoint", "working_dir", "healthcheck", "restart", "stop_grace_period", "labels", "post_start",
        "pre_stop", *OF_A_CONTAINER
    )
}  # fmt: skip
"""Keys that mean the same in both."""

Conversion = Callable[[ComposeFiles, str, Node, dict[str, Any]], None]
OF_THE_WHOLE: dict[str, Conversion] = {
    "depends_on": ComposeFiles._depends_on, "links": ComposeFiles._links, "volumes_from": ComposeFiles._volumes_from,
    "profiles": ComposeFiles._profiles, "develop": ComposeFiles._develop, "pre_start": ComposeFiles._pre_start,
}  # fmt: skip
"""Keys whose conversion asks or changes other services, or the names that they go by."""


def completed(inherited: Any, more: Any) -> Any:
    """Return a collection with what another adds; variables may stand as a mapping or a list in either."""
    if isinstance(inherited, list) and isinstance(more, list | None):
        return [*inherited, *(more or [])]
    return {**_as_mapping(inherited), **_as_mapping(more)}


def _as_mapping(variables: Any) -> dict[str, Any]:
    if not isinstance(variables, list):
        return dict(variables or {})
    pairs = (str(item).partition("=") for item in variables)
    return {name: value if equals else None for name, equals, value in pairs}


def _merge(written: dict[str, Any], key: str, value: Any) -> None:
    if isinstance(value, dict) and isinstance(written.get(key), dict):
        written[key] = {**value, **written[key]}
    else:
        written[key] = value
