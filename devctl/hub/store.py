"""The one thread that writes the record: everything that arrived meanwhile goes in with one commit.

A request is answered after its spans are committed, never before. Whoever wants something of the file hands a
function over with `run`; nothing else touches the writer.
"""

from __future__ import annotations

import asyncio
import contextlib
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
from devctl.record.span_faults import is_damage, is_of_the_file
from devctl.record.span_writer import SpanWriter

T = TypeVar("T")

_MOST_TOGETHER = 32  # batches in one commit: enough to share its cost, few enough to answer soon
_PENDING_BYTES = 32 << 20  # bodies held in memory at once; who comes later waits for the answer
RETRY_SECONDS = 1


@dataclass(slots=True)
class _Job:
    work: Callable[[SpanWriter], Any]
    future: asyncio.Future[Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an export request: how many spans are kept, how many are not, and why."""

    accepted: int = 0
    rejected: int = 0
    reason: str = ""


class Store:
    """The record of spans behind an asyncio face.

    `on_damage` is called, in the loop, when the file turns out to be broken: the owner should then close the store,
    which puts the file aside, and open another one.
    """

    def __init__(
        self, path: Path, *, cap_bytes: int, is_forwarding: Callable[[], bool], on_damage: Callable[[], None]
    ) -> None:
        self._path = path
        self._is_forwarding = is_forwarding
        self._on_damage = on_damage
        self._is_damaged = False
        self._loop = asyncio.get_running_loop()
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._room = _PENDING_BYTES
        self._has_room = asyncio.Condition()
        self._writer = _opened(path, cap_bytes)
        self._thread = threading.Thread(target=self._write, name="record", daemon=True)
        self._thread.start()

    async def add(self, body: bytes, kind: str) -> Outcome:
        """Commit the spans of an export request. Refused says what was wrong with it as a whole."""
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

    def _add(self, writer: SpanWriter, body: bytes, kind: str) -> Outcome:
        from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

        request, unreadable = read(ExportTraceServiceRequest, body, kind)
        readable, without_ids = acceptable(request.resource_spans, body=body)
        stored, fault = _stored(writer, request.resource_spans)
        counts = {
            "spans that cannot be read were not kept": unreadable,
            "spans without valid trace and span ids were not kept": without_ids,
            f"spans that the record cannot hold were not kept: {fault}": readable - stored,
        }
        rejected = sum(counts.values())
        reason = "; ".join(reason for reason, count in counts.items() if count)
        writer.count("accepted", stored)
        writer.count("stored", stored)
        writer.count("rejected", rejected)
        writer.evict()
        if stored and self._is_forwarding():
            writer.outgoing.queue(request.SerializeToString(), stored, time.time_ns())
        return Outcome(stored, rejected, reason)

    def _write(self) -> None:
        is_open = True
        while is_open:
            jobs, is_open = self._take()
            if jobs:
                self._transact(jobs)
        self._writer.close()
        if self._is_damaged:
            _put_aside(self._path, "found while it was written")

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
        except Exception as error:
            answers = self._given_up(jobs, error)
        self._loop.call_soon_threadsafe(_resolve, answers)

    def _given_up(self, jobs: list[_Job], error: Exception) -> list[tuple[_Job, Any, Exception | None]]:
        """Roll back; return the answers to jobs of which none was done."""
        with contextlib.suppress(sqlite3.Error):  # of a file that is past rolling back
            self._writer.roll_back()
        if is_damage(error) and not self._is_damaged:
            self._is_damaged = True
            self._loop.call_soon_threadsafe(self._on_damage)
        refusal = Refused(503, f"the record cannot be written: {error}")
        return [(job, None, refusal) for job in jobs]


def _opened(path: Path, cap_bytes: int) -> SpanWriter:
    """Open the record; one that is damaged is put aside, since taking new spans in matters more than old ones."""
    try:
        return SpanWriter(path, cap_bytes=cap_bytes)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, or a full disk: nothing is wrong with the file
            raise
        _put_aside(path, str(error))
        return SpanWriter(path, cap_bytes=cap_bytes)


def _put_aside(path: Path, why: str) -> None:
    aside = path.with_name(f"{path.name}.damaged-{time.time_ns()}")
    print(f"{path} is damaged ({why}): put aside as {aside.name}", file=sys.stderr, flush=True)
    path.rename(aside)
    for ending in ("-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)


def _attempt(job: _Job, writer: SpanWriter) -> tuple[Any, Exception | None]:
    """Run one job. What is wrong with the file ends the whole transaction; any other error is that job's own."""
    try:
        with writer.all_or_nothing():
            return job.work(writer), None
    except Exception as error:
        if is_of_the_file(error):
            raise
        return None, error


def _stored(writer: SpanWriter, groups: Any) -> tuple[int, str]:
    """Store the spans of `groups` and return how many; what cannot be stored is taken out, and the last reason told."""
    try:
        with writer.all_or_nothing():
            return writer.add(groups), ""
    except Exception as error:
        if is_of_the_file(error):
            raise
        return _stored_singly(writer, groups)


def _stored_singly(writer: SpanWriter, groups: Any) -> tuple[int, str]:
    from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans

    stored, fault = 0, ""
    for group in groups:
        for scoped in group.scope_spans:
            spans = list(scoped.spans)
            del scoped.spans[:]
            for span in spans:
                alone = ResourceSpans(
                    resource=group.resource, scope_spans=[ScopeSpans(scope=scoped.scope, spans=[span])]
                )
                try:
                    with writer.all_or_nothing():
                        stored += writer.add([alone])
                    scoped.spans.append(span)
                except Exception as error:
                    if is_of_the_file(error):
                        raise
                    fault = str(error)
    return stored, fault


def _resolve(answers: list[tuple[_Job, Any, Exception | None]]) -> None:
    for job, answer, error in answers:
        if job.future.done():  # its client went away meanwhile; the spans are kept all the same
            continue
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(answer)
