"""A display that remembers what it was shown."""

from collections.abc import Sequence
from typing import Any


class RecordingDisplay:
    def __init__(self) -> None:
        self.items: list[Any] = []
        self.ends: list[Any] = []
        self.warnings: list[str] = []
        self.programs: list[Any] = []
        self.is_open = False

    def __enter__(self) -> "RecordingDisplay":
        self.is_open = True
        return self

    def __exit__(self, *_: object) -> None:
        self.is_open = False

    def item(self, item: Any) -> None:
        assert self.is_open
        self.items.append(item)

    def settled(self, settled: Any) -> None:
        self.ends.append(settled)

    def warning(self, text: str) -> None:
        self.warnings.append(text)

    def downloads(self, programs: Sequence[Any]) -> None:
        self.programs += programs
