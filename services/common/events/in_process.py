"""A broker within the process, for the monolith and for tests.

It stores nothing: a message counts as published when every subscriber has handled it, so that the outbox of the sender
repeats what a crash interrupted.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from services.common.events.broker import DEAD_LETTER_SUFFIX, Broker, BrokerUnavailableError, Deliver
from services.common.events.dead_letters import DeadLetterFile
from services.common.events.event import Message


class InProcessBroker:
    """Topics, groups and their queues; `port` gives each service its own view of it."""

    def __init__(self, dead_letters: DeadLetterFile | None = None) -> None:
        self.is_open = True
        self._dead_letters = dead_letters
        self.log: dict[str, list[Message]] = defaultdict(list)
        self.keeps_log = False
        self._groups: dict[tuple[str, str], Deliver] = {}
        self._locks: dict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._paused: set[str] = set()

    def port(self) -> Broker:
        """Return the broker as one service sees it."""
        return _Port(self)

    def pause(self, group: str) -> None:
        """Refuse messages for this group, as if its service were away."""
        self._paused.add(group)

    def resume(self, group: str) -> None:
        """Allow the group to take messages again."""
        self._paused.discard(group)

    def add(self, topic: str, group: str, deliver: Deliver) -> None:
        """Subscribe a group; a second subscriber of one group takes its place."""
        self._groups[topic, group] = deliver

    def remove(self, deliver: Deliver) -> None:
        """Remove a subscriber."""
        self._groups = {where: other for where, other in self._groups.items() if other is not deliver}

    async def publish(self, message: Message) -> None:
        """Hand the message to every group of its topic, and wait until all are done."""
        waiting = [group for topic, group in self._groups if topic == message.topic and group in self._paused]
        if not self.is_open or waiting:
            raise BrokerUnavailableError(f"{', '.join(waiting) or 'the broker'} is away")
        if self.keeps_log:
            self.log[message.topic].append(message)
        if self._dead_letters is not None and message.topic.endswith(DEAD_LETTER_SUFFIX):
            self._dead_letters.add(message)
        groups = [(g, deliver) for (topic, g), deliver in self._groups.items() if topic == message.topic]
        await asyncio.gather(*(self._hand_over(group, deliver, message) for group, deliver in groups))

    async def _hand_over(self, group: str, deliver: Deliver, message: Message) -> None:
        async with self._locks[group]:
            await deliver([message])


class _Port:
    def __init__(self, broker: InProcessBroker) -> None:
        self._broker = broker
        self._waiting: list[tuple[str, str, Deliver]] = []
        self._mine: list[Deliver] = []

    async def start(self) -> None:
        for topic, group, deliver in self._waiting:
            self._broker.add(topic, group, deliver)

    async def publish(self, message: Message) -> None:
        await self._broker.publish(message)

    def subscribe(self, topics: Sequence[str], group: str, deliver: Deliver, at_once: int = 1) -> None:
        self._waiting += [(topic, group, deliver) for topic in topics]
        self._mine.append(deliver)

    async def stop_consuming(self) -> None:
        for deliver in self._mine:
            self._broker.remove(deliver)

    async def close(self) -> None:
        await self.stop_consuming()

    def is_up(self) -> bool:
        return self._broker.is_open
