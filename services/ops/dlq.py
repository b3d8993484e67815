"""The dead letters: `python -m services.ops.dlq list | replay`.

`list` shows what consumers gave up, with the reason. `replay` sends it to its topic again, where only the group
that gave it up takes it in: the others remember that they have had it. What was replayed is not shown again.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from services.common.events.broker import DEAD_LETTER_SUFFIX
from services.common.events.dead_letters import DeadLetterFile
from services.common.events.event import Message
from services.common.runtime.ids import new_id
from services.common.runtime.settings import Environment

GROUP = "shop-dead-letters"
ANSWER_SECONDS = 5.0  # a broker that runs answers within one
_NOTE = "dlq_"
_EXAMPLES = """\
examples:
  devctl exec payment -- .venv/bin/python -m services.ops.dlq list --topic shop.order.v1
  devctl exec payment -- .venv/bin/python -m services.ops.dlq replay --id 01a20d2b-40ed-7b30-a429-6f1875114137
  python -m services.ops.dlq list --json --data .devctl/volumes/monolith

exit codes: 0 done, 1 not replayed (no such id, or the broker took not all), 2 wrong usage, 3 no broker or folder
"""


@dataclass(frozen=True)
class DeadLetter:
    """One message that was given up."""

    topic: str
    partition: int
    offset: int
    key: str
    event_id: str
    type: str
    group: str
    reason: str
    detail: str
    tries: str
    time: str


class Letters(Protocol):
    """Where dead letters lie, and how they are sent again."""

    def pending(self, topics: Sequence[str], *, everything: bool) -> Iterator[Message]:
        """Yield the messages that were not replayed yet, or all of them."""

    def replay(self, chosen: Sequence[Message], *, is_whole: bool) -> bool:
        """Send messages to the topics they came from, as they were; False if that was not taken.

        With `is_whole` they are all that is pending in their topics, and are not shown again.
        """

    def close(self) -> None:
        """Disconnect."""


class KafkaLetters:
    """The dead-letter topics of a Kafka; the committed offsets of a group mark what was replayed."""

    def __init__(self, servers: str) -> None:
        from confluent_kafka import Consumer, Producer

        common = {"bootstrap.servers": servers, "log_level": 0}
        self._consumer = Consumer(
            {**common, "group.id": GROUP, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        )
        self._producer = Producer({**common, "enable.idempotence": True, "message.timeout.ms": 10_000})

    def pending(self, topics: Sequence[str], *, everything: bool) -> Iterator[Message]:
        """Yield the messages that were not replayed yet, or all of them."""
        from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, TopicPartition

        from services.common.events.kafka_lag import offsets_at

        parts = [TopicPartition(topic, number) for topic, numbers in self._topics(topics) for number in numbers]
        committed = self._consumer.committed(parts, timeout=ANSWER_SECONDS) if parts else []
        lows, highs = (offsets_at(self._consumer, parts, end, ANSWER_SECONDS) for end in (OFFSET_BEGINNING, OFFSET_END))
        for part in committed:
            low, high = lows[part.topic, part.partition], highs[part.topic, part.partition]
            first = low if everything or part.offset < low else part.offset
            if first < high:
                start = OFFSET_BEGINNING if first == low else first
                self._consumer.assign([TopicPartition(part.topic, part.partition, start)])
                yield from self._until(high)

    def replay(self, chosen: Sequence[Message], *, is_whole: bool) -> bool:
        """Produce them, and once the broker has all of them, commit the offsets behind them."""
        for message in once_each(chosen):
            headers: list[tuple[str, str | bytes | None]] = list(message.headers.items())
            self._producer.produce(message.topic, message.value, message.key, headers=headers)
        if self._producer.flush(10.0):
            return False
        if is_whole and chosen:
            self._consumer.commit(offsets=self._ends(chosen), asynchronous=False)
        return True

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def _ends(self, messages: Sequence[Message]) -> list[Any]:
        from confluent_kafka import TopicPartition

        ends: dict[tuple[str, int], int] = {}
        for message in messages:
            partition_of = message.topic, message.partition
            ends[partition_of] = max(ends.get(partition_of, 0), message.offset + 1)
        return [TopicPartition(topic, partition, offset) for (topic, partition), offset in ends.items()]

    def _topics(self, selected: Sequence[str]) -> list[tuple[str, list[int]]]:
        topics = self._consumer.list_topics(timeout=ANSWER_SECONDS).topics
        names = [name for name in sorted(topics) if name.endswith(DEAD_LETTER_SUFFIX) and _is_selected(name, selected)]
        return [(name, sorted(topics[name].partitions)) for name in names]

    def _until(self, high: int) -> Iterator[Message]:
        from services.common.events.kafka_group import received

        while True:
            raw = self._consumer.poll(ANSWER_SECONDS)
            if raw is None:
                return
            if raw.error():
                continue
            yield received(raw)
            if (raw.offset() or 0) + 1 >= high:
                return


class FileLetters:
    """The dead letters of a monolith; what is replayed goes into the outbox of one of its services."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, DeadLetterFile(folder)

    def pending(self, topics: Sequence[str], *, everything: bool) -> Iterator[Message]:
        """Yield the messages that were not replayed yet, or all of them."""
        past = frozenset[int]() if everything else self._file.replayed
        for message in self._file.messages():
            if message.offset not in past and _is_selected(message.topic, topics):
                yield message

    def replay(self, chosen: Sequence[Message], *, is_whole: bool) -> bool:
        """Put them into an outbox, from where the monolith publishes them, at once or when it runs again."""
        if chosen:
            asyncio.run(self._put(chosen))
        if is_whole and chosen:
            self._file.note_replayed(chosen)
        return True

    def close(self) -> None:
        """Do nothing: no file stays open."""

    async def _put(self, chosen: Sequence[Message]) -> None:
        from services.common.events.outbox import put
        from services.common.surroundings import open_database
        from services.monolith import settings_of
        from services.order.app import SERVICE

        environment = Environment({**os.environ, "DATA_DIR": str(self._folder)})
        database = open_database(settings_of(SERVICE.name, environment), SERVICE.migrations)
        try:
            async with database.transaction() as connection:
                for message in once_each(chosen):
                    await put(connection, message, message.headers.get("ce_id") or new_id())
        finally:
            await database.close()


def revived(message: Message) -> Message:
    """Return a dead letter as the message that it was."""
    headers = {name: text for name, text in message.headers.items() if not name.startswith(_NOTE)}
    return replace(message, topic=message.topic.removesuffix(DEAD_LETTER_SUFFIX), headers=headers)


def once_each(dead: Sequence[Message]) -> list[Message]:
    """Return what was given up, each message once, however many groups gave it up."""
    again: dict[object, Message] = {}
    for message in dead:
        position = message.headers.get("dlq_partition"), message.headers.get("dlq_offset")
        back = revived(message)
        again.setdefault(((back.headers.get("ce_id") or position), back.topic, back.key, back.value), back)
    return list(again.values())


def _is_selected(topic: str, selected: Sequence[str]) -> bool:
    return not selected or topic in selected or topic.removesuffix(DEAD_LETTER_SUFFIX) in selected


def letter(message: Message) -> DeadLetter:
    """Read what is known of a dead message."""
    notes = message.headers
    return DeadLetter(
        topic=message.topic.removesuffix(DEAD_LETTER_SUFFIX),
        partition=message.partition,
        offset=message.offset,
        key=message.key,
        event_id=notes.get("ce_id", ""),
        type=notes.get("ce_type", ""),
        group=notes.get("dlq_group", ""),
        reason=notes.get("dlq_reason", ""),
        detail=notes.get("dlq_detail", ""),
        tries=notes.get("dlq_tries", ""),
        time=notes.get("dlq_time", ""),
    )


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line says."""
    options = _parser().parse_args(arguments)
    if options.data is not None:
        if not options.data.is_dir():
            print(f"dlq: no folder {options.data}; name the DATA_DIR of a monolith", file=sys.stderr)
            return 3
        return _answer(FileLetters(options.data), options)
    servers = options.broker or Environment().text("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    from confluent_kafka import KafkaException

    try:
        return _answer(KafkaLetters(servers), options)
    except KafkaException as error:
        print(f"dlq: no answer from the broker at {servers}: {error.args[0]}", file=sys.stderr)
        print("  --broker or KAFKA_BOOTSTRAP_SERVERS names another; `devctl status` shows it", file=sys.stderr)
        return 3


def _answer(letters: Letters, options: argparse.Namespace) -> int:
    with contextlib.closing(letters):
        return _list(letters, options) if options.command == "list" else _replay(letters, options)


def _list(letters: Letters, options: argparse.Namespace) -> int:
    count = 0
    for message in letters.pending(options.topic, everything=options.all):
        entry = letter(message)
        count += 1
        print(json.dumps(asdict(entry)) if options.json else _line(entry))
    if not count:
        print("no dead letters", file=sys.stderr)
    return 0


def _replay(letters: Letters, options: argparse.Namespace) -> int:
    chosen = [
        message
        for message in letters.pending(options.topic, everything=bool(options.id))
        if not options.id or letter(message).event_id in options.id
    ]
    if missing := set(options.id) - {letter(message).event_id for message in chosen}:
        print(f"dlq: no dead letter with the id {', '.join(sorted(missing))}; `list --all` shows all", file=sys.stderr)
        return 1
    # A replay by id commits no offset: others before it may still wait.
    if not letters.replay(chosen, is_whole=not options.id):
        print("dlq: the broker did not take all of them; nothing is forgotten, try again", file=sys.stderr)
        return 1
    print(f"replayed {len(once_each(chosen))}")
    return 0


def _line(entry: DeadLetter) -> str:
    where = f"{entry.topic}/{entry.partition}@{entry.offset}"
    text = f"{entry.time}  {where}  {entry.type or '?'}  key={entry.key}  id={entry.event_id}  group={entry.group}  "
    return _printable(f"{text}{entry.reason} ({entry.tries} tries): {entry.detail}")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m services.ops.dlq",
        description=__doc__,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="show what was given up")
    listing.add_argument("--all", action="store_true", help="also what was replayed already")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    replay = commands.add_parser("replay", help="send it to its topic again")
    replay.add_argument("--id", action="append", default=[], help="only the event with this id; may be repeated")
    for command in (listing, replay):
        command.add_argument("--topic", action="append", default=[], help="only this topic; may be repeated")
        command.add_argument("--broker", help="HOST:PORT (default: KAFKA_BOOTSTRAP_SERVERS, then 127.0.0.1:9092)")
        command.add_argument("--data", type=Path, metavar="FOLDER", help="the data folder of a monolith, instead")
    return parser


if __name__ == "__main__":
    sys.exit(main())
