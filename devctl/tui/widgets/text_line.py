"""A line of text that is typed: Textual's input, which is handed its keys."""

from __future__ import annotations

from textual import events
from textual.widgets import Input


class TextLine(Input):
    """Takes keys in the order they were pressed; by itself an input inserts letters before it deletes what was
    typed earlier, since the one is done at once and the other after a way through the queues of its parents."""

    DEFAULT_CSS = """
    TextLine { height: 1; border: none; padding: 0 1; background: $surface; color: $foreground; }
    TextLine:focus { border: none; }
    """

    def __init__(self, placeholder: str, id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, select_on_focus=False, id=id)

    async def take_key(self, event: events.Key) -> None:
        """Type a letter, or move and delete as the key says."""
        if event.is_printable and event.character:
            self.replace(event.character, *self.selection)
            return
        for binding in self._bindings.key_to_bindings.get(event.key, ()):
            if binding.action != "submit":
                await self.run_action(binding.action)
