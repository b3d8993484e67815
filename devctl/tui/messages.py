"""What widgets tell the app. Few, since most of what happens is a key that `keys` names."""

from __future__ import annotations

from typing import Any

from textual.message import Message


class Opened(Message):
    """A row of a list was opened, by Enter or a double click."""

    def __init__(self, listing: object, row: Any) -> None:
        super().__init__()
        self.listing = listing
        self.row = row


class LinkOpened(Message):
    """What stands behind a number or name in a row of a list was asked for."""

    def __init__(self, listing: object, target: Any) -> None:
        super().__init__()
        self.listing = listing
        self.target = target


class CursorMoved(Message):
    """The cursor is on another row."""


class EdgeReached(Message):
    """The first or the last row that is loaded came into sight: more may be there."""

    def __init__(self, *, at_begin: bool) -> None:
        super().__init__()
        self.at_begin = at_begin


class Paused(Message):
    """Following ended, since somebody looked back; or it goes on."""

    def __init__(self, *, is_paused: bool) -> None:
        super().__init__()
        self.is_paused = is_paused


class BarPressed(Message):
    """The scroll bar was pressed at this share of its height."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.share = share


class Selected(Message):
    """Text was selected with the mouse."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text
