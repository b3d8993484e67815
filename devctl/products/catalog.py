"""The catalog of native programs, assembled from what each product brings (`products/NAME/tools.py`)."""

from __future__ import annotations

import functools
import importlib

from devctl import products
from devctl.tools.entry import Catalog, Entry


@functools.cache
def catalog() -> Catalog:
    """Return the catalog of all products' programs."""
    brought = (importlib.import_module(f"devctl.products.{name}.tools").TOOLS for name in products.names())
    return Catalog(entry for entries in brought for entry in entries)


def names() -> tuple[str, ...]:
    """Return the names of all tools."""
    return catalog().names


def entry(name: str) -> Entry:
    """Return the entry for `name`; UsageError with the nearest name when there is none."""
    return catalog().entry(name)
