"""Where a page of a user's orders begins."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

# Every text of this shape is a cursor: the schema of a request needs no further rule.
CURSOR = r"^[0-9]{1,16}\.[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last order of a page; the history runs from the newest order to the oldest."""

    created_at: datetime
    id: str

    def encode(self) -> str:
        """Write the cursor as text that matches CURSOR."""
        return f"{(self.created_at - _EPOCH) // timedelta(microseconds=1)}.{self.id}"

    @classmethod
    def decode(cls, word: str) -> "Cursor":
        """Read text that matches CURSOR."""
        microseconds, _, order_id = word.partition(".")
        return cls(_EPOCH + timedelta(microseconds=int(microseconds)), order_id)
