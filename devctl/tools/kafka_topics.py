"""Makes the declared topics of a Kafka that is just coming up."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from devctl.tools.base import Refused

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

Topics = Mapping[str, Mapping[str, Any]]
"""Name → {partitions: N, config: {KEY: VALUE}}."""

PAUSE_SECONDS = 0.02
ALREADY = frozenset({"TOPIC_ALREADY_EXISTS", "INVALID_PARTITIONS"})
PASSING = frozenset({"_TIMED_OUT", "_TRANSPORT", "REQUEST_TIMED_OUT", "NOT_CONTROLLER", "BROKER_NOT_AVAILABLE"})
"""Answers to the making of a topic that need no worry, and those after which to ask again."""


def create(broker: str, topics: Topics, deadline: float) -> None:
    """Make the topics that are not there yet and widen those with too few partitions, trying until `deadline`.

    TimeoutError when the broker does not get there, Refused when it says no.
    """
    from confluent_kafka import KafkaException
    from confluent_kafka.admin import AdminClient

    admin = AdminClient(
        {"bootstrap.servers": broker, "log_level": 0, "reconnect.backoff.ms": 20, "reconnect.backoff.max.ms": 100}
    )
    problem: object = "no answer"
    while time.monotonic() < deadline:
        try:
            asked = _ask_for_missing(admin, topics)
        except KafkaException as error:
            problem = error
        else:
            if not asked:
                return
            _check_answers(asked)
        time.sleep(PAUSE_SECONDS)
    raise TimeoutError(f"Kafka at {broker} did not make its topics: {problem}")


def _ask_for_missing(admin: AdminClient, topics: Topics) -> dict[str, Any]:
    """Ask the broker for what is missing and return the answers to come, by topic."""
    from confluent_kafka.cimpl import NewPartitions, NewTopic

    there = {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=2).topics.items()}
    wanted = {name: int(topic.get("partitions", 1)) for name, topic in topics.items()}
    new = [
        NewTopic(name, count, 1, config=dict(topics[name].get("config") or {}))
        for name, count in wanted.items()
        if name not in there
    ]
    wider = [NewPartitions(name, count) for name, count in wanted.items() if 0 < there.get(name, 0) < count]
    asked: dict[str, Any] = {}
    if new:
        asked.update(admin.create_topics(new, request_timeout=5))
    if wider:
        asked.update(admin.create_partitions(wider, request_timeout=5))
    return asked


def _check_answers(asked: Mapping[str, Any]) -> None:
    from confluent_kafka import KafkaException

    for name, answer in asked.items():
        try:
            answer.result(6)
        except KafkaException as error:
            problem = error.args[0]
            if problem.name() not in ALREADY | PASSING:
                raise Refused(f"topic {name}: {problem.str()}") from error
