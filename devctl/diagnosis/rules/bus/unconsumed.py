"""A consumer that takes nothing in while messages are sent."""

from __future__ import annotations

from collections.abc import Iterator

from devctl.diagnosis.evidence import Cause, Confidence
from devctl.diagnosis.facts import Facts, crowding, is_good
from devctl.diagnosis.requests import unconsumed
from devctl.diagnosis.rules.base import Rule
from devctl.diagnosis.spans import span_evidence
from devctl.text import duration


def examine(facts: Facts, name: str) -> Iterator[Cause]:
    """Yield which topic it leaves lying, and since when."""
    entries = unconsumed(facts.traffic, facts.now_ns, patience=crowding(facts)) if facts.is_live else ()
    for entry in entries:
        if entry.service == name:
            since = f"for {duration((facts.now_ns - entry.last_ns) / 1e9)}" if entry.last_ns else "of late"
            text = f"{entry.sent} messages were sent to {entry.topic}, and {name} has taken none in {since}"
            senders = [other for other in entry.senders if other != name and _fails(facts, other)]
            yield Cause(
                name,
                "consumer-stuck",
                f"{name} takes nothing in from {entry.topic} {since}, while {entry.sent} messages were sent",
                f"See what its consumer does (`devctl logs {name}`, `devctl events`); `devctl restart {name}` "
                f"lets it join "
                "its group anew.",
                (span_evidence(entry.example, text, name),),
                Confidence.LIKELY,
                blames=(*(other for other in facts.references(name) if other in facts.silent), *senders),
                since_ns=entry.last_ns,
                rank=43,
            )
            return


def _fails(facts: Facts, sender: str) -> bool:
    """Whether a sender may no longer send what the consumer took in: other messages of the topic are not for it."""
    return not is_good(facts, sender) or any(entry.service == sender for entry in facts.requests.failing)


RULE = Rule(
    "consumer-stuck",
    "spans of messages that were sent and not taken in by a service that did so before",
    "payment takes nothing in from shop.order.v1 for 12 s, while 9 messages were sent",
    "See what its consumer does; `devctl restart payment` lets it join its group anew.",
    examine,
)
