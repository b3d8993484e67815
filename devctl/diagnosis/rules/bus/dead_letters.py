"""Messages that a service could not work off and put aside."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.diagnosis.evidence import Cause, Confidence
from devctl.diagnosis.facts import Facts
from devctl.diagnosis.requests import topic_of
from devctl.diagnosis.rules.base import Rule
from devctl.diagnosis.spans import span_evidence
from devctl.diagnosis.traffic import PRODUCER
from devctl.text import count

_SUFFIXES = (".dlq", ".dlt", "-dlq", ".dead-letter", "-dead-letter", ".dead")


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield how many dead letters it wrote of late."""
    rows = [row for row in facts.traffic.recent.rows if row.kind == PRODUCER and row.service == name]
    dead = [row for row in rows if topic_of(row.operation).endswith(_SUFFIXES)]
    if not dead:
        return
    topic = topic_of(dead[-1].operation)
    number = count(len(dead), "message")
    yield Cause(
        name,
        "dead-letters",
        f"{name} could not work off {number} and put them into {topic}",
        f"`devctl events dlq` says why each is there; mend {name} or what sent them, then replay them.",
        (span_evidence(dead[-1], f"{number} sent to {topic}"),),
        Confidence.LIKELY,
        blames=tuple(other for other in facts.references(name) if other in facts.silent),
        since_ns=dead[0].start_ns,
        rank=44,
    )


RULE = Rule(
    "dead-letters",
    "spans of messages sent to a topic of dead letters",
    "payment could not work off 3 messages and put them into shop.order.v1.dlq",
    "See why each is there; mend payment or what sent them, then replay them.",
    examine,
)
