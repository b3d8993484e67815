"""`devctl events`: what is in Kafka, who is behind, what was given up."""

from __future__ import annotations

import json

from devctl.actions.finders import find_broker
from devctl.actions.names import check
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Options
from devctl.cli.line.params import Arguments, Flag, Number, Text, TextList
from devctl.errors import ExitCode, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from devctl.queries.events import Broker, Event

DEFAULT_COUNT = 10
DEAD_COUNT = 1000  # so many of the last events of each dead-letter topic are looked at


class EventsOptions(Options):
    """What `devctl events` takes."""

    topics = Arguments("[TOPIC]...", help="Topics to look into; all with -f or --key.")
    follow = Flag("--follow", "-f", help="Go on with events as they come.")
    count = Number("--count", "-n", metavar="N", help=f"How many of the last events [{DEFAULT_COUNT}].")
    key = Text("--key", metavar="KEY", help="Only events of this key, such as an order's id.")
    dead = Flag("--dead", help="Show the dead letters (topics that end in .dlq) with their reasons.")
    replay = Flag("--replay", help="Send dead letters to the topic they came from again.")
    ids = TextList("--id", metavar="ID", help="Only the dead letter with this CloudEvents id.")
    yes = shared.YES
    as_json = shared.JSON


def run(context: Context, options: EventsOptions) -> int:
    """Show topics and lag, single events, or dead letters."""
    broker = find_broker(context.stack.running())
    if options.dead or options.replay:
        return _dead(context, broker, options)
    if not options.topics and not options.follow and not options.key:
        return _overview(context, broker, as_json=options.as_json)
    topics = _existing(broker, options.topics)
    key = options.key or ""
    events = broker.last(topics, DEFAULT_COUNT if options.count is None else options.count, key=key)
    for event in events:
        _show(context, event, as_json=options.as_json)
    if not events and not options.as_json:
        context.terminal.say(_nothing(topics, key, is_followed=options.follow))
    if options.follow:
        for event in broker.follow(topics, key=key):
            _show(context, event, as_json=options.as_json)
            context.terminal.flush()
    return ExitCode.OK


def _nothing(topics: list[str], key: str, *, is_followed: bool) -> str:
    from devctl.text import clean, listing

    of_key = f" with the key {clean(key)}" if key else ""
    so_far = " so far; waiting" if is_followed else ""
    return f"No messages{of_key} in {listing(map(clean, topics)) if topics else 'any topic'}{so_far}."


def _existing(broker: Broker, names: list[str]) -> list[str]:
    """Return the topics of these names, all where there are none; UsageError when one does not exist."""
    existing = [topic.name for topic in broker.topics()]
    check("topic", names, existing)
    return names or existing


def _overview(context: Context, broker: Broker, *, as_json: bool) -> int:
    from devctl.render import table
    from devctl.text import clean

    topics, lags = broker.topics(), broker.lags()
    if as_json:
        for topic in topics:
            groups = {lag.group: lag.lag for lag in lags if lag.topic == topic.name}
            entry = {"topic": topic.name, "partitions": topic.partitions, "messages": topic.messages, "lag": groups}
            context.terminal.write(json.dumps(entry))
        return ExitCode.OK
    rows: list[list[table.Cell]] = []
    for topic in topics:
        behind = [f"{clean(lag.group)} {lag.lag}" for lag in lags if lag.topic == topic.name]
        style = "red" if topic.name.endswith(".dlq") and topic.messages else ""
        rows.append([(clean(topic.name), style), str(topic.partitions), str(topic.messages), ", ".join(behind)])
    heads = ["topic", "partitions", "messages", "behind (group, messages)"]
    for line in table.lines(heads, rows, context.terminal, right="partitions messages"):
        context.terminal.write(line)
    return ExitCode.OK


def _dead(context: Context, broker: Broker, options: EventsOptions) -> int:
    topics = _existing(broker, options.topics) if options.topics else broker.dead_topics()
    letters = [event for event in broker.last(topics, DEAD_COUNT) if event.is_dead and _is_chosen(event, options)]
    if not letters:
        context.terminal.say("No dead letters.")
        return ExitCode.OK
    for event in letters:
        _show(context, event, as_json=options.as_json)
    return _replay(context, broker, letters, yes=options.yes) if options.replay else ExitCode.OK


def _is_chosen(event: Event, options: EventsOptions) -> bool:
    return not options.ids or event.headers.get("ce_id") in options.ids


def _replay(context: Context, broker: Broker, letters: list[Event], *, yes: bool) -> int:
    from devctl.text import count

    question = f"Send {count(len(letters), 'dead letter')} to where they came from?"
    if not yes and not (context.terminal.can_ask and context.terminal.ask(question)):
        raise UsageError("nothing was sent", next="Say --yes to send without being asked.")
    sent = broker.replay(letters)
    context.terminal.say(f"Sent {count(sent, 'dead letter')} again.")
    return ExitCode.OK if sent == len(letters) else ExitCode.UNHEALTHY


def _show(context: Context, event: Event, *, as_json: bool) -> None:
    from devctl.clock import rfc3339
    from devctl.queries.events import REASON_PREFIX
    from devctl.render.traces import clock, short
    from devctl.text import clean

    terminal = context.terminal
    if as_json:
        entry = {
            "time": rfc3339(event.time_ns), "topic": event.topic, "partition": event.partition, "offset": event.offset,
            "key": event.key, "type": event.type, "headers": dict(event.headers), "value": event.value,
        }  # fmt: skip
        terminal.write(json.dumps(entry))
        return
    value = event.value if isinstance(event.value, str) else json.dumps(event.value, ensure_ascii=False)
    position = terminal.paint(f"{clean(event.topic)}/{event.partition}@{event.offset}", "dim")
    head = f"{clock(event.time_ns)}  {position}  {terminal.paint(short(event.type or '?'), 'magenta')}"
    terminal.write(f"{head}  {short(event.key)}  {clean(value)}")
    reason = [f"{k.removeprefix(REASON_PREFIX)}: {v}" for k, v in event.headers.items() if k.startswith(REASON_PREFIX)]
    if reason:
        terminal.write(terminal.paint(f"    {clean('; '.join(reason))}", "red"))


COMMAND = Command(
    run,
    EventsOptions,
    about="Without a topic: every topic with its messages and how far each consumer group is behind. Looking "
    "commits nothing. A replayed letter stays in its .dlq topic; consumers recognise duplicates by the event's id.",
    examples={
        "devctl events": "topics and lag",
        "devctl events shop.order.v1 -f": "watch one topic",
        "devctl events --key 0198f6a2-5c1e-7b30-8a44-1f2e3d4c5b6a": "all events of one order",
        "devctl events --dead": "what consumers gave up",
    },
    shape="Without a topic: one topic a line, `topic`, `partitions`, `messages`, `lag` (group → messages). Else one "
    "event a line: `time`, `topic`, `partition`, `offset`, `key`, `type`, `headers`, `value`.",
)
