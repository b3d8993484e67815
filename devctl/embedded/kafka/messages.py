"""The messages of Kafka's protocol that this broker speaks, each in versions without tagged fields."""

from __future__ import annotations

from dataclasses import replace

from devctl.wire.kafka.messages import API_VERSIONS, METADATA, Api
from devctl.wire.kafka.schema import Schema


def _api(key: int, name: str, versions: tuple[int, int], request: str, response: str) -> Api:
    return Api(key, name, *versions, Schema(request), Schema(response))


_APIS = (
    _api(
        0,
        "Produce",
        (3, 7),
        "transactional_id:string acks:i16 timeout:i32 topics:[name:string partitions:[index:i32 records:bytes]]",
        "topics:[name:string partitions:[index:i32 error:i16 base_offset:i64 append_time:i64 start:i64@5+]]"
        " throttle:i32",
    ),
    _api(
        1,
        "Fetch",
        (4, 11),
        "replica:i32 max_wait:i32 min_bytes:i32 max_bytes:i32 isolation:i8 session:i32@7+ epoch:i32@7+"
        " topics:[name:string partitions:[index:i32 leader_epoch:i32@9+ offset:i64 start:i64@5+ max_bytes:i32]]"
        " forgotten:@7+[name:string partitions:[i32]] rack:string@11+",
        "throttle:i32 error:i16@7+ session:i32@7+ topics:[name:string partitions:[index:i32 error:i16"
        " high_watermark:i64 stable:i64 start:i64@5+ aborted:[producer:i64 first:i64] read_replica:i32@11+"
        " records:bytes]]",
    ),
    _api(
        2,
        "ListOffsets",
        (1, 5),
        "replica:i32 isolation:i8@2+ topics:[name:string partitions:[index:i32 leader_epoch:i32@4+ time:i64]]",
        "throttle:i32@2+ topics:[name:string partitions:[index:i32 error:i16 time:i64 offset:i64 leader_epoch:i32@4+]]",
    ),
    replace(METADATA, last=5),
    _api(
        8,
        "OffsetCommit",
        (2, 7),
        "group:string generation:i32 member:string instance:string@7+ retention:i64@2-4"
        " topics:[name:string partitions:[index:i32 offset:i64 leader_epoch:i32@6+ metadata:string]]",
        "throttle:i32@3+ topics:[name:string partitions:[index:i32 error:i16]]",
    ),
    _api(
        9,
        "OffsetFetch",
        (1, 5),
        "group:string topics:[name:string partitions:[i32]]",
        "throttle:i32@3+ topics:[name:string partitions:[index:i32 offset:i64 leader_epoch:i32@5+"
        " metadata:string error:i16]] error:i16@2+",
    ),
    _api(
        10,
        "FindCoordinator",
        (0, 2),
        "name:string kind:i8@1+",
        "throttle:i32@1+ error:i16 message:string@1+ node:i32 host:string port:i32",
    ),
    _api(
        11,
        "JoinGroup",
        (0, 5),
        "group:string session_timeout:i32 rebalance_timeout:i32@1+ member:string instance:string@5+"
        " kind:string protocols:[name:string metadata:bytes]",
        "throttle:i32@2+ error:i16 generation:i32 protocol:string leader:string member:string"
        " members:[id:string instance:string@5+ metadata:bytes]",
    ),
    _api(
        12,
        "Heartbeat",
        (0, 3),
        "group:string generation:i32 member:string instance:string@3+",
        "throttle:i32@1+ error:i16",
    ),
    _api(
        13,
        "LeaveGroup",
        (0, 3),
        "group:string member:string@0-2 members:@3+[id:string instance:string]",
        "throttle:i32@1+ error:i16 members:@3+[id:string instance:string error:i16]",
    ),
    _api(
        14,
        "SyncGroup",
        (0, 3),
        "group:string generation:i32 member:string instance:string@3+ assignments:[id:string assignment:bytes]",
        "throttle:i32@1+ error:i16 assignment:bytes",
    ),
    _api(
        15,
        "DescribeGroups",
        (0, 4),
        "groups:[string] authorized:bool@3+",
        "throttle:i32@1+ groups:[error:i16 group:string state:string kind:string protocol:string"
        " members:[id:string instance:string@4+ client:string host:string metadata:bytes assignment:bytes]"
        " authorized:i32@3+]",
    ),
    _api(
        16,
        "ListGroups",
        (0, 2),
        "",
        "throttle:i32@1+ error:i16 groups:[group:string kind:string]",
    ),
    API_VERSIONS,
    _api(
        19,
        "CreateTopics",
        (2, 4),
        "topics:[name:string partitions:i32 replication:i16 assignments:[index:i32 brokers:[i32]]"
        " configs:[name:string value:string]] timeout:i32 validate_only:bool",
        "throttle:i32 topics:[name:string error:i16 message:string]",
    ),
    _api(
        20,
        "DeleteTopics",
        (1, 3),
        "topics:[string] timeout:i32",
        "throttle:i32 topics:[name:string error:i16]",
    ),
    _api(
        21,
        "DeleteRecords",
        (0, 1),
        "topics:[name:string partitions:[index:i32 offset:i64]] timeout:i32",
        "throttle:i32 topics:[name:string partitions:[index:i32 start:i64 error:i16]]",
    ),
    _api(
        22,
        "InitProducerId",
        (0, 1),
        "transactional_id:string timeout:i32",
        "throttle:i32 error:i16 producer:i64 epoch:i16",
    ),
    _api(
        24,
        "AddPartitionsToTxn",
        (0, 1),
        "transactional_id:string producer:i64 epoch:i16 topics:[name:string partitions:[i32]]",
        "throttle:i32 topics:[name:string partitions:[index:i32 error:i16]]",
    ),
    _api(
        25,
        "AddOffsetsToTxn",
        (0, 1),
        "transactional_id:string producer:i64 epoch:i16 group:string",
        "throttle:i32 error:i16",
    ),
    _api(
        26,
        "EndTxn",
        (0, 1),
        "transactional_id:string producer:i64 epoch:i16 commit:bool",
        "throttle:i32 error:i16",
    ),
    _api(
        28,
        "TxnOffsetCommit",
        (0, 2),
        "transactional_id:string group:string producer:i64 epoch:i16"
        " topics:[name:string partitions:[index:i32 offset:i64 leader_epoch:i32@2+ metadata:string]]",
        "throttle:i32 topics:[name:string partitions:[index:i32 error:i16]]",
    ),
    _api(
        32,
        "DescribeConfigs",
        (0, 2),
        "resources:[kind:i8 name:string keys:[string]] synonyms:bool@1+",
        "throttle:i32 resources:[error:i16 message:string kind:i8 name:string entries:[name:string value:string"
        " read_only:bool is_default:bool@0 source:i8@1+ sensitive:bool"
        " synonyms:@1+[name:string value:string source:i8]]]",
    ),
    _api(
        37,
        "CreatePartitions",
        (0, 1),
        "topics:[name:string count:i32 assignments:[brokers:[i32]]] timeout:i32 validate_only:bool",
        "throttle:i32 topics:[name:string error:i16 message:string]",
    ),
    _api(
        42,
        "DeleteGroups",
        (0, 1),
        "groups:[string]",
        "throttle:i32 groups:[group:string error:i16]",
    ),
)

APIS = {api.key: api for api in _APIS}
