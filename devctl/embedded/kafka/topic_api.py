"""The requests about the cluster and its topics: metadata, making, growing, deleting, configuration."""

from __future__ import annotations

from typing import Any

from devctl.embedded.kafka.broker import CLUSTER, NODE, Asked, Broker
from devctl.embedded.kafka.store import MOST_PARTITIONS, legal
from devctl.wire.kafka.messages import Error
from devctl.wire.kafka.schema import Message

TOPIC, NODE_KIND = 2, 4
DEFAULT_SOURCE = 5


class TopicApi:
    """Answers what clients ask to find their way, and what tools ask to change it."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def metadata(self, asked: Asked) -> Message:
        """Name the one node and describe topics."""
        requested = asked.body["topics"]
        if requested is None or (asked.version == 0 and not requested):
            names = list(self._broker.topics.names())
        else:
            names = [topic["name"] for topic in requested]
        may_create = asked.body.get("auto_create", True)
        address = self._broker.advertised
        node = {"node": NODE, "host": address.host, "port": address.port, "rack": None}
        return {
            "throttle": 0,
            "brokers": [node],
            "cluster": CLUSTER,
            "controller": NODE,
            "topics": [self._topic(name, may_create) for name in names],
        }

    def _topic(self, name: str, may_create: bool) -> dict[str, Any]:
        error = Error.NONE
        if not legal(name):
            error = Error.INVALID_TOPIC
        elif name not in self._broker.topics:
            if may_create and self._broker.auto_create:
                self._broker.topics.grow(name, self._broker.auto_create)
            else:
                error = Error.UNKNOWN_TOPIC_OR_PARTITION
        partitions = [
            {"error": Error.NONE, "index": at, "leader": NODE, "replicas": [NODE], "in_sync": [NODE], "offline": []}
            for at, _ in enumerate(self._broker.topics.partitions(name))
        ]
        return {"error": error, "name": name, "internal": False, "partitions": partitions}

    def create(self, asked: Asked) -> Message:
        """Make topics."""
        check_only = asked.body["validate_only"]
        return {"throttle": 0, "topics": [self._created(one, check_only) for one in asked.body["topics"]]}

    def _created(self, one: Message, check_only: bool) -> dict[str, Any]:
        count = one["partitions"] if one["partitions"] != -1 else max(1, len(one["assignments"]))
        error, message = Error.NONE, None
        if not legal(one["name"]):
            error = Error.INVALID_TOPIC
        elif one["name"] in self._broker.topics:
            error, message = Error.TOPIC_ALREADY_EXISTS, f"Topic '{one['name']}' already exists."
        elif not 0 < count <= MOST_PARTITIONS:
            error, message = Error.INVALID_PARTITIONS, f"this stand-in takes 1 to {MOST_PARTITIONS} partitions"
        elif one["replication"] not in (-1, 1):
            error = Error.INVALID_REPLICATION_FACTOR
            message = f"Replication factor: {one['replication']} larger than available brokers: 1."
        elif not check_only:
            self._broker.topics.grow(one["name"], count)
        return {"name": one["name"], "error": error, "message": message}

    def grow(self, asked: Asked) -> Message:
        """Give topics more partitions."""
        check_only = asked.body["validate_only"]
        return {"throttle": 0, "topics": [self._grown(one, check_only) for one in asked.body["topics"]]}

    def _grown(self, one: Message, check_only: bool) -> dict[str, Any]:
        has = len(self._broker.topics.partitions(one["name"]))
        error = Error.NONE
        if not has:
            error = Error.UNKNOWN_TOPIC_OR_PARTITION
        elif not has < one["count"] <= MOST_PARTITIONS:
            error = Error.INVALID_PARTITIONS
        elif not check_only:
            self._broker.topics.grow(one["name"], one["count"])
        return {"name": one["name"], "error": error, "message": None}

    def delete(self, asked: Asked) -> Message:
        """Delete topics with their records and the offsets committed for them."""
        return {
            "throttle": 0,
            "topics": [{"name": name, "error": self._deleted(name)} for name in asked.body["topics"]],
        }

    def _deleted(self, name: str) -> Error:
        if name not in self._broker.topics:
            return Error.UNKNOWN_TOPIC_OR_PARTITION
        self._broker.topics.delete(name)
        self._broker.offsets.forget_topic(name)
        return Error.NONE

    def delete_records(self, asked: Asked) -> Message:
        """Forget records below given offsets."""
        topics = [
            {"name": topic["name"], "partitions": [self._cut(topic["name"], one) for one in topic["partitions"]]}
            for topic in asked.body["topics"]
        ]
        return {"throttle": 0, "topics": topics}

    def _cut(self, topic: str, one: Message) -> dict[str, Any]:
        partition = self._broker.topics.find(topic, one["index"])
        if partition is None:
            return {"index": one["index"], "start": -1, "error": Error.UNKNOWN_TOPIC_OR_PARTITION}
        offset = partition.end if one["offset"] == -1 else one["offset"]
        if offset > partition.end or offset < 0:
            return {"index": one["index"], "start": -1, "error": Error.OFFSET_OUT_OF_RANGE}
        partition.delete_before(max(offset, partition.start))
        return {"index": one["index"], "start": partition.start, "error": Error.NONE}

    def describe_configs(self, asked: Asked) -> Message:
        """Give the few settings that have a meaning here."""
        return {"throttle": 0, "resources": [self._configuration(one) for one in asked.body["resources"]]}

    def _configuration(self, one: Message) -> dict[str, Any]:
        values: dict[str, str] = {}
        error = Error.NONE
        if one["kind"] == TOPIC and one["name"] not in self._broker.topics:
            error = Error.UNKNOWN_TOPIC_OR_PARTITION
        elif one["kind"] == TOPIC:
            values = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": str(self._broker.keep_bytes)}
        elif one["kind"] == NODE_KIND:
            create = "true" if self._broker.auto_create else "false"
            values = {"node.id": str(NODE), "auto.create.topics.enable": create}
        wanted = one["keys"]
        entries = [
            {
                "name": name,
                "value": value,
                "read_only": True,
                "is_default": True,
                "source": DEFAULT_SOURCE,
                "sensitive": False,
                "synonyms": [],
            }
            for name, value in values.items()
            if wanted is None or name in wanted
        ]
        return {"error": error, "message": None, "kind": one["kind"], "name": one["name"], "entries": entries}
