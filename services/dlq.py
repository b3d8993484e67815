"""The dead letters: `python -m services.dlq list | replay`.

`list` shows what consumers gave up, with the reason. `replay` sends it to its topic again, where only the group
that gave it up takes it in: the others remember that they have had it. What was replayed is not shown again.
"""

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from services.common.broker import DEAD_LETTER_SUFFIX
from services.common.settings import Environment

GROUP = "shop-dead-letters"
PATIENCE_SECONDS = 5.0
_NOTE = "dlq_"


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


class Letters:
    """Reads the dead-letter topics of a Kafka."""

    def __init__(self, servers: str) -> None:
        from confluent_kafka import Consumer, Producer

        common = {"bootstrap.servers": servers, "log_level": 0}
        self._consumer = Consumer(
            {**common, "group.id": GROUP, "enable.auto.commit": False, "auto.offset.reset": "earliest"}
        )
        self._producer = Producer({**common, "enable.idempotence": True, "message.timeout.ms": 10_000})

    def pending(self, topics: Sequence[str], *, everything: bool) -> Iterator[Any]:
        """Yield the messages that were not replayed yet, or all of them."""
        from confluent_kafka import OFFSET_BEGINNING, TopicPartition

        for topic, partitions in self._topics(topics):
            asked = [TopicPartition(topic, number) for number in partitions]
            for part in self._consumer.committed(asked, timeout=PATIENCE_SECONDS):
                low, high = self._consumer.get_watermark_offsets(part, timeout=PATIENCE_SECONDS)
                first = low if everything or part.offset < low else part.offset
                if first < high:
                    start = OFFSET_BEGINNING if first == low else first
                    self._consumer.assign([TopicPartition(topic, part.partition, start)])
                    yield from self._until(high)

    def replay(self, message: Any) -> None:
        """Send a message to the topic it came from, as it was."""
        headers = {name: value for name, value in message.headers() or () if not name.startswith(_NOTE)}
        topic = message.topic().removesuffix(DEAD_LETTER_SUFFIX)
        self._producer.produce(topic, message.value(), message.key(), headers=headers)

    def settle(self, replayed: Sequence[Any]) -> bool:
        """Wait until the broker has all of them, and remember them as replayed; False if it did not take them."""
        if self._producer.flush(10.0):
            return False
        from confluent_kafka import TopicPartition

        ends: dict[tuple[str, int], int] = {}
        for message in replayed:
            place = message.topic(), message.partition()
            ends[place] = max(ends.get(place, 0), message.offset() + 1)
        offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in ends.items()]
        if offsets:  # what was picked out by its id moves no mark: others before it may wait still
            self._consumer.commit(offsets=offsets, asynchronous=False)
        return True

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def _topics(self, wanted: Sequence[str]) -> list[tuple[str, list[int]]]:
        known = self._consumer.list_topics(timeout=PATIENCE_SECONDS).topics
        names = [name for name in sorted(known) if name.endswith(DEAD_LETTER_SUFFIX)]
        if wanted:
            names = [name for name in names if name in wanted or name.removesuffix(DEAD_LETTER_SUFFIX) in wanted]
        return [(name, sorted(known[name].partitions)) for name in names]

    def _until(self, high: int) -> Iterator[Any]:
        while True:
            message = self._consumer.poll(PATIENCE_SECONDS)
            if message is None:
                return
            if message.error():
                continue
            yield message
            if (message.offset() or 0) + 1 >= high:
                return


def letter(message: Any) -> DeadLetter:
    """Read what is known of a dead message."""
    notes = {name: (value or b"").decode("utf-8", "replace") for name, value in message.headers() or ()}
    return DeadLetter(
        topic=message.topic().removesuffix(DEAD_LETTER_SUFFIX),
        partition=message.partition(),
        offset=message.offset(),
        key=(message.key() or b"").decode("utf-8", "replace"),
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
    given = _parser().parse_args(arguments)
    servers = given.broker or Environment().text("KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:9092")
    from confluent_kafka import KafkaException

    letters = Letters(servers)
    try:
        return _list(letters, given) if given.command == "list" else _replay(letters, given)
    except KafkaException as error:
        print(f"dlq: no answer from the broker at {servers}: {error.args[0]}", file=sys.stderr)
        return 3
    finally:
        letters.close()


def _list(letters: Letters, given: argparse.Namespace) -> int:
    count = 0
    for message in letters.pending(given.topic, everything=given.all):
        one = letter(message)
        count += 1
        print(json.dumps(asdict(one)) if given.json else _line(one))
    if not count:
        print("no dead letters", file=sys.stderr)
    return 0


def _replay(letters: Letters, given: argparse.Namespace) -> int:
    chosen = [
        message
        for message in letters.pending(given.topic, everything=bool(given.id))
        if not given.id or letter(message).event_id in given.id
    ]
    for message in chosen:
        letters.replay(message)
    if not letters.settle([] if given.id else chosen):
        print("dlq: the broker did not take all of them; nothing is forgotten, try again", file=sys.stderr)
        return 1
    print(f"replayed {len(chosen)}")
    return 0


def _line(one: DeadLetter) -> str:
    where = f"{one.topic}/{one.partition}@{one.offset}"
    text = f"{one.time}  {where}  {one.type or '?'}  key={one.key}  id={one.event_id}  group={one.group}  "
    return _printable(f"{text}{one.reason} ({one.tries} tries): {one.detail}")


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.dlq", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    listing = commands.add_parser("list", help="show what was given up")
    listing.add_argument("--all", action="store_true", help="also what was replayed already")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    replay = commands.add_parser("replay", help="send it to its topic again")
    replay.add_argument("--id", action="append", default=[], help="only the event with this id; may be repeated")
    for command in (listing, replay):
        command.add_argument("--topic", action="append", default=[], help="only this topic; may be repeated")
        command.add_argument("--broker", help="HOST:PORT (default: KAFKA_BOOTSTRAP_SERVERS, then 127.0.0.1:9092)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
