"""The requests of idempotent and transactional producers."""

from __future__ import annotations

from devctl.embedded.kafka.broker import Broker, Request
from devctl.embedded.kafka.store import Committed
from devctl.wire.kafka.messages import Error
from devctl.wire.kafka.schema import Message


class TransactionApi:
    """Answers what a producer asks to write exactly once."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def init_producer(self, request: Request) -> Message:
        """Return a producer its id and epoch."""
        body = request.body
        error, producer, epoch = self._broker.transactions.begin_producer(body["transactional_id"], body["timeout"])
        return {"throttle": 0, "error": error, "producer": producer, "epoch": epoch}

    def add_partitions(self, request: Request) -> Message:
        """Add partitions to the transaction, all or none."""
        body = request.body
        partitions = {(topic["name"], index) for topic in body["topics"] for index in topic["partitions"]}
        unknown = {partition for partition in partitions if self._broker.topics.find(*partition) is None}
        error = self._check(body)
        if error is Error.NONE and not unknown:
            self._broker.transactions.add_partitions(body["transactional_id"], partitions)

        def judged(topic: str, index: int) -> Error:
            if error is not Error.NONE or not unknown:
                return error
            return Error.UNKNOWN_TOPIC_OR_PARTITION if (topic, index) in unknown else _NOT_ATTEMPTED

        topics = [
            {
                "name": topic["name"],
                "partitions": [{"index": at, "error": judged(topic["name"], at)} for at in topic["partitions"]],
            }
            for topic in body["topics"]
        ]
        return {"throttle": 0, "topics": topics}

    def add_offsets(self, request: Request) -> Message:
        """Record that a group's offsets will be part of the transaction."""
        error = self._check(request.body)
        if error is Error.NONE:
            self._broker.transactions.add_offsets(request.body["transactional_id"])
        return {"throttle": 0, "error": error}

    def commit_offsets(self, request: Request) -> Message:
        """Keep offsets back until the transaction commits."""
        body = request.body
        error = self._check(body)
        topics = [
            {
                "name": topic["name"],
                "partitions": [self._held(body, topic["name"], part, error) for part in topic["partitions"]],
            }
            for topic in body["topics"]
        ]
        return {"throttle": 0, "topics": topics}

    def _held(self, body: Message, topic: str, part: Message, error: Error) -> Message:
        if error is Error.NONE:
            committed = Committed(part["offset"], part["metadata"] or "")
            error = self._broker.transactions.commit_offset(
                body["transactional_id"], body["group"], topic, part["index"], committed
            )
        return {"index": part["index"], "error": error}

    def end(self, request: Request) -> Message:
        """Commit or abort."""
        error = self._check(request.body)
        if error is Error.NONE:
            error = self._broker.transactions.end(request.body["transactional_id"], request.body["commit"])
        return {"throttle": 0, "error": error}

    def _check(self, body: Message) -> Error:
        return self._broker.transactions.check(body["transactional_id"], body["producer"], body["epoch"])


_NOT_ATTEMPTED = Error.OPERATION_NOT_ATTEMPTED
