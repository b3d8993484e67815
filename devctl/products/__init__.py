"""What devctl knows of third-party products: one folder each, loaded when it is asked for. Recipes are pure: no I/O."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devctl.products.base import Product

_NAMES = ("consul", "etcd", "grafana", "jaeger", "kafka", "postgres", "prometheus", "rabbitmq")


def names() -> tuple[str, ...]:
    """Return the names that `uses:` may have."""
    return _NAMES


def find(name: str) -> Product | None:
    """Return the product for `uses: NAME`, None when there is none."""
    if name not in _NAMES:
        return None
    product: Product = importlib.import_module(f"devctl.products.{name}.recipe").PRODUCT
    return product
