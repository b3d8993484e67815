"""Loads parts of libraries without the parts that no service uses.

Together they are a third of the start and 20 MB of every process: SQLAlchemy's mapper (which its asyncio package
loads for sessions), uvicorn's command line with its reloader, and httpx's command line.
"""

import importlib.util
import sys
from types import ModuleType
from typing import Any


def load_lazily(package: str) -> None:
    """Put a package in place whose `__init__` runs only when a name of it is asked for, not for its modules."""
    if package in sys.modules:
        return
    spec = importlib.util.find_spec(package)
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(package)
    module = importlib.util.module_from_spec(spec)
    loader = spec.loader

    def load(name: str) -> Any:
        if name.startswith("__") or importlib.util.find_spec(f"{package}.{name}"):
            raise AttributeError(name)  # a module of the package: the import system then loads just that
        del module.__dict__["__getattr__"]
        loader.exec_module(module)
        return getattr(module, name)

    module.__dict__["__getattr__"] = load
    sys.modules[package] = module


def leave_out(module: str, *names: str) -> None:
    """Put a module in place of one that a package would import, with functions of these names that do nothing."""
    if module not in sys.modules:
        stand_in = ModuleType(module)
        for name in names:
            stand_in.__dict__[name] = _nothing
        sys.modules[module] = stand_in


def _nothing() -> None:
    """Stand for a function that is never called."""
