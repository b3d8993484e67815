"""What devctl knows of bought-in products: one module each, loaded when it is asked for. Pure: no I/O."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from devctl.products.base import Recipe

_NAMES = ("consul", "grafana", "jaeger", "kafka", "postgres", "prometheus")


def names() -> tuple[str, ...]:
    """Return the names that `uses:` may have."""
    return _NAMES


def find(name: str) -> Recipe | None:
    """Return the recipe for `uses: NAME`, None when there is none."""
    if name not in _NAMES:
        return None
    recipe: Recipe = importlib.import_module(f"devctl.products.{name}.recipe").RECIPE
    return recipe
