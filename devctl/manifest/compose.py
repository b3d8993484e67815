"""A first stack.yaml: from nothing, or from a Compose file with a list of what could not be taken over."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from devctl.manifest import document
from devctl.manifest.model import Manifest, Service
from devctl.manifest.nodes import Mapping, Node, Scalar, Sequence
from devctl.manifest.problems import Location, Problem, Problems
from devctl.manifest.reader import stack_name
from devctl.manifest.shapes.base import Shape
from devctl.manifest.shapes.groups import MapOf
from devctl.manifest.shapes.objects import Object
from devctl.manifest.where import NO_CONTAINERS
from devctl.manifest.yaml_text import Unquoted, dump, plain

COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")
PORT = r"(?:(?:[0-9]+(?:\.[0-9]+){3}|localhost):)?(?:(\$\{\w+(?::?-[0-9]+)?\}|[0-9]{1,5}):)?([0-9]{1,5})(?:/tcp)?"
SCHEMA_LINE = "# yaml-language-server: $schema=./stack.schema.json"

TEMPLATE = f"""{SCHEMA_LINE}
# What runs, and what it needs. `devctl up` starts it; docs: https://github.com/devctl/devctl/blob/main/docs/manifest.md
name: NAME

services:
  # A program of yours. It finds its port in $PORT.
  web:
    command: ["${{python}}", -m, http.server, "${{services.web.http.port}}", --bind, 127.0.0.1]
    ports: {{http: auto}}
    healthcheck: {{http: /}}

  # A product that devctl knows; `devctl schema` and the docs list them.
  # kafka: {{uses: kafka, with: {{topics: {{greetings: {{partitions: 3}}}}}}}}
"""


@dataclass(frozen=True, slots=True)
class Converted:
    """A stack.yaml made from a Compose file, and everything that was left out or is to be looked at."""

    text: str
    notes: tuple[Problem, ...]


def template(name: str) -> str:
    """Return a first stack.yaml that can be started as it is; its name is made from `name`, such as a folder's."""
    return TEMPLATE.replace("NAME", stack_name(name), 1)


def convert(path: Path) -> Converted:
    """Return the stack.yaml for a Compose file; ManifestError when it cannot be read at all."""
    problems = Problems()
    root = document.read(path, path.name, problems)
    problems.stop()
    assert root is not None
    return _Conversion(root, path.name).run()


class _Conversion:
    def __init__(self, root: Mapping, file: str) -> None:
        self.root = root
        self.file = file
        self.notes: list[Problem] = []
        self.products: dict[str, str] = {}  # service → recipe

    def run(self) -> Converted:
        services = self._mapping(self.root, "services")
        stack: dict[str, Any] = {}
        if isinstance(name := self.root.items.get("name"), Scalar):
            stack["name"] = name.text
        for key in self.root.items:
            if key not in ("name", "services", "volumes") and not key.startswith("x-"):
                self._drop(self.root, key, key, Manifest.FOREIGN)
        for name_, node in services.items.items():
            self.products[name_] = _product(node)
        stack["services"] = {name: self._service(name, node) for name, node in services.items.items()}
        if volumes := self._mapping(self.root, "volumes").items:
            stack["volumes"] = {key: {} for key in volumes}
        self._point_out_addresses(services)
        return Converted(f"{SCHEMA_LINE}\n{dump(stack)}", tuple(self.notes))

    def _mapping(self, parent: Mapping, key: str) -> Mapping:
        node = parent.items.get(key)
        return node if isinstance(node, Mapping) else Mapping(self.file, parent.line, parent.column)

    def _note(self, location: Location, message: str, hint: str = "") -> None:
        self.notes.append(Problem(location, message, hint=hint))

    def _drop(self, parent: Mapping, key: str, path: str, reasons: dict[str, str]) -> None:
        self._note(parent.keys[key].location, f"{path} was left out", reasons.get(key, "stack.yaml has no such key"))

    def _service(self, name: str, node: Node) -> dict[str, Any]:
        if not isinstance(node, Mapping):
            self._note(node.location, f"services.{name} was left out", "it is no mapping")
            return {}
        fields = Object(Service).fields
        service: dict[str, Any] = {}
        product = self.products[name]
        for key, value in node.items.items():
            convert_ = CONVERSIONS.get(key)
            if product and key in OWN_OF_PRODUCTS:
                self._note(
                    node.keys[key].location, f"services.{name}.{key} was left out", f"the recipe {product} brings it"
                )
            elif convert_ is not None:
                service.update(convert_(self, name, value))
            elif key in fields:
                service[key] = self._plain_of(fields[key][1], value, f"services.{name}.{key}")
            elif not key.startswith("x-"):
                self._drop(node, key, f"services.{name}.{key}", Service.FOREIGN)
        return {"uses": product, **service} if product else service

    def _image(self, name: str, node: Node) -> dict[str, Any]:
        if self.products[name]:
            return {}
        self._note_container(name, node)
        return {"image": plain(node)}

    def _build(self, name: str, node: Node) -> dict[str, Any]:
        if "image" not in self._compose_service(name).items:
            self._note_container(name, node)
        return {"build": self._plain_of(Object(Service).fields["build"][1], node, f"services.{name}.build")}

    def _note_container(self, name: str, node: Node) -> None:
        hint = "add native: {command: [...]}, so that it also runs on this machine"
        self._note(node.location, f"services.{name} is a container: {NO_CONTAINERS}", hint)

    def _compose_service(self, name: str) -> Mapping:
        return self._mapping(self._mapping(self.root, "services"), name)

    def _ports(self, name: str, node: Node) -> dict[str, Any]:
        if self.products[name]:
            return {}
        pairs = [_port(item) for item in node.items] if isinstance(node, Sequence) else []
        published = [pair for pair in pairs if pair]
        if len(published) != len(pairs):
            self._note(node.location, f"services.{name}.ports: ranges and unclear ports were left out")
        names = ["http"] if len(published) == 1 else [f"p{inside}" for _, inside in published]
        return (
            {"ports": {key: outside for key, (outside, _) in zip(names, published, strict=True)}} if published else {}
        )

    def _entrypoint(self, name: str, node: Node) -> dict[str, Any]:
        if self._compose_service(name).items.keys() & {"image", "build"}:
            return {"entrypoint": plain(node)}
        hint = "write the whole command line under `command`"
        self._note(node.location, f"services.{name}.entrypoint was left out", hint)
        return {}

    def _volumes(self, name: str, node: Node) -> dict[str, Any]:
        if self.products[name]:
            return {}
        texts = [plain(item) for item in node.items] if isinstance(node, Sequence) else []
        short = [text for text in texts if isinstance(text, str) and ":" in text and not text.startswith(("/", "~"))]
        if len(short) != len(texts):
            self._note(
                node.location, f"services.{name}.volumes: some were left out", "write NAME:/path or ./path:/path"
            )
        return {"volumes": short} if short else {}

    def _scale(self, name: str, node: Node) -> dict[str, Any]:
        return {"deploy": {"replicas": plain(node)}}

    def _plain_of(self, shape: Shape, node: Node, path: str) -> Any:
        """Return a node as plain data, without the keys that stack.yaml does not have."""
        if isinstance(shape, Object) and isinstance(node, Mapping):
            for key in node.items.keys() - shape.fields.keys():
                if not key.startswith("x-"):
                    self._drop(node, key, f"{path}.{key}", getattr(shape.cls, "FOREIGN", {}))
            kept = {key: value for key, value in node.items.items() if key in shape.fields}
            return {key: self._plain_of(shape.fields[key][1], value, f"{path}.{key}") for key, value in kept.items()}
        if isinstance(shape, MapOf) and isinstance(node, Mapping):
            return {key: self._plain_of(shape.item, value, f"{path}.{key}") for key, value in node.items.items()}
        return plain(node)

    def _point_out_addresses(self, services: Mapping) -> None:
        """Say where the name of another service stands as a host name: there is no such name on a loopback."""
        hosts = re.compile(rf"(?<![\w.-])({'|'.join(map(re.escape, services.items)) or '(?!)'}):[0-9]+")
        for name, node in services.items.items():
            if not isinstance(node, Mapping):
                continue
            for location, text in _texts(node.items.get("environment")):
                if match := hosts.search(text):
                    hint = f"write ${{services.{match[1]}.PORT}}"
                    self._note(location, f"services.{name}: {match[0]} is no address here", hint)


CONVERSIONS: dict[str, Callable[[_Conversion, str, Node], dict[str, Any]]] = {
    "image": _Conversion._image,
    "build": _Conversion._build,
    "ports": _Conversion._ports,
    "entrypoint": _Conversion._entrypoint,
    "volumes": _Conversion._volumes,
    "scale": _Conversion._scale,
}
OWN_OF_PRODUCTS = frozenset(("build", "command", "entrypoint", "environment", "env_file", "healthcheck", "working_dir"))


def _product(node: Node) -> str:
    """Return the recipe that stands for a service's image, else an empty text."""
    image = node.items.get("image") if isinstance(node, Mapping) else None
    if not isinstance(image, Scalar):
        return ""
    name = image.text.partition("@")[0]
    name = re.sub(r":[^/]*$", "", name)
    from devctl import products

    for product in filter(None, map(products.find, products.names())):
        if any(re.fullmatch(pattern, name) for pattern in product.images):
            return product.name
    return ""


def _port(node: Node) -> tuple[str, str] | None:
    """Return (outside, inside) of one entry of Compose's `ports`; `auto` outside is any free one."""
    if isinstance(node, Mapping):
        inside, outside = node.items.get("target"), node.items.get("published")
        published = (
            Unquoted(outside.text) if isinstance(outside, Scalar) and outside.text.isdigit() else Unquoted("auto")
        )
        return (published, inside.text) if isinstance(inside, Scalar) else None
    match = re.fullmatch(PORT, node.text) if isinstance(node, Scalar) else None
    if not match:
        return None
    outside_text = match[1] or "auto"
    return (outside_text if "$" in outside_text else Unquoted(outside_text), match[2])


def _texts(node: Node | None) -> Iterator[tuple[Location, str]]:
    if isinstance(node, Scalar):
        yield node.location, node.text
    elif isinstance(node, Mapping | Sequence):
        for item in node.items.values() if isinstance(node, Mapping) else node.items:
            yield from _texts(item)
