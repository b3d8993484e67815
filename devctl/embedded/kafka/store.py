"""What the broker keeps on disk: topics with their partitions, and the offsets that groups committed."""

from __future__ import annotations

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from devctl.embedded.journal import Journal
from devctl.embedded.kafka.partition import Partition

_LEGAL_NAME = re.compile(r"(?!\.{1,2}$)[a-zA-Z0-9._-]{1,249}")
_DELETED = "~"  # no legal name ends so: a deletion that a kill cut short is ended at the next start
MOST_PARTITIONS = 1000


def legal(topic: str | None) -> bool:
    """Tell whether Kafka would take this as a topic's name."""
    return topic is not None and _LEGAL_NAME.fullmatch(topic) is not None


class Topics:
    """All topics, each a folder with a folder per partition."""

    def __init__(self, folder: Path, keep_bytes: int) -> None:
        self._folder = folder
        self._keep_bytes = keep_bytes
        self._topics: dict[str, list[Partition]] = {}
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for path in sorted(folder.iterdir()):
            if path.name.endswith(_DELETED):
                shutil.rmtree(path)
            elif legal(path.name):
                self.grow(path.name, sum(1 for inner in path.iterdir() if inner.name.isdecimal()))

    def __contains__(self, name: object) -> bool:
        return name in self._topics

    def names(self) -> list[str]:
        """Return the names of all topics."""
        return list(self._topics)

    def partitions(self, name: str) -> list[Partition]:
        """Return the partitions of a topic, none when there is no such topic."""
        return self._topics.get(name, [])

    def find(self, name: str, index: int) -> Partition | None:
        """Return one partition, None when there is none."""
        partitions = self.partitions(name)
        return partitions[index] if 0 <= index < len(partitions) else None

    def grow(self, name: str, count: int) -> None:
        """Make the topic, or give it more partitions; it never gets fewer."""
        partitions = self._topics.setdefault(name, [])
        while len(partitions) < count:
            partitions.append(Partition(self._folder / name / str(len(partitions)), self._keep_bytes))

    def delete(self, name: str) -> None:
        """Delete a topic with everything in it."""
        for partition in self._topics.pop(name):
            partition.close(sync=False)
        gone = self._folder / f"{name}{_DELETED}"
        (self._folder / name).rename(gone)
        shutil.rmtree(gone)

    def close(self) -> None:
        """Write everything through to the disk and close it."""
        for partitions in self._topics.values():
            for partition in partitions:
                partition.close(sync=True)


@dataclass(frozen=True)
class Committed:
    """The offset from which a group goes on, and what the client noted beside it."""

    offset: int
    metadata: str = ""


class Offsets:
    """The committed offsets of all groups."""

    def __init__(self, path: Path) -> None:
        self._journal = Journal(path)
        self._groups: dict[str, dict[tuple[str, int], Committed]] = {}
        for (group, topic, partition), (offset, metadata) in self._journal.entries.items():
            self._of(group)[topic, partition] = Committed(offset, metadata)

    def groups(self) -> list[str]:
        """Return the names of all groups that have committed something."""
        return list(self._groups)

    def of(self, group: str) -> dict[tuple[str, int], Committed]:
        """Return what a group has committed, by topic and partition."""
        return self._groups.get(group, {})

    def commit(self, group: str, topic: str, partition: int, committed: Committed) -> None:
        """Keep an offset; it is in the file when this returns."""
        self._journal.put((group, topic, partition), [committed.offset, committed.metadata])
        self._of(group)[topic, partition] = committed

    def forget_group(self, group: str) -> None:
        """Delete everything that a group has committed."""
        for topic, partition in self._groups.pop(group, {}):
            self._journal.put((group, topic, partition), None)

    def forget_topic(self, topic: str) -> None:
        """Delete what any group has committed for a topic."""
        for group, offsets in self._groups.items():
            for key in [key for key in offsets if key[0] == topic]:
                del offsets[key]
                self._journal.put((group, *key), None)

    def close(self) -> None:
        """Write the file through to the disk and close it."""
        self._journal.close()

    def _of(self, group: str) -> dict[tuple[str, int], Committed]:
        return self._groups.setdefault(group, {})
