"""Kafka: one node that is broker and controller, on the real jars, or devctl's embedded broker."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass, field
from typing import Literal

from devctl.core.checks import Check, KafkaCheck
from devctl.core.spec import File, Port, Variant, placeholder
from devctl.core.status import Kind
from devctl.products.base import Context, Product, Recipe
from devctl.products.kafka import properties
from devctl.products.kafka.tools import TOOLS


@dataclass(frozen=True, slots=True)
class Topic:
    """A topic that is there when Kafka is healthy."""

    partitions: int = 1
    config: dict[str, str] = field(default_factory=dict)
    """The topic's own settings in Kafka's names (`retention.ms`, `cleanup.policy`, …)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`with:` of Kafka."""

    topics: dict[str, Topic] = field(default_factory=dict)
    """Topics that are there when Kafka is healthy, made without a restart; one with too few partitions is widened."""
    heap: str = "256m"
    """The most memory that the JVM may take for its heap."""
    log_level: Literal["ERROR", "WARN", "INFO", "DEBUG"] = "WARN"
    """From which level up Kafka logs."""
    config: dict[str, str] = field(default_factory=dict)
    """Further lines of server.properties."""


INTERNAL = "internal"
NAME = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
HEAP = re.compile(r"[1-9]\d*[kKmMgG]")


def _check_settings(settings: Settings) -> None:
    """Raise ValueError for what Kafka or its JVM would refuse."""
    for name, topic in settings.topics.items():
        if not NAME.fullmatch(name):
            raise ValueError(f"topics: {name!r} cannot be a topic's name; letters, digits, ., _ and -")
        if topic.partitions < 1:
            raise ValueError(f"topics.{name}.partitions must be at least 1")
    if not HEAP.fullmatch(settings.heap):
        raise ValueError(f"heap: {settings.heap!r} is not a size such as 256m or 1g")


def _check(settings: Settings) -> Check:
    """A metadata request must be answered, and name every declared topic."""
    return KafkaCheck(port="broker", topics=tuple(sorted(settings.topics)), start_period_seconds=90.0)


def _topics(settings: Settings, home: str) -> File:
    """Return the file of declared topics. It is live: a new topic is made on the broker that runs."""
    topics = {name: asdict(topic) for name, topic in sorted(settings.topics.items())}
    return File(f"{home}/topics.json", json.dumps(topics), live=True)


def _make_topics(topics: File, broker: str, context: Context) -> tuple[str, ...]:
    return (context.python, "-m", "devctl.products.kafka.topics", "--broker", broker, "--topics", topics.path)


def _advertised(context: Context) -> str:
    return placeholder(f"services.{context.service}.broker.advertised")


def _properties(settings: Settings, context: Context, home: str) -> str:
    broker, internal, controller = (
        placeholder(f"services.{context.service}.{port}") for port in ("broker", INTERNAL, "controller")
    )
    addresses = properties.Addresses(broker, internal, controller, _advertised(context))
    return properties.server(addresses, f"{home}/data", settings.config)


def native(settings: Settings, context: Context) -> Variant:
    """Return Apache Kafka; ValueError for settings that it would refuse."""
    _check_settings(settings)
    home, internal = f"{context.data}/native", placeholder(f"services.{context.service}.{INTERNAL}")
    config, logging = f"{home}/server.properties", f"{home}/log4j2.yaml"
    topics = _topics(settings, home)
    return Variant(
        name="native",
        kind=Kind.PROCESS,
        argv=(
            context.python, "-m", "devctl.products.kafka.start",
            "--java", placeholder("tools.java"), "--jars", placeholder("tools.kafka"),
            "--config", config, "--logging", logging, "--data", f"{home}/data",
            "--broker", internal, "--heap", settings.heap, "--topics", topics.path,
        ),
        working_dir=home,
        check=_check(settings),
        ports=(Port(INTERNAL), Port("controller")),
        files=(
            File(config, _properties(settings, context, home)),
            File(logging, properties.logging(settings.log_level)),
            topics,
        ),
        on_change=_make_topics(topics, internal, context),
        folders=(home,),
        tools=("java", "kafka"),
    )  # fmt: skip


def embedded(settings: Settings, context: Context) -> Variant:
    """Return devctl's emulator; ValueError for settings that Kafka would refuse."""
    _check_settings(settings)
    home, broker = f"{context.data}/embedded", placeholder(f"services.{context.service}.broker")
    topics = _topics(settings, home)
    return Variant(
        name="embedded",
        kind=Kind.PROCESS,
        argv=(
            context.python, "-m", "devctl.embedded.kafka",
            "--listen", broker, "--advertise", _advertised(context), "--data", home, "--topics", topics.path,
        ),
        working_dir=home,
        check=_check(settings),
        files=(topics,),
        on_change=_make_topics(topics, broker, context),
        folders=(home,),
        note="devctl's embedded broker, not Apache Kafka; kill -9 loses nothing that it acknowledged",
    )  # fmt: skip


PRODUCT = Product(
    name="kafka",
    summary="Apache Kafka, a single node",
    settings=Settings,
    example={"topics": {"orders": {"partitions": 6, "config": {"retention.ms": "86400000"}}}, "heap": "512m"},
    ports=(Port("broker", 9092),),
    variants={
        "native": Recipe(native, provides={"kafka": "broker"}),
        "embedded": Recipe(
            embedded,
            provides={"kafka": "broker"},
            limitations="retention by time, log compaction, settings of topics, quotas, access control, the new group "
            "protocol (KIP-848), share groups, more than one node",
        ),
    },
    images=(r"(.*/)?(cp-)?kafka",),
    tools=TOOLS,
    remedy="install devctl's extra `native`, and connect once to Maven Central",
    stop_grace_seconds=15.0,
)
