"""Produce, Fetch and ListOffsets: records in, records out, and where they lie."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from devctl.embedded.kafka import batch
from devctl.embedded.kafka.batch import BadBatch, Header
from devctl.embedded.kafka.broker import MOST_BATCH_BYTES, Broker, Request
from devctl.embedded.kafka.partition import Partition
from devctl.wire.kafka.messages import Error
from devctl.wire.kafka.schema import Message

LATEST, EARLIEST = -1, -2
READ_COMMITTED = 1


class DataApi:
    """Answers what producers and consumers ask about records."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def produce(self, request: Request) -> Message | None:
        """Write batches; they are in the log's file before the answer is given."""
        body = request.body
        topics = [
            {
                "name": topic["name"],
                "partitions": [self._written(body, topic["name"], part) for part in topic["partitions"]],
            }
            for topic in body["topics"]
        ]
        return {"topics": topics, "throttle": 0} if body["acks"] != 0 else None

    def _written(self, body: Message, topic: str, part: Message) -> Message:
        partition = self._broker.topics.find(topic, part["index"])
        error, base = Error.UNKNOWN_TOPIC_OR_PARTITION, -1
        if body["acks"] not in (-1, 0, 1):
            error = Error.INVALID_REQUIRED_ACKS
        elif partition is not None:
            error, base = self._append(body, topic, part, partition)
        start = partition.start if partition is not None else -1
        return {"index": part["index"], "error": error, "base_offset": base, "append_time": -1, "start": start}

    def _append(self, body: Message, topic: str, part: Message, partition: Partition) -> tuple[Error, int]:
        try:
            batches = list(batch.split(part["records"] or memoryview(b"")))
        except BadBatch:
            return Error.CORRUPT_MESSAGE, -1
        first = -1
        for head, data in batches:
            error = self._refusal(body, topic, part["index"], head)
            if error is Error.NONE:
                error, base = self._stored(partition, head, data)
                first = base if first < 0 else first
            if error is not Error.NONE:
                return error, -1
        return (Error.NONE, first) if batches else (Error.CORRUPT_MESSAGE, -1)

    def _refusal(self, body: Message, topic: str, index: int, head: Header) -> Error:
        if head.control or head.last_delta + 1 != head.count:
            return Error.CORRUPT_MESSAGE
        if head.size > MOST_BATCH_BYTES:
            return Error.MESSAGE_TOO_LARGE
        if not head.transactional:
            return Error.NONE
        return self._broker.transactions.may_write(body["transactional_id"], head.producer, head.epoch, topic, index)

    def _stored(self, partition: Partition, head: Header, data: memoryview) -> tuple[Error, int]:
        try:
            return partition.append(head, data)
        except OSError:
            return Error.KAFKA_STORAGE_ERROR, -1

    def fetch(self, request: Request) -> Message | Coroutine[Any, Any, Message]:
        """Return what there is from the offsets asked for; wait for more when it is too little."""
        answer, size, failed = self._fetched(request)
        if failed or size >= request.body["min_bytes"] or request.body["max_wait"] <= 0:
            return answer
        return self._fetched_later(request, answer, Watch(self._partitions(request)))

    async def _fetched_later(self, request: Request, answer: Message, watch: Watch) -> Message:
        deadline = asyncio.get_running_loop().time() + request.body["max_wait"] / 1000
        while await watch.changed_before(deadline):
            watch = Watch(watch.partitions)
            answer, size, failed = self._fetched(request)
            if failed or size >= request.body["min_bytes"]:
                break
        watch.end()
        return answer

    def _partitions(self, request: Request) -> list[Partition]:
        keys = ((topic["name"], part["index"]) for topic in request.body["topics"] for part in topic["partitions"])
        return [partition for part in keys if (partition := self._broker.topics.find(*part)) is not None]

    def _fetched(self, request: Request) -> tuple[Message, int, bool]:
        """Return the answer as it would be now, how many bytes of records it holds, and whether any part failed."""
        left = request.body["max_bytes"]
        committed_only = request.body["isolation"] == READ_COMMITTED
        topics: list[Message] = []
        total, failed = 0, False
        for topic in request.body["topics"]:
            answers = []
            for part in topic["partitions"]:
                answer = self._part(topic["name"], part, max(0, left - total), committed_only, total == 0)
                total += len(answer["records"])
                failed = failed or answer["error"] is not Error.NONE
                answers.append(answer)
            topics.append({"name": topic["name"], "partitions": answers})
        return {"throttle": 0, "error": Error.NONE, "session": 0, "topics": topics}, total, failed

    def _part(self, topic: str, part: Message, left: int, committed_only: bool, first: bool) -> Message:
        partition = self._broker.topics.find(topic, part["index"])
        answer: dict[str, Any] = {
            "index": part["index"],
            "error": Error.UNKNOWN_TOPIC_OR_PARTITION,
            "high_watermark": -1,
            "stable": -1,
            "start": -1,
            "aborted": None,
            "read_replica": -1,
            "records": b"",
        }
        if partition is None:
            return answer
        answer |= {"high_watermark": partition.end, "stable": partition.stable, "start": partition.start}
        if not partition.start <= part["offset"] <= partition.end:
            return answer | {"error": Error.OFFSET_OUT_OF_RANGE}
        answer["error"] = Error.NONE
        if left > 0 or first:
            answer["records"] = partition.read(part["offset"], min(part["max_bytes"], left), committed_only)
        if committed_only:
            aborted = partition.aborted_since(part["offset"])
            answer["aborted"] = [{"producer": producer, "first": at} for producer, at in aborted]
        return answer

    def list_offsets(self, request: Request) -> Message:
        """Return the first, the last, or the offset that belongs to a time."""
        committed_only = request.body.get("isolation") == READ_COMMITTED
        topics = [
            {
                "name": topic["name"],
                "partitions": [self._offset(topic["name"], part, committed_only) for part in topic["partitions"]],
            }
            for topic in request.body["topics"]
        ]
        return {"throttle": 0, "topics": topics}

    def _offset(self, topic: str, part: Message, committed_only: bool) -> Message:
        partition = self._broker.topics.find(topic, part["index"])
        answer = {"index": part["index"], "error": Error.NONE, "time": -1, "offset": -1, "leader_epoch": -1}
        if partition is None:
            return answer | {"error": Error.UNKNOWN_TOPIC_OR_PARTITION}
        if part["time"] == LATEST:
            return answer | {"offset": partition.stable if committed_only else partition.end}
        if part["time"] == EARLIEST:
            return answer | {"offset": partition.start}
        offset, time = partition.offset_for_time(part["time"])
        return answer | {"offset": offset, "time": time}


class Watch:
    """Waits for the next change of some partitions; it looks from the moment that it is made."""

    def __init__(self, partitions: list[Partition]) -> None:
        self.partitions = partitions
        self._change: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        for partition in partitions:
            partition.watch(self._wake)

    async def changed_before(self, deadline: float) -> bool:
        """Tell whether a change came before the loop's clock showed `deadline`."""
        timer = asyncio.get_running_loop().call_at(deadline, self._settle, False)
        try:
            return await self._change
        finally:
            timer.cancel()
            self.end()

    def end(self) -> None:
        """Look no longer."""
        for partition in self.partitions:
            partition.unwatch(self._wake)

    def _wake(self) -> None:
        self._settle(True)

    def _settle(self, changed: bool) -> None:
        if not self._change.done():
            self._change.set_result(changed)
