"""Where other services are called by their name, which only containers know among themselves: each place is noted."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator

from devctl.manifest.nodes import Mapping, Node, Scalar, Sequence
from devctl.manifest.problems import Location
from devctl.manifest.takeover.notes import Notes

PLACES = ("environment", "command", "entrypoint", "healthcheck", "labels", "extra_hosts", "build")
HOST_NAMES = re.compile(
    r"(?i)(?:^|_)(?:HOSTS?|HOSTNAME|SERVERS?|ADDR|ADDRESS|URL|URI|ENDPOINT|BROKERS?|NODES?)\d*(?:_|$)"
)
"""Names of variables whose whole value may be the name of a host."""


def point_out(services: Mapping, elsewhere: Collection[str], notes: Notes) -> None:
    """Note every place where a service's name stands as a host; those of `elsewhere` are no containers, or are called
    otherwise now."""
    names = "|".join(map(re.escape, sorted(services.items, key=len, reverse=True))) or "(?!)"
    hosts = re.compile(
        rf"(?<![\w.-])(?:({names}):(?:[0-9]{{1,5}}|\$\{{?\w+\}}?)(?![\w-])|(?:(?<=//)|(?<=@))({names})(?=[/?,;\s\"']|$))"
    )
    options = re.compile(rf"(?:^|\s)(?:-h|--host)[ =]({names})(?![\w.-])")
    for name, node in services.items.items():
        if not isinstance(node, Mapping):
            continue
        for key in PLACES:
            for location, variable, text in _texts(node.items.get(key)):
                uses = [(match[1] or match[2], match[0]) for match in hosts.finditer(text)]
                uses += [(match[1], match[1]) for match in options.finditer(text)]
                if not uses and HOST_NAMES.search(variable):
                    uses = [(word, word) for word in re.split(r"[,;\s]+", text) if word in services.items]
                for host, written in dict.fromkeys(uses):
                    where = "no address here" if host in elsewhere else "an address among containers alone"
                    message = f"services.{name}: {written} is {where}"
                    notes.add(location, message, f"write ${{services.{host}.PORT}}")


def _texts(node: Node | None, variable: str = "") -> Iterator[tuple[Location, str, str]]:
    if isinstance(node, Scalar):
        key, equals, text = node.text.partition("=")
        is_pair = not variable and equals and re.fullmatch(r"\w+", key)
        yield (node.location, key, text) if is_pair else (node.location, variable, node.text)
    elif isinstance(node, Mapping):
        for key, value in node.items.items():
            yield from _texts(value, key)
    elif isinstance(node, Sequence):
        scalars = [item for item in node.items if isinstance(item, Scalar)]
        for item in node.items:
            yield from _texts(item)
        yield from _pairs(scalars)


def _pairs(scalars: Iterable[Scalar]) -> Iterator[tuple[Location, str, str]]:
    """Yield options with the word behind them, as one text."""
    before: Scalar | None = None
    for scalar in scalars:
        if before is not None and before.text in ("-h", "--host"):
            yield scalar.location, "", f"--host {scalar.text}"
        before = scalar
