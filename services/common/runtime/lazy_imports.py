"""Loads libraries without the parts that no service uses.

Together they are a third of the start and 20 MB of every process: SQLAlchemy's mapper (which its asyncio package
loads for sessions), uvicorn's command line with its reloader, and httpx's command line.
"""

import importlib.util
import sys
from types import ModuleType
from typing import Any


def load_lazily(package: str) -> None:
    """Register a package whose `__init__` runs only when one of its names is used, not for its modules."""
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


def stub_out(module: str, *names: str) -> None:
    """Register an empty module in place of one that a package would import; functions of these names do nothing."""
    if module not in sys.modules:
        stub = ModuleType(module)
        for name in names:
            stub.__dict__[name] = _nothing
        sys.modules[module] = stub


def _nothing() -> None:
    """Do nothing: the function that this replaces is never called."""
