"""Asks a Kafka broker for its metadata.

ApiVersions in version 0, which every broker answers, says which versions of Metadata the broker speaks. Good is an
answer that lists at least one broker, and every topic that the check names.
"""

from __future__ import annotations

import struct
from typing import Any

from devctl.core.checks import KafkaCheck
from devctl.http.connection import Connection, connected, receive_exactly
from devctl.probes.base import Answer, Target, port_of
from devctl.text import count
from devctl.wire.kafka.messages import API_VERSIONS, METADATA, Api, Error, request_frame, response_body
from devctl.wire.kafka.schema import Malformed, Message

_CLIENT = "devctl-probe"
_ANSWER_BYTES = 4 << 20  # the metadata of some ten thousand partitions


class KafkaProbe:
    """Two requests on one connection."""

    def __init__(self, check: KafkaCheck, target: Target) -> None:
        self._host = target.host
        self._port = port_of(check, target)
        self._topics = check.topics
        self.describe = f"Kafka metadata of {target.host}:{self._port}"

    async def ask(self) -> Answer:
        """Ask for the versions, then for the metadata."""
        async with connected(self._host, self._port) as connection:
            try:
                version = _metadata_version(await _call(connection, API_VERSIONS, 0, {}))
                metadata = await _call(connection, METADATA, version, self._request())
            except Malformed as error:
                return Answer(False, f"not the answer of a Kafka broker: {error}")
        topics = {topic["name"] for topic in metadata["topics"] or () if topic["error"] == Error.NONE}
        missing = [topic for topic in self._topics if topic not in topics]
        if missing:
            return Answer(False, f"no topic {', '.join(missing)} yet")
        brokers = len(metadata["brokers"] or ())
        return Answer(brokers > 0, count(brokers, "broker"))

    def _request(self) -> Message:
        """Return a request for the brokers and the topics, which are not to be made by asking."""
        topics: list[Any] = [{"id": bytes(16), "name": name} for name in self._topics]
        return {"topics": topics, "auto_create": False, "cluster_operations": False, "topic_operations": False}


PROBE = KafkaProbe


async def _call(connection: Connection, api: Api, version: int, message: Message) -> Message:
    """Send one request and return its response."""
    await connection.send(request_frame(api, version, 1, _CLIENT, api.request.encode(message, version)))
    (length,) = struct.unpack(">i", await receive_exactly(connection, 4))
    if not 4 <= length <= _ANSWER_BYTES:
        raise Malformed(f"its length would be {length}")
    frame = await receive_exactly(connection, length)
    return api.response.decode(response_body(api, version, frame), version)


def _metadata_version(versions: Message) -> int:
    """Return the newest version of Metadata that both sides speak."""
    if versions["error"] != Error.NONE:
        raise Malformed(f"error {versions['error']} to ApiVersions")
    spoken = next((api for api in versions["apis"] or () if api["key"] == METADATA.key), None)
    if spoken is None or spoken["first"] > METADATA.last:
        raise Malformed("it does not speak a Metadata that devctl knows")
    return int(min(spoken["last"], METADATA.last))
