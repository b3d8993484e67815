"""The port to the broker: Kafka, the one within the process, or none."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Protocol

from services.common.events.event import Message

DEAD_LETTER_SUFFIX = ".dlq"

# Called for some messages after the others; when it returns, all of them may be acknowledged.
Deliver = Callable[[Sequence[Message]], Coroutine[Any, Any, None]]


class BrokerUnavailableError(Exception):
    """The broker did not take the message in time; it is still in the outbox."""


class Broker(Protocol):
    """Carries messages at least once, those of one key in order."""

    async def start(self) -> None:
        """Begin to connect; never waits for the broker to be there."""

    async def publish(self, message: Message) -> None:
        """Return once the broker holds the message, else raise BrokerUnavailableError."""

    def subscribe(self, topics: Sequence[str], group: str, deliver: Deliver, at_once: int = 1) -> None:
        """Hand every message of the topics to the group, at most so many at once; before `start` only."""

    async def stop_consuming(self) -> None:
        """Finish the message in hand and leave the groups."""

    async def close(self) -> None:
        """Flush and disconnect."""

    def is_up(self) -> bool:
        """Say whether the broker answered lately."""


class NoBroker:
    """The broker where none is configured: every event stays in the outbox until one is."""

    async def start(self) -> None:
        """Do nothing."""

    async def publish(self, message: Message) -> None:
        """Refuse, so that the outbox keeps the message."""
        raise BrokerUnavailableError("KAFKA_BOOTSTRAP_SERVERS is not set")

    def subscribe(self, topics: Sequence[str], group: str, deliver: Deliver, at_once: int = 1) -> None:
        """Accept, and never deliver."""

    async def stop_consuming(self) -> None:
        """Do nothing."""

    async def close(self) -> None:
        """Do nothing."""

    def is_up(self) -> bool:
        """Say no."""
        return False
