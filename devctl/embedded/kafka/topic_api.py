"""The requests about the cluster and its topics: metadata, making, growing, deleting, configuration."""

from __future__ import annotations

from typing import Any

from devctl.embedded.kafka.broker import CLUSTER, NODE, Broker, Request
from devctl.embedded.kafka.store import MOST_PARTITIONS, legal
from devctl.wire.kafka.messages import Error
from devctl.wire.kafka.schema import Message

TOPIC, NODE_KIND = 2, 4
DEFAULT_SOURCE = 5


class TopicApi:
    """Answers what clients ask to find their way, and what tools ask to change it."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def metadata(self, request: Request) -> Message:
        """Name the one node and describe topics."""
        requested = request.body["topics"]
        if requested is None or (request.version == 0 and not requested):
            names = list(self._broker.topics.names())
        else:
            names = [topic["name"] for topic in requested]
        may_create = request.body.get("auto_create", True)
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

    def create(self, request: Request) -> Message:
        """Make topics."""
        check_only = request.body["validate_only"]
        return {"throttle": 0, "topics": [self._created(topic, check_only) for topic in request.body["topics"]]}

    def _created(self, topic: Message, check_only: bool) -> dict[str, Any]:
        count = topic["partitions"] if topic["partitions"] != -1 else max(1, len(topic["assignments"]))
        error, message = Error.NONE, None
        if not legal(topic["name"]):
            error = Error.INVALID_TOPIC
        elif topic["name"] in self._broker.topics:
            error, message = Error.TOPIC_ALREADY_EXISTS, f"Topic '{topic['name']}' already exists."
        elif not 0 < count <= MOST_PARTITIONS:
            error, message = Error.INVALID_PARTITIONS, f"this emulator takes 1 to {MOST_PARTITIONS} partitions"
        elif topic["replication"] not in (-1, 1):
            error = Error.INVALID_REPLICATION_FACTOR
            message = f"Replication factor: {topic['replication']} larger than available brokers: 1."
        elif not check_only:
            self._broker.topics.grow(topic["name"], count)
        return {"name": topic["name"], "error": error, "message": message}

    def grow(self, request: Request) -> Message:
        """Return topics more partitions."""
        check_only = request.body["validate_only"]
        return {"throttle": 0, "topics": [self._grown(topic, check_only) for topic in request.body["topics"]]}

    def _grown(self, topic: Message, check_only: bool) -> dict[str, Any]:
        has = len(self._broker.topics.partitions(topic["name"]))
        error = Error.NONE
        if not has:
            error = Error.UNKNOWN_TOPIC_OR_PARTITION
        elif not has < topic["count"] <= MOST_PARTITIONS:
            error = Error.INVALID_PARTITIONS
        elif not check_only:
            self._broker.topics.grow(topic["name"], topic["count"])
        return {"name": topic["name"], "error": error, "message": None}

    def delete(self, request: Request) -> Message:
        """Delete topics with their records and the offsets committed for them."""
        return {
            "throttle": 0,
            "topics": [{"name": name, "error": self._deleted(name)} for name in request.body["topics"]],
        }

    def _deleted(self, name: str) -> Error:
        if name not in self._broker.topics:
            return Error.UNKNOWN_TOPIC_OR_PARTITION
        self._broker.topics.delete(name)
        self._broker.offsets.forget_topic(name)
        return Error.NONE

    def delete_records(self, request: Request) -> Message:
        """Forget records below given offsets."""
        topics = [
            {"name": topic["name"], "partitions": [self._cut(topic["name"], part) for part in topic["partitions"]]}
            for topic in request.body["topics"]
        ]
        return {"throttle": 0, "topics": topics}

    def _cut(self, topic: str, part: Message) -> dict[str, Any]:
        partition = self._broker.topics.find(topic, part["index"])
        if partition is None:
            return {"index": part["index"], "start": -1, "error": Error.UNKNOWN_TOPIC_OR_PARTITION}
        offset = partition.end if part["offset"] == -1 else part["offset"]
        if offset > partition.end or offset < 0:
            return {"index": part["index"], "start": -1, "error": Error.OFFSET_OUT_OF_RANGE}
        partition.delete_before(max(offset, partition.start))
        return {"index": part["index"], "start": partition.start, "error": Error.NONE}

    def describe_configs(self, request: Request) -> Message:
        """Return the few settings that have a meaning here."""
        return {"throttle": 0, "resources": [self._configuration(resource) for resource in request.body["resources"]]}

    def _configuration(self, resource: Message) -> dict[str, Any]:
        values: dict[str, str] = {}
        error = Error.NONE
        if resource["kind"] == TOPIC and resource["name"] not in self._broker.topics:
            error = Error.UNKNOWN_TOPIC_OR_PARTITION
        elif resource["kind"] == TOPIC:
            values = {"cleanup.policy": "delete", "retention.ms": "-1", "retention.bytes": str(self._broker.keep_bytes)}
        elif resource["kind"] == NODE_KIND:
            create = "true" if self._broker.auto_create else "false"
            values = {"node.id": str(NODE), "auto.create.topics.enable": create}
        keys = resource["keys"]
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
            if keys is None or name in keys
        ]
        return {"error": error, "message": None, "kind": resource["kind"], "name": resource["name"], "entries": entries}
