"""What every speaker of Kafka's protocol shares: error codes, headers and frames, and the first two messages."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import IntEnum

from devctl.wire.kafka.schema import Malformed, Schema


class Error(IntEnum):
    """Kafka's error codes, as far as devctl gives or expects them."""

    NONE = 0
    OFFSET_OUT_OF_RANGE = 1
    CORRUPT_MESSAGE = 2
    UNKNOWN_TOPIC_OR_PARTITION = 3
    MESSAGE_TOO_LARGE = 10
    COORDINATOR_NOT_AVAILABLE = 15
    INVALID_TOPIC = 17
    INVALID_REQUIRED_ACKS = 21
    ILLEGAL_GENERATION = 22
    INCONSISTENT_GROUP_PROTOCOL = 23
    INVALID_GROUP_ID = 24
    UNKNOWN_MEMBER_ID = 25
    INVALID_SESSION_TIMEOUT = 26
    REBALANCE_IN_PROGRESS = 27
    UNSUPPORTED_VERSION = 35
    TOPIC_ALREADY_EXISTS = 36
    INVALID_PARTITIONS = 37
    INVALID_REPLICATION_FACTOR = 38
    INVALID_REQUEST = 42
    OUT_OF_ORDER_SEQUENCE_NUMBER = 45
    INVALID_PRODUCER_EPOCH = 47
    INVALID_TXN_STATE = 48
    INVALID_PRODUCER_ID_MAPPING = 49
    INVALID_TRANSACTION_TIMEOUT = 50
    CONCURRENT_TRANSACTIONS = 51
    OPERATION_NOT_ATTEMPTED = 55
    KAFKA_STORAGE_ERROR = 56
    NON_EMPTY_GROUP = 68
    GROUP_ID_NOT_FOUND = 69
    MEMBER_ID_REQUIRED = 79
    FENCED_INSTANCE_ID = 82


@dataclass(frozen=True)
class Api:
    """One request of the protocol: its key, the versions that the schemas describe, and both schemas."""

    key: int
    name: str
    first: int
    last: int
    request: Schema
    response: Schema

    @property
    def flexible(self) -> int:
        """The first version with tagged fields in message and header."""
        return self.request.flexible


REQUEST_HEADER = Schema("key:i16 version:i16 correlation:i32 client:string")

API_VERSIONS = Api(
    18,
    "ApiVersions",
    0,
    3,
    Schema("software:string@3+ software_version:string@3+", flexible=3),
    Schema("error:i16 apis:[key:i16 first:i16 last:i16] throttle:i32@1+", flexible=3),
)
METADATA = Api(
    3,
    "Metadata",
    0,
    12,
    Schema(
        "topics:[id:uuid@10+ name:string] auto_create:bool@4+ cluster_operations:bool@8-10 topic_operations:bool@8+",
        flexible=9,
    ),
    Schema(
        "throttle:i32@3+ brokers:[node:i32 host:string port:i32 rack:string@1+] cluster:string@2+"
        " controller:i32@1+ topics:[error:i16 name:string id:uuid@10+ internal:bool@1+ partitions:[error:i16 index:i32"
        " leader:i32 leader_epoch:i32@7+ replicas:[i32] in_sync:[i32] offline:@5+[i32]] operations:i32@8+]"
        " cluster_operations:i32@8-10",
        flexible=9,
    ),
)


def request_frame(api: Api, version: int, correlation: int, client: str, body: bytes) -> bytes:
    """Return a whole request: length, header and body."""
    header = REQUEST_HEADER.encode(
        {"key": api.key, "version": version, "correlation": correlation, "client": client}, 0
    )
    tags = b"\0" if version >= api.flexible else b""
    return struct.pack(">i", len(header) + len(tags) + len(body)) + header + tags + body


def response_frame(correlation: int, body: bytes) -> bytes:
    """Return a whole response of a version without tagged fields, or of ApiVersions, whose header never has any."""
    return struct.pack(">ii", len(body) + 4, correlation) + body


def response_body(api: Api, version: int, frame: bytes) -> memoryview:
    """Return the body in the frame of a response (without its length); Malformed when the frame is too short."""
    start = 5 if version >= api.flexible and api is not API_VERSIONS else 4  # correlation, and no tagged fields
    if len(frame) < start:
        raise Malformed(f"a frame of {len(frame)} bytes")
    return memoryview(frame)[start:]
