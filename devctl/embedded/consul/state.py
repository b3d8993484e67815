"""What the cluster knows: nodes, services, checks, keys, sessions, each with the index of its last change.

Every change raises the one index, is written to the journal and wakes who waits for it. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any

from devctl.embedded.journal import Journal

Entry = dict[str, Any]
Key = tuple[str, ...]

NODE, SERVICE, CHECK, KV, SESSION, DEFINITION = "node", "service", "check", "kv", "session", "definition"
TABLES = (NODE, SERVICE, CHECK, KV, SESSION, DEFINITION)
FIRST_INDEX = 10
AFTER_RESTART = 100
MOST_GONE = 10_000


class State:
    """The catalog, the keys and the sessions, as tables of entries."""

    def __init__(self, journal: Journal | None = None) -> None:
        self._journal = journal
        self._tables: dict[str, dict[Key, Entry]] = {table: {} for table in TABLES}
        self._table_index = dict.fromkeys(TABLES, 0)
        self._service_index: dict[str, int] = {}
        self._gone: dict[str, int] = {}
        self._change: asyncio.Future[None] | None = None
        self._batching = False
        self.index = FIRST_INDEX
        self._load()

    @contextlib.contextmanager
    def change(self) -> Iterator[int]:
        """Make one change of any number of entries: they all get the one new index, which is given."""
        if self._batching:
            yield self.index
            return
        self._batching = True
        self.index += 1
        try:
            yield self.index
        finally:
            self._batching = False
            self._wake()

    async def changed(self) -> None:
        """Wait for the next change."""
        if self._change is None or self._change.done():
            self._change = asyncio.get_running_loop().create_future()
        await asyncio.shield(self._change)

    def get(self, table: str, *key: str) -> Entry | None:
        """Return one entry."""
        return self._tables[table].get(key)

    def all(self, table: str) -> list[Entry]:
        """Return all entries of a table, in the order of their keys."""
        entries = self._tables[table]
        return [entries[key] for key in sorted(entries)]

    def put(self, table: str, key: Key, entry: Entry) -> Entry:
        """Keep an entry; its indexes are set here."""
        with self.change() as index:
            current = self._tables[table].get(key)
            entry["CreateIndex"] = current["CreateIndex"] if current else index
            entry["ModifyIndex"] = index
            self._tables[table][key] = entry
            self._touch(table, entry, index)
            self._write(table, key, entry)
        return entry

    def amend(self, table: str, key: Key, **fields: Any) -> None:
        """Change fields of an entry that nobody waits for: no new index, nobody woken."""
        self._tables[table][key] |= fields

    def delete(self, table: str, *key: str) -> bool:
        """Delete an entry; tell whether it was there."""
        entry = self._tables[table].pop(key, None)
        if entry is None:
            return False
        with self.change() as index:
            self._touch(table, entry, index)
            if table == KV:
                self._remember_gone(key[0], index)
            self._write(table, key, None)
        return True

    def _remember_gone(self, key: str, index: int) -> None:
        """Remember when a key was deleted, for readers of what lay around it; the oldest are forgotten first."""
        self._gone.pop(key, None)
        self._gone[key] = index
        if len(self._gone) > MOST_GONE:
            del self._gone[next(iter(self._gone))]

    def table_index(self, *tables: str) -> int:
        """Return the index of the last change in any of the tables, at least 1."""
        return max(1, *(self._table_index[table] for table in tables))

    def service_index(self, name: str) -> int:
        """Return the index of the last change of a service or of its checks."""
        return self._service_index.get(name) or self.table_index(SERVICE, CHECK, NODE)

    def prefix_index(self, prefix: str) -> int:
        """Return the index of the last change below a prefix of keys; of all keys when nothing is or was there."""
        alive = [entry["ModifyIndex"] for (key,), entry in self._tables[KV].items() if key.startswith(prefix)]
        gone = [index for key, index in self._gone.items() if key.startswith(prefix)]
        return max([*alive, *gone], default=self.table_index(KV))

    def close(self) -> None:
        """Write the journal through to the disk."""
        if self._journal is not None:
            self._journal.close()

    def _touch(self, table: str, entry: Entry, index: int) -> None:
        self._table_index[table] = index
        if table == SERVICE:
            self._service_index[entry["Service"]] = index
        elif table == CHECK and entry["ServiceName"]:
            self._service_index[entry["ServiceName"]] = index
        elif table in (NODE, CHECK):
            for service in self._tables[SERVICE].values():
                if service["Node"] == entry["Node"]:
                    self._service_index[service["Service"]] = index

    def _wake(self) -> None:
        if self._change is not None and not self._change.done():
            self._change.set_result(None)

    def _write(self, table: str, key: Key, entry: Entry | None) -> None:
        if self._journal is not None:
            self._journal.put((table, *key), entry)

    def _load(self) -> None:
        if self._journal is None or not self._journal.entries:
            return
        for (table, *key), entry in self._journal.entries.items():
            self._tables[table][tuple(key)] = entry
            self.index = max(self.index, entry["ModifyIndex"])
        self.index += AFTER_RESTART
        for table in TABLES:
            self._table_index[table] = self.index if self._tables[table] else 0
