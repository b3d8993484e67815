"""Where the reader has been: views with what they showed, for going back and forward. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A view, the pane beside it, and what both were told to show."""

    view: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    side: str = ""
    side_arguments: Mapping[str, Any] = field(default_factory=dict)


class Places:
    """The places in order, and which of them is shown."""

    def __init__(self, first: Place) -> None:
        self._places = [first]
        self._at = 0

    @property
    def current(self) -> Place:
        return self._places[self._at]

    def go(self, target: Place) -> None:
        """Go to a place; what was ahead is forgotten."""
        if target != self.current:
            self._places[self._at + 1 :] = [target]
            del self._places[:-MOST]
            self._at = len(self._places) - 1

    def step(self, by: int) -> bool:
        """Go back or forward; False at either end."""
        if 0 <= self._at + by < len(self._places):
            self._at += by
            return True
        return False
