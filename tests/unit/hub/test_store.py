"""What the thread that writes the record does when something cannot be written."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from devctl.hub.intake import PROTOBUF, Refused
from devctl.hub.store import Outcome, Store
from devctl.record.span_query import SpanQuery
from devctl.record.span_writer import SpanWriter
from devctl.record.spans import SpanReader
from tests.otlp import export

BAD = b"unstored"
# Stands for whatever a file may refuse for one row alone: a constraint, a size.
TRIGGER = (
    f"CREATE TRIGGER bad BEFORE INSERT ON spans WHEN NEW.span = x'{BAD.hex()}' BEGIN SELECT RAISE({{}}, 'no'); END"
)


@contextlib.asynccontextmanager
async def _store(
    folder: Path, *, refusal: str = "", damaged: Callable[[], None] = lambda: None
) -> AsyncIterator[Store]:
    path = folder / "record.db"
    SpanWriter(path).close()
    if refusal:
        with contextlib.closing(sqlite3.connect(path)) as db:
            db.execute(TRIGGER.format(refusal))
    store = Store(path, cap_bytes=1 << 30, is_forwarding=lambda: True, on_damage=damaged)
    yield store
    await store.close()


def _body(*names: str) -> bytes:
    return export(
        *({"name": name, "span": BAD} if name == "bad" else {"name": name} for name in names)
    ).SerializeToString()


def _stored(folder: Path) -> list[str]:
    reader = SpanReader(folder / "record.db")
    with contextlib.closing(reader):
        return sorted(span.name for span in reader.spans(SpanQuery()))


@pytest.mark.parametrize("refusal", ["ABORT", "FAIL"])
async def test_a_span_that_cannot_be_stored_is_rejected_alone(tmp_path: Path, refusal: str) -> None:
    async with _store(tmp_path, refusal=refusal) as store:
        outcomes = await asyncio.gather(
            *(store.add(_body(*names), PROTOBUF) for names in ("ab", ["c", "bad", "d"], "e"))
        )
        counters = await store.run(lambda writer: writer.counters())
        waiting = await store.run(lambda writer: writer.outgoing.waiting(0))
    assert [outcome.rejected for outcome in outcomes] == [0, 1, 0]
    assert "no" in outcomes[1].reason
    assert _stored(tmp_path) == ["a", "b", "c", "d", "e"]
    assert (counters["accepted", ""], counters["stored", ""], counters["rejected", ""]) == (5, 5, 1)
    assert waiting.spans == 5


async def test_a_job_that_fails_leaves_nothing_behind_and_fails_no_other(tmp_path: Path) -> None:
    def fail(writer: SpanWriter) -> None:
        writer.add(export({"name": "half done"}).resource_spans)
        raise OverflowError("too large")

    async with _store(tmp_path) as store:
        first, failed, last = await asyncio.gather(
            store.add(_body("a"), PROTOBUF), store.run(fail), store.add(_body("b"), PROTOBUF), return_exceptions=True
        )
        await store.add(_body("half done"), PROTOBUF)
    assert [type(answer) for answer in (first, failed, last)] == [Outcome, OverflowError, Outcome]
    assert _stored(tmp_path) == ["a", "b", "half done"]


async def test_a_file_that_cannot_be_written_now_asks_to_try_again(tmp_path: Path) -> None:
    def full(writer: SpanWriter) -> Any:
        with contextlib.closing(sqlite3.connect(tmp_path / "missing" / "x.db")) as db:
            db.execute("SELECT 1")

    async with _store(tmp_path) as store:
        with pytest.raises(Refused) as refused:
            await store.run(full)
        await store.add(_body("next"), PROTOBUF)
    assert refused.value.status == 503
    assert _stored(tmp_path) == ["next"]


async def test_a_record_found_damaged_is_put_aside_and_its_owner_told_once(tmp_path: Path) -> None:
    (tmp_path / "garbage").write_bytes(b"garbage " * 4096)
    told: list[bool] = []

    def read_garbage(writer: SpanWriter) -> Any:
        with contextlib.closing(sqlite3.connect(tmp_path / "garbage")) as db:
            db.execute("SELECT * FROM sqlite_master")

    async with _store(tmp_path, damaged=lambda: told.append(True)) as store:
        for _ in range(2):
            with pytest.raises(Refused) as refused:
                await store.run(read_garbage)
    assert (refused.value.status, told) == (503, [True])
    assert not (tmp_path / "record.db").exists()
    assert len(list(tmp_path.glob("record.db.damaged-*"))) == 1
