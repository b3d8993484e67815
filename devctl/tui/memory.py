"""What the terminal UI remembers of a stack from one time to the next: theme, view, filters. Never in the way."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any


class Memory:
    """A small JSON file in the stack's state folder; without a path nothing is kept."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._values: dict[str, Any] = {}
        if path:
            with contextlib.suppress(OSError, ValueError):
                values = json.loads(path.read_text(encoding="utf-8"))
                self._values = values if isinstance(values, dict) else {}

    def get(self, name: str, default: Any = None) -> Any:
        """Return what was remembered."""
        value = self._values.get(name, default)
        return value if default is None or isinstance(value, type(default)) else default

    def put(self, name: str, value: Any) -> None:
        """Remember something from now on."""
        if self._values.get(name) == value:
            return
        self._values[name] = value
        if self._path is None:
            return
        scratch = self._path.with_suffix(f".{os.getpid()}")
        with contextlib.suppress(OSError):
            file = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with open(file, "w", encoding="utf-8") as out:
                json.dump(self._values, out)
            scratch.replace(self._path)

    def update(self, name: str, **values: Any) -> None:
        """Remember some more of what belongs together, such as the settings of one view."""
        self.put(name, {**self.get(name, {}), **values})
