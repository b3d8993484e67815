"""Kafka as a process: its command line, its storage folder, its topics."""

from __future__ import annotations

import base64
import re
import time
import uuid
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from devctl.tools.base import Refused

BROKER = "kafka.Kafka"
META, BOOTSTRAP = "meta.properties", "bootstrap.checkpoint"
LOCKED_BOOTSTRAP = "kafka.bootstrap.checkpoint"
ALREADY = frozenset({"TOPIC_ALREADY_EXISTS", "INVALID_PARTITIONS"})
PASSING = frozenset({"_TIMED_OUT", "_TRANSPORT", "REQUEST_TIMED_OUT", "NOT_CONTROLLER", "BROKER_NOT_AVAILABLE"})
"""Answers to the making of a topic that need no worry, and those after which to ask again."""


def command(java: str, jars: str, logging_file: str, heap: str, *further: str) -> list[str]:
    """Return the JVM's command line up to the class path; the main class and its arguments come after it."""
    return [
        java, "-Xms64m", "-Xmn24m", f"-Xmx{heap}", "-Xss256k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
        "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError", "-Djava.awt.headless=true", "-Xlog:cds=off",
        f"-Dlog4j2.configurationFile={logging_file}", *_allowances(java), *further, "-cp", class_path(jars),
    ]  # fmt: skip


def _allowances(java: str) -> list[str]:
    """Return the option without which Java 24 and newer warn of what Kafka's own code does, on every start."""
    try:
        release = (Path(java).resolve().parent.parent / "release").read_text()
    except OSError:
        return []
    found = re.search(r'JAVA_VERSION="(\d+)', release)
    return ["--sun-misc-unsafe-memory-access=allow"] if found and int(found[1]) >= 24 else []


def class_path(jars: str) -> str:
    """Return every jar of the folder, sorted: a class-data archive holds for exactly one class path."""
    return ":".join(sorted(str(jar) for jar in Path(jars).glob("*.jar")))


def format_storage(data: Path) -> None:
    """Give an empty data folder its identity and Kafka's first metadata; a folder that has them is left alone.

    The metadata (which features are on) is what Kafka's own formatter writes; it ships with the lock of the jars,
    so that no second JVM has to run for it.
    """
    if (data / META).exists():
        return
    data.mkdir(parents=True, exist_ok=True, mode=0o700)
    (data / BOOTSTRAP).write_bytes(resources.files("devctl.tools").joinpath("locks", LOCKED_BOOTSTRAP).read_bytes())
    scratch = data / f"{META}.new"
    scratch.write_text(f"version=1\ncluster.id={_identity()}\nnode.id=1\ndirectory.id={_identity()}\n")
    scratch.rename(data / META)  # last, and at once: with it the folder counts as formatted


def _identity() -> str:
    """Return a random id as Kafka writes them: 22 characters, no dash in front."""
    while (text := base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")).startswith("-"):
        continue
    return text


def create_topics(broker: str, topics: Mapping[str, Mapping[str, object]], deadline: float) -> None:
    """Make the topics that are not there yet and widen those with too few partitions, trying until `deadline`.

    `topics`: name → {partitions: N, config: {KEY: VALUE}}. TimeoutError when the broker does not get there, Refused
    when it says no.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    admin = AdminClient(
        {"bootstrap.servers": broker, "log_level": 0, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100}
    )
    problem: object = "no answer"
    while time.monotonic() < deadline:
        try:
            if not _missing(admin, topics):
                return
        except KafkaException as error:
            problem = error
        time.sleep(0.02)
    raise TimeoutError(f"Kafka at {broker} did not make its topics: {problem}")


def _missing(admin: object, topics: Mapping[str, Mapping[str, object]]) -> bool:
    """Ask for what is missing; True while something still is."""
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewPartitions, NewTopic

    assert isinstance(admin, AdminClient)
    there = {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=2).topics.items()}
    wanted = {name: int(str(topic.get("partitions", 1))) for name, topic in topics.items()}
    asked: dict[str, object] = {}
    if new := [
        NewTopic(name, wanted[name], 1, config=dict(topics[name].get("config") or {}))  # type: ignore[call-overload]
        for name in wanted
        if name not in there
    ]:
        asked.update(admin.create_topics(new, request_timeout=5))
    if wider := [NewPartitions(name, count) for name, count in wanted.items() if 0 < there.get(name, 0) < count]:
        asked.update(admin.create_partitions(wider, request_timeout=5))
    for name, answer in asked.items():
        try:
            answer.result(6)  # type: ignore[attr-defined]
        except KafkaException as error:
            problem = error.args[0]
            if problem.name() not in ALREADY and problem.name() not in PASSING:
                raise Refused(f"topic {name}: {problem.str()}") from error
    return bool(asked)
