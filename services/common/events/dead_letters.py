"""The dead letters of a process without a broker: a file with one message a line, and a file of those replayed."""

import json
from collections.abc import Iterable
from pathlib import Path

from services.common.events.event import Message

FILE = "dead-letters.jsonl"


class DeadLetterFile:
    """The dead letters in a folder; one process writes them, another may read and replay."""

    def __init__(self, folder: Path) -> None:
        self._letters, self._mark = folder / FILE, folder / "dead-letters.replayed"

    def add(self, message: Message) -> None:
        """Write a message down; bytes that are no text come back as they were."""
        line = {"topic": message.topic, "key": message.key, "headers": dict(message.headers)}
        with self._letters.open("a") as file:
            file.write(json.dumps({**line, "value": message.value.decode("utf-8", "surrogateescape")}) + "\n")

    def messages(self) -> list[Message]:
        """Return all of them, the oldest first; the offset of each is its line."""
        if not self._letters.exists():
            return []
        return [_message(line, number) for number, line in enumerate(self._letters.read_text().splitlines())]

    @property
    def replayed(self) -> frozenset[int]:
        """Return the offsets of those that were replayed."""
        return frozenset(map(int, self._mark.read_text().split())) if self._mark.exists() else frozenset()

    def note_replayed(self, messages: Iterable[Message]) -> None:
        """Remember that these were replayed."""
        with self._mark.open("a") as file:
            file.writelines(f"{message.offset}\n" for message in messages)


def _message(line: str, number: int) -> Message:
    fields = json.loads(line)
    value = fields["value"].encode("utf-8", "surrogateescape")
    return Message(fields["topic"], fields["key"], value, fields["headers"], partition=0, offset=number)
