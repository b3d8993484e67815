"""Images that devctl knows as products: the recipe stands for them, and what it cannot take over is noted."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from devctl.manifest.nodes import Mapping, Node, Scalar, Sequence
from devctl.manifest.problems import Location
from devctl.manifest.takeover.notes import Notes
from devctl.manifest.takeover.ports import PortReader
from devctl.manifest.where import OF_A_CONTAINER
from devctl.products.base import Product

BROUGHT = frozenset((
    "image", "build", "command", "entrypoint", "environment", "env_file", "healthcheck", "working_dir", "volumes",
    "ports", *OF_A_CONTAINER,
))  # fmt: skip
"""Keys that a recipe brings itself."""


def product_of(service: Mapping) -> Product | None:
    """Return the product that stands for a service's image, None for an image that is built or not known."""
    image = service.items.get("image")
    if not isinstance(image, Scalar) or "build" in service.items:
        return None
    name = re.sub(r":[^/]*$", "", image.text.partition("@")[0])
    from devctl import products

    for product in filter(None, map(products.find, products.names())):
        if any(re.fullmatch(pattern, name) for pattern in product.images):
            return product
    return None


def take_over(product: Product, key: str, node: Node, service: str, written: dict[str, Any], notes: Notes) -> None:
    """Keep of one key what the recipe can use."""
    path = f"services.{service}.{key}"
    if key == "image":
        assert isinstance(node, Scalar)
        hint = "its version is what this machine has, see `devctl tools list`"
        notes.add(node.location, f"{path}: {node.text} is the recipe {product.name} now", hint)
    elif key == "environment":
        _take_variables(product, node, path, written, notes)
    elif key == "ports":
        _take_ports(product, node, service, written, notes)
    elif key == "volumes":
        for item in node.items if isinstance(node, Sequence) else [node]:
            shown = item.text if isinstance(item, Scalar) else "a volume"
            notes.lost(item.location, f"{path}: {shown}", f"its data lies in ${{volumes.{service}}}")
    else:
        notes.lost(node.location, path, f"the recipe {product.name} brings it")


def _take_variables(product: Product, node: Node, path: str, written: dict[str, Any], notes: Notes) -> None:
    for location, name, value in _variables(node):
        setting = product.compose_settings.get(name)
        if setting is None or value is None:
            notes.lost(location, f"{path}.{name}", f"the recipe {product.name} sets itself up")
            continue
        is_list = isinstance(getattr(product.settings(), setting), tuple | list)
        written.setdefault("with", {})[setting] = [value] if is_list else value
        notes.add(location, f"{path}.{name} is with.{setting} now")


def _variables(node: Node) -> Iterator[tuple[Location, str, str | None]]:
    if isinstance(node, Mapping):
        for name, value in node.items.items():
            text = value.text if isinstance(value, Scalar) and not value.is_null else None
            yield node.keys[name].location, name, text
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Scalar):
            name, equals, text = item.text.partition("=")
            yield item.location, name, text if equals else None


def _take_ports(product: Product, node: Node, service: str, written: dict[str, Any], notes: Notes) -> None:
    """Keep the numbers on this machine of the ports that the recipe has."""
    by_number = {str(port.number): port.name for port in product.ports if port.number}
    for port in PortReader(service, notes, lambda item: item.text).read(node):
        name = by_number.get(port.inside)
        if name is None:
            message = f"services.{service}.ports: {port.inside} was left out"
            notes.add(node.location, message, f"the recipe {product.name} has {', '.join(by_number.values())}")
        elif port.out != port.inside:
            written.setdefault("ports", {})[name] = port.out
