"""`devctl events`: what is in Kafka, who is behind, what was given up."""

from __future__ import annotations

import json

from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Argument, Command, Option
from devctl.errors import ExitCode, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from devctl.queries.events import Broker, Event

DEFAULT_COUNT = 10
DEAD_COUNT = 1000


def run(
    context: Context,
    *,
    topics: list[str],
    follow: bool,
    count: int | None,
    key: str | None,
    dead: bool,
    replay: bool,
    ids: list[str],
    yes: bool,
    as_json: bool,
) -> int:
    """Show topics and lag, single events, or dead letters."""
    broker = _broker(context)
    if dead or replay:
        return _dead(context, broker, topics, ids, replay=replay, yes=yes, as_json=as_json)
    if not topics and not follow and not key:
        return _overview(context, broker, as_json=as_json)
    chosen = _known(broker, topics)
    for event in broker.last(chosen, DEFAULT_COUNT if count is None else count, key=key or ""):
        _show(context, event, as_json=as_json)
    if follow:
        for event in broker.follow(chosen, key=key or ""):
            _show(context, event, as_json=as_json)
            context.terminal.flush()
    return ExitCode.OK


def _broker(context: Context) -> Broker:
    from devctl.queries.events import Broker

    for service in context.running().status()["services"]:
        if service["uses"] == "kafka":
            return Broker(service["ports"]["broker"])
    raise UsageError("this stack has no Kafka", next="Add it to stack.yaml: `kafka: {uses: kafka}`.")


def _known(broker: Broker, asked: Sequence[str]) -> list[str]:
    from devctl.text import listing, nearest

    have = [topic.name for topic in broker.topics()]
    for name in asked:
        if name not in have:
            guess = nearest(name, have)
            raise UsageError(
                f"no topic {name!r}", next=f"Did you mean {guess!r}?" if guess else f"See {listing(have)}."
            )
    return list(asked) or have


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


def _dead(
    context: Context, broker: Broker, topics: list[str], ids: list[str], *, replay: bool, yes: bool, as_json: bool
) -> int:
    chosen = _known(broker, topics) if topics else broker.dead_topics()
    found = [e for e in broker.last(chosen, DEAD_COUNT) if e.is_dead and (not ids or e.headers.get("ce_id") in ids)]
    if not found:
        context.terminal.say("No dead letters.")
        return ExitCode.OK
    for event in found:
        _show(context, event, as_json=as_json)
    if not replay:
        return ExitCode.OK
    from devctl.text import count

    what = count(len(found), "dead letter")
    if not yes and not (context.terminal.can_ask and context.terminal.ask(f"Send {what} to where they came from?")):
        raise UsageError("nothing was sent", next="Say --yes to send without being asked.")
    taken = broker.replay(found)
    context.terminal.say(f"Sent {count(taken, 'dead letter')} again.")
    return ExitCode.OK if taken == len(found) else ExitCode.UNHEALTHY


def _show(context: Context, event: Event, *, as_json: bool) -> None:
    from devctl.queries.events import REASON_PREFIX
    from devctl.queries.traces import rfc3339
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
    place = terminal.paint(f"{clean(event.topic)}/{event.partition}@{event.offset}", "dim")
    head = f"{clock(event.time_ns)}  {place}  {terminal.paint(short(event.type or '?'), 'magenta')}"
    terminal.write(f"{head}  {short(event.key)}  {clean(value)}")
    reason = [f"{k.removeprefix(REASON_PREFIX)}: {v}" for k, v in event.headers.items() if k.startswith(REASON_PREFIX)]
    if reason:
        terminal.write(terminal.paint(f"    {clean('; '.join(reason))}", "red"))


COMMAND = Command(
    run,
    Argument(
        "topics", many=True, required=False, metavar="[TOPIC]...", help="Topics to look into; all with -f or --key."
    ),
    Option("--follow", "-f", flag=True, help="Go on with events as they come."),
    Option("--count", "-n", whole=True, metavar="N", help=f"How many of the last events [{DEFAULT_COUNT}]."),
    Option("--key", metavar="KEY", help="Only events of this key, such as an order's id."),
    Option("--dead", flag=True, help="Show the dead letters (topics that end in .dlq) with their reasons."),
    Option("--replay", flag=True, help="Send dead letters to the topic they came from again."),
    Option("--id", many=True, metavar="ID", name="ids", help="Only the dead letter with this CloudEvents id."),
    shared.YES,
    shared.JSON,
    about="Without a topic: every topic with its messages and how far each consumer group is behind. Looking "
    "commits nothing. A replayed letter stays in its .dlq topic; consumers tell doubles by the event's id.",
    examples={
        "devctl events": "topics and lag",
        "devctl events shop.order.v1 -f": "watch one topic",
        "devctl events --key 0198f6a2-5c1e-7b30-8a44-1f2e3d4c5b6a": "all that was said about one order",
        "devctl events --dead": "what consumers gave up",
    },
    shape="Without a topic: one topic a line, `topic`, `partitions`, `messages`, `lag` (group → messages). Else one "
    "event a line: `time`, `topic`, `partition`, `offset`, `key`, `type`, `headers`, `value`.",
)
