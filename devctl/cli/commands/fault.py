"""`devctl fault`: latency, bandwidth, resets and outages on the wire of a relayed service."""

from __future__ import annotations

import json
import re

from devctl.actions import names
from devctl.cli import shared
from devctl.cli.context import Context
from devctl.cli.line.declare import Command, Group, Options
from devctl.cli.line.params import Argument, Arguments, Duration, Flag, Number, Text
from devctl.errors import UsageError
from devctl.text import clean

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_UNITS = {"": 1.0, "B": 0.001, "KB": 1.0, "MB": 1000.0, "GB": 1_000_000.0}  # kilobytes


class AddOptions(Options):
    """What `devctl fault add` takes."""

    service = Argument("SERVICE", complete="service", help="The relayed service.")
    latency = Text("--latency", metavar="MS", help="Delay every chunk of data, such as 200ms.")
    jitter = Text("--jitter", metavar="MS", help="With --latency: more or less by up to this, at random.")
    bandwidth = Text("--bandwidth", metavar="RATE", help="Let through no more than this, such as 100KB/s.")
    timeout = Text("--timeout", metavar="MS", help="Let nothing through, and close after this; 0 never closes.")
    reset = Text("--reset", metavar="SHARE", help="Reset this share of the connections, such as 10%.")
    slow_close = Text("--slow-close", metavar="MS", help="Delay the end of a connection.")
    down = Flag("--down", help="Reset every connection, as if the service were away.")
    toxicity = Text("--toxicity", metavar="SHARE", help="The share of connections that it touches; 1.0 unless given.")
    upstream = Flag("--upstream", help="On the way to the service, instead of on the way back.")
    seconds = Duration("--for", metavar="DURATION", help="End by itself after this long.")
    seed = Number("--seed", metavar="N", help="Make chance repeatable.")
    as_json = shared.JSON


class ListOptions(Options):
    """What `devctl fault list` takes."""

    as_json = shared.JSON


class RemoveOptions(Options):
    """What `devctl fault remove` takes."""

    names = Arguments("[NAME]...", help="Faults, or services for all of theirs.")
    everything = Flag("--all", help="Every fault of the stack.")
    as_json = shared.JSON


def add(context: Context, options: AddOptions) -> int:
    """Put one fault on the wire and say its name."""
    fault = fault_of(options)
    client = context.stack.running()
    names.check_in_stack(client, [options.service])
    added = client.add_fault(fault, seconds=options.seconds)
    if options.as_json:
        context.terminal.write(json.dumps(added))
    else:
        name = clean(added["name"])
        context.terminal.write(name)
        context.terminal.say(f"`devctl fault remove {name}` ends it.")
    return 0


def fault_of(options: AddOptions) -> dict[str, Any]:
    """Return what the options ask for; UsageError unless it is exactly one kind of fault."""
    values = {
        "latency": options.latency, "bandwidth": options.bandwidth, "timeout": options.timeout,
        "reset_peer": options.reset, "slow_close": options.slow_close, "down": options.down or None,
    }  # fmt: skip
    kinds = [kind for kind, value in values.items() if value is not None]
    if len(kinds) != 1:
        raise UsageError(
            "a fault is exactly one of --latency, --bandwidth, --timeout, --reset, --slow-close and --down",
            next="Add several faults one after the other; they work together.",
        )
    if options.jitter is not None and options.latency is None:
        raise UsageError("--jitter goes with --latency")
    fault: dict[str, Any] = {
        "service": options.service,
        "kind": kinds[0],
        "stream": "upstream" if options.upstream else "downstream",
        "toxicity": _share(options.toxicity or "1", "--toxicity"),
    }
    if options.seed is not None:
        fault["seed"] = options.seed
    return fault | _strength(kinds[0], options, fault["toxicity"])


def _strength(kind: str, options: AddOptions, toxicity: float) -> dict[str, Any]:
    """Return the values that one kind of fault has."""
    match kind:
        case "latency":
            jitter = _milliseconds(options.jitter or "0", "--jitter")
            return {"milliseconds": _milliseconds(options.latency or "", "--latency"), "jitter": jitter}
        case "timeout":
            return {"milliseconds": _milliseconds(options.timeout or "", "--timeout")}
        case "slow_close":
            return {"milliseconds": _milliseconds(options.slow_close or "", "--slow-close")}
        case "bandwidth":
            return {"rate": _rate(options.bandwidth or "")}
        case "reset_peer":
            return {"toxicity": toxicity * _share(options.reset or "", "--reset")}
    return {}


def _milliseconds(text: str, option: str) -> float:
    """Return milliseconds of `200ms`, `1.5s` or a bare number of milliseconds."""
    from devctl.text import parse_seconds

    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        return float(text)
    try:
        return 1000 * parse_seconds(text)
    except ValueError:
        raise UsageError(f"{option} takes milliseconds or a duration such as 200ms, not {text!r}") from None


def _rate(text: str) -> float:
    """Return kilobytes a second of `100KB/s`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMG]?B)?(?:/s)?", text, re.IGNORECASE)
    if not match or not float(match[1]):
        raise UsageError(f"--bandwidth takes a rate such as 100KB/s, not {text!r}")
    return float(match[1]) * _UNITS[(match[2] or "KB").upper()]


def _share(text: str, option: str) -> float:
    """Return a share of `10%` or `0.1`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text)
    share = float(match[1]) / (100 if match[2] else 1) if match else 2.0
    if not 0 < share <= 1:
        raise UsageError(f"{option} takes a share of the connections such as 10% or 0.1, not {text!r}")
    return share


def show(context: Context, options: ListOptions) -> int:
    """List the faults on the wire."""
    services = context.stack.running().status()["services"]
    faults = [(service["name"], fault) for service in services for fault in service["faults"]]
    if options.as_json:
        for name, fault in faults:
            context.terminal.write(json.dumps({"service": name, **fault}))
        return 0
    from devctl.render import table

    rows: list[list[table.Cell]] = [
        [clean(fault["name"]), clean(name), fault["text"], "until removed" if left is None else f"{left:g} s left"]
        for name, fault in faults
        for left in [fault["seconds_left"]]
    ]
    if rows:
        context.terminal.write("\n".join(table.lines(("name", "service", "fault", "for"), rows, context.terminal)))
    else:
        context.terminal.say("No fault is on the wire.")
    return 0


def remove(context: Context, options: RemoveOptions) -> int:
    """Take faults off the wire and say which."""
    if bool(options.names) == options.everything:
        raise UsageError("name the faults (or their services), or say --all")
    removed = context.stack.running().remove_faults(options.names)
    if options.as_json:
        context.terminal.write(json.dumps({"removed": removed}))
    else:
        context.terminal.say("\n".join(f"Removed {clean(name)}." for name in removed) or "There was none.")
    return 0


_ADD = Command(
    add,
    AddOptions,
    about="Words and meanings are Toxiproxy's. A fault is on the wire between a service and all who reach it by its "
    "address; the service itself is untouched. It needs `front: true` (or more than one instance on a fixed port). "
    "All end with `devctl down`.",
    examples={
        "devctl fault add order --latency 200ms --jitter 50ms": "every answer comes later",
        "devctl fault add kafka --down --for 30s": "an outage of half a minute",
        "devctl fault add catalog --reset 10% --seed 1": "one connection in ten breaks, the same ones every time",
    },
    shape="The fault: `{name, service, kind, milliseconds, jitter, rate, toxicity, stream, seed, until}`.",
)
_LIST = Command(
    show,
    ListOptions,
    examples={"devctl fault list": "what is on the wire now"},
    shape="JSON lines `{service, name, kind, text, seconds_left}`.",
)
_REMOVE = Command(
    remove,
    RemoveOptions,
    examples={"devctl fault remove order_latency_1": "one", "devctl fault remove --all": "all"},
    shape="`{removed: [NAME]}`.",
)
GROUP = Group(
    {
        "add": ("Put a fault on the wire of a service.", _ADD),
        "list": ("List the faults on the wire.", _LIST),
        "remove": ("Take faults off the wire.", _REMOVE),
    },
    about="What a network does to a service: latency, little bandwidth, resets, an outage.",
)
