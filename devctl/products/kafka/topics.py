"""Makes the declared topics of a Kafka that is just coming up, or that runs when its manifest gains some.

`python -m devctl.products.kafka.topics --broker HOST:PORT --topics FILE` does it once.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from devctl.tools.base import Refused

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

Topics = Mapping[str, Mapping[str, Any]]
"""Name → {partitions: N, config: {KEY: VALUE}}."""

PAUSE_SECONDS = 0.02
RUNNING_SECONDS = 30.0
ALREADY = frozenset({"TOPIC_ALREADY_EXISTS", "INVALID_PARTITIONS"})
PASSING = frozenset({"_TIMED_OUT", "_TRANSPORT", "REQUEST_TIMED_OUT", "NOT_CONTROLLER", "BROKER_NOT_AVAILABLE"})
"""Answers to the making of a topic that need no worry, and those after which to ask again."""


def main() -> int:
    """Make the topics of a file on a broker that runs; the last line on standard error says why not."""
    parser = argparse.ArgumentParser(prog="python -m devctl.products.kafka.topics")
    parser.add_argument("--broker", required=True, metavar="HOST:PORT")
    parser.add_argument("--topics", required=True, type=read, metavar="FILE")
    arguments = parser.parse_args()
    try:
        create(arguments.broker, arguments.topics, time.monotonic() + RUNNING_SECONDS)
    except (Refused, TimeoutError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def read(path: str) -> Topics:
    """Return the topics that a file declares as JSON; ValueError when it is none."""
    topics: Topics = json.loads(Path(path).read_text())
    return topics


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
            answers = _ask_for_missing(admin, topics)
        except KafkaException as error:
            problem = error
        else:
            if not answers:
                return
            _check_answers(answers)
        time.sleep(PAUSE_SECONDS)
    raise TimeoutError(f"Kafka at {broker} did not make its topics: {problem}")


def _ask_for_missing(admin: AdminClient, topics: Topics) -> dict[str, Any]:
    """Ask the broker for what is missing and return the answers to come, by topic."""
    from confluent_kafka.cimpl import NewPartitions, NewTopic

    existing = {name: len(topic.partitions) for name, topic in admin.list_topics(timeout=2).topics.items()}
    partitions = {name: int(topic.get("partitions", 1)) for name, topic in topics.items()}
    new = [
        NewTopic(name, count, 1, config=dict(topics[name].get("config") or {}))
        for name, count in partitions.items()
        if name not in existing
    ]
    wider = [NewPartitions(name, count) for name, count in partitions.items() if 0 < existing.get(name, 0) < count]
    answers: dict[str, Any] = {}
    if new:
        answers.update(admin.create_topics(new, request_timeout=5))
    if wider:
        answers.update(admin.create_partitions(wider, request_timeout=5))
    return answers


def _check_answers(answers: Mapping[str, Any]) -> None:
    from confluent_kafka import KafkaException

    for name, answer in answers.items():
        try:
            answer.result(6)
        except KafkaException as error:
            problem = error.args[0]
            if problem.name() not in ALREADY | PASSING:
                raise Refused(f"topic {name}: {problem.str()}") from error


if __name__ == "__main__":
    sys.exit(main())
