"""The one thread that writes the record: everything that arrived meanwhile goes in with one commit.

A request is answered after its spans are committed, never before. Whoever wants something of the file hands a
function over with `run`; nothing else touches the writer.
"""

from __future__ import annotations

import asyncio
import queue
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from devctl.hub.intake import Refused, acceptable, read
from devctl.record.span_writer import SpanWriter

T = TypeVar("T")

_MOST_TOGETHER = 32  # batches in one commit: enough to share its cost, few enough to answer soon
_PENDING_BYTES = 32 << 20  # bodies held in memory at once; who comes later waits for the answer
RETRY_SECONDS = 1


@dataclass(slots=True)
class _Job:
    work: Callable[[SpanWriter], Any]
    future: asyncio.Future[Any]


class Store:
    """The record of spans behind an asyncio face."""

    def __init__(self, path: Path, *, cap_bytes: int, is_forwarding: Callable[[], bool]) -> None:
        self._is_forwarding = is_forwarding
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._room = _PENDING_BYTES
        self._has_room = asyncio.Condition()
        self._writer = _opened(path, cap_bytes)
        self._thread = threading.Thread(target=self._write, name="record", daemon=True)
        self._thread.start()

    async def add(self, body: bytes, kind: str) -> tuple[int, int]:
        """Commit the spans of an export request; return (accepted, rejected). Refused says what was wrong."""
        size = min(len(body), _PENDING_BYTES)
        async with self._has_room:
            await self._has_room.wait_for(lambda: self._room >= size)
            self._room -= size
        try:
            return await self.run(lambda writer: self._add(writer, body, kind))
        finally:
            async with self._has_room:
                self._room += size
                self._has_room.notify_all()

    async def run(self, work: Callable[[SpanWriter], T]) -> T:
        """Run `work` within the next transaction and return its answer once that is committed."""
        job = _Job(work, self._loop.create_future())
        self._jobs.put(job)
        answer: T = await job.future
        return answer

    async def close(self) -> None:
        """Commit what was handed over and close the file."""
        self._jobs.put(None)
        await asyncio.to_thread(self._thread.join)

    def _add(self, writer: SpanWriter, body: bytes, kind: str) -> tuple[int, int]:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        request = read(ExportTraceServiceRequest(), body, kind)
        accepted, rejected = acceptable(request.resource_spans, body=body)
        stored = writer.add(request.resource_spans)
        writer.count("accepted", accepted)
        writer.count("stored", stored)
        writer.count("rejected", rejected)
        writer.evict()
        if stored and self._is_forwarding():
            writer.queue(request.SerializeToString(), stored, time.time_ns())
        return accepted, rejected

    def _write(self) -> None:
        is_open = True
        while is_open:
            jobs, is_open = self._take()
            if jobs:
                self._transact(jobs)
        self._writer.close()

    def _take(self) -> tuple[list[_Job], bool]:
        jobs: list[_Job] = []
        job = self._jobs.get()
        while job is not None:
            jobs.append(job)
            if len(jobs) == _MOST_TOGETHER:
                return jobs, True
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                return jobs, True
        return jobs, False

    def _transact(self, jobs: list[_Job]) -> None:
        try:
            self._writer.begin()
            answers = [(job, *_attempt(job, self._writer)) for job in jobs]
            self._writer.commit()
        except sqlite3.Error as error:
            self._writer.roll_back()
            refusal = Refused(503, f"the record cannot be written: {error}")
            answers = [(job, None, refusal) for job in jobs]
        self._loop.call_soon_threadsafe(_resolve, answers)


def _opened(path: Path, cap_bytes: int) -> SpanWriter:
    """Open the record; one that is damaged is put aside, since taking new spans in matters more than old ones."""
    try:
        return SpanWriter(path, cap_bytes=cap_bytes)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, or a full disk: nothing is wrong with the file
            raise
        aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
        print(f"{path} is damaged ({error}): put aside as {aside.name}", file=sys.stderr, flush=True)
        path.rename(aside)
        for ending in ("-wal", "-shm"):
            path.with_name(path.name + ending).unlink(missing_ok=True)
        return SpanWriter(path, cap_bytes=cap_bytes)


def _attempt(job: _Job, writer: SpanWriter) -> tuple[Any, Exception | None]:
    """Run one job. A database error ends the whole transaction; any other is that job's own."""
    try:
        return job.work(writer), None
    except sqlite3.Error:
        raise
    except Exception as error:
        return None, error


def _resolve(answers: list[tuple[_Job, Any, Exception | None]]) -> None:
    for job, answer, error in answers:
        if job.future.done():  # its client went away meanwhile; the spans are kept all the same
            continue
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(answer)
