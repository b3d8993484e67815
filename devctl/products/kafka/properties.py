"""The configuration of a single Kafka node, as text. Small buffers and few threads: it is one of many on a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

NODE_ID = 1

LOGGING = """\
Configuration:
  status: ERROR
  Appenders:
    Console:
      name: stdout
      PatternLayout:
        pattern: "%d{{ISO8601}} %-5p %m (%c{{1}})%n"
  Loggers:
    Root:
      level: {level}
      AppenderRef: [{{ref: stdout}}]
    Logger:
      - {{name: kafka.server.KafkaRaftServer, level: INFO}}
      - {{name: org.apache.kafka.controller.QuorumController, level: ERROR}}
      - {{name: org.apache.kafka.common.utils.AppInfoParser, level: ERROR}}
      - {{name: org.apache.kafka.clients.NetworkClient, level: ERROR}}
"""


def logging(level: str) -> str:
    """Return the log4j2 configuration that prints everything from `level` up on standard output."""
    return LOGGING.format(level=level)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where one node listens, each HOST:PORT. Clients are told to come to `advertised`, which is the relay's address
    where there is one; what the broker tells itself, and what makes its topics, comes by `internal`, since the relay
    lets nobody through before the topics are there, and its faults are none of the broker's."""

    broker: str
    internal: str
    controller: str
    advertised: str = ""


def server(addresses: Addresses, data: str, settings: Mapping[str, str]) -> str:
    """Return server.properties for one node that is broker and controller.

    Small buffers and few threads: the log cleaner's default alone would hold 128 MiB of heap.
    """
    internal = addresses.internal
    lines = {
        "process.roles": "broker,controller",
        "node.id": str(NODE_ID),
        "controller.quorum.voters": f"{NODE_ID}@{addresses.controller}",
        "listeners": f"BROKER://{addresses.broker},INTERNAL://{internal},CONTROLLER://{addresses.controller}",
        "advertised.listeners": f"BROKER://{addresses.advertised or addresses.broker},INTERNAL://{internal}",
        "inter.broker.listener.name": "INTERNAL",
        "controller.listener.names": "CONTROLLER",
        "listener.security.protocol.map": "BROKER:PLAINTEXT,INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "group.initial.rebalance.delay.ms": "0",
        "offsets.topic.replication.factor": "1",
        "offsets.topic.num.partitions": "4",
        "offsets.topic.segment.bytes": "16777216",
        "transaction.state.log.replication.factor": "1",
        "transaction.state.log.min.isr": "1",
        "transaction.state.log.num.partitions": "4",
        "transaction.state.log.segment.bytes": "16777216",
        "share.coordinator.state.topic.replication.factor": "1",
        "share.coordinator.state.topic.min.isr": "1",
        "share.coordinator.state.topic.num.partitions": "1",
        "log.segment.bytes": "67108864",
        "log.retention.hours": "48",
        "log.retention.bytes": "268435456",
        "log.index.size.max.bytes": "1048576",
        "log.cleaner.dedupe.buffer.size": "4194304",
        "log.cleaner.io.buffer.size": "65536",
        "background.threads": "2",
        "num.network.threads": "2",
        "num.io.threads": "2",
        "group.coordinator.threads": "1",
        "metadata.max.idle.interval.ms": "5000",
        # A killed broker is taken back only when its old session is over, so the session is short.
        "broker.session.timeout.ms": "2500",
        "broker.heartbeat.interval.ms": "1000",
        **settings,
    }
    return "".join(f"{key}={value}\n" for key, value in lines.items())
