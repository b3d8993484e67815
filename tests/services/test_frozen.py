"""Consumers that are frozen (SIGSTOP) for longer than their session, with a message in hand, consume again."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from services.common.events.event import Message
from services.common.events.kafka import SESSION_SECONDS, KafkaBroker
from services.common.runtime.logs import Logger
from services.common.runtime.metrics import Metrics
from tests.reference.go_programs import NotBuildable
from tests.reference.running import running
from tests.reference.servers import embedded_kafka, real_kafka
from tests.soak import rounds
from tests.waiting import eventually

PARTITIONS = 2
# Past the session, and what a broker takes to notice.
FREEZE_SECONDS = SESSION_SECONDS + 1.5
# How long an effect takes, and how many messages there are for it, so that some are in hand and some wait when the
# consumer is frozen. The longest is in hand through the whole of what follows.
EFFECTS = {0.01: 800, 0.3: 14, 2.0: 3}
ROUNDS = rounds(1, 5)

pytestmark = pytest.mark.xdist_group("frozen")


@dataclass
class Member:
    """A consumer in a process of its own, alone in its group."""

    folder: Path
    broker: str
    topic: str
    messages: int
    pid: int

    def done(self) -> list[str]:
        """Return the messages whose effect is done, in order."""
        done = self.folder / "done"
        return done.read_text().split() if done.exists() else []

    def lag(self) -> float | None:
        """Return what the process itself measures of its lag; nothing unless all partitions are measured."""
        page = (self.folder / "metrics").read_text()
        rows = [line for line in page.splitlines() if line.startswith("shop_consumer_lag_messages{")]
        return sum(float(row.rsplit(" ", 1)[1]) for row in rows) if len(rows) == PARTITIONS else None


@pytest.fixture(scope="module")
def brokers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The addresses of an embedded Kafka and, where there can be one, a real one."""
    with contextlib.ExitStack() as stack:
        addresses = {"embedded": stack.enter_context(embedded_kafka(tmp_path_factory.mktemp("embedded")))}
        with contextlib.suppress(NotBuildable):
            addresses["real"] = stack.enter_context(real_kafka(tmp_path_factory.mktemp("real")))
        yield addresses


@contextlib.contextmanager
def member(folder: Path, broker: str, seconds: float, messages: int) -> Iterator[Member]:
    """Run a consumer whose effects take so long, over a topic of its own."""
    folder.mkdir(parents=True)
    topic = f"shop.thing.v1.{folder.parent.name}.{folder.name}"
    admin = AdminClient({"bootstrap.servers": broker})
    admin.create_topics([NewTopic(topic, PARTITIONS, 1)])[topic].result(20)
    command = [sys.executable, "-m", "tests.services.consuming", broker, topic, str(seconds), folder]
    with running(command, (folder / "metrics").exists, folder / "log") as process:
        yield Member(folder, broker, topic, messages, process.pid)


@pytest.fixture
def members(brokers: dict[str, str], tmp_path: Path) -> Iterator[list[Member]]:
    """A consumer for each kind of effect and each broker."""
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(member(tmp_path / name / str(seconds), broker, seconds, messages))
            for name, broker in brokers.items()
            for seconds, messages in EFFECTS.items()
        ]


async def _publish(group_member: Member, values: Sequence[str]) -> None:
    broker = KafkaBroker(group_member.broker, "a", "a", Metrics(with_process=False), Logger("test"))
    await broker.start()
    try:
        topic = group_member.topic
        await asyncio.gather(*(broker.publish(Message(topic, value, value.encode(), {})) for value in values))
    finally:
        await broker.close()


async def _publish_to_all(members: Sequence[Member], name: str) -> None:
    batches = ([f"{name}-{number}" for number in range(each.messages)] for each in members)
    await asyncio.gather(*(_publish(each, batch) for each, batch in zip(members, batches, strict=True)))


@contextlib.contextmanager
def _frozen(members: Sequence[Member]) -> Iterator[None]:
    for each in members:
        os.kill(each.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for each in members:
            os.kill(each.pid, signal.SIGCONT)


def _sleep_past_the_session() -> None:
    ends_at = time.monotonic() + FREEZE_SECONDS
    eventually(lambda: time.monotonic() > ends_at, within=FREEZE_SECONDS + 5)


def test_a_consumer_frozen_past_its_session_with_messages_in_hand_consumes_again_and_says_its_lag(
    members: list[Member],
) -> None:
    for number in range(ROUNDS):
        asyncio.run(_publish_to_all(members, f"round-{number}"))
        eventually(lambda number=number: _have_begun(members, number), within=30, what="effects begun")
        with _frozen(members):
            _sleep_past_the_session()
        _see_all_behind(members)
        for each in members:
            through = partial(_is_through, each, number)
            eventually(through, within=40, what=f"{each.topic} consumed to its end")


def _see_all_behind(members: Sequence[Member]) -> None:
    """See that each consumer says that it is behind; the quick ones no longer say it when the slow ones do."""
    behind: set[str] = set()

    def is_seen_of_all() -> bool:
        behind.update(each.topic for each in members if each.lag())
        return len(behind) == len(members)

    eventually(is_seen_of_all, within=20, what="the lag of each after the thaw")


def _have_begun(members: Sequence[Member], number: int) -> bool:
    return all(any(value.startswith(f"round-{number}-") for value in each.done()) for each in members)


def _is_through(group_member: Member, number: int) -> bool:
    """Say whether the effect of every message was brought about, and no lag is left."""
    expected = {f"round-{number}-{count}" for count in range(group_member.messages)}
    return expected <= set(group_member.done()) and group_member.lag() == 0
